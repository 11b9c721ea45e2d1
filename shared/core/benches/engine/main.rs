//! What the engine costs per 10,000 records of about 1 KB: reading the JSON, mapping eight columns
//! with conversions, checks, one expression, and writing the result.
//!
//! `cargo bench -p ferrule-core`
#![expect(clippy::expect_used, reason = "a bench that cannot start should stop")]

mod cpu;
mod flow;
mod sample;

use std::time::Duration;

use cpu::CpuTime;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ferrule_core::{
    Value,
    definition::Integration,
    engine::{Engine, Verdict},
    expr::Expr,
    json,
};

const RECORDS: usize = 10_000;

fn engine() -> Engine {
    let integration: Integration = serde_json::from_str(sample::DEFINITION).expect("it reads well");
    Engine::compile(&integration).expect("it compiles")
}

/// One record all the way; returns how many bytes came out.
fn apply(engine: &Engine, text: &str, out: &mut String) -> usize {
    let Ok(record) = json::parse(text.as_bytes()) else { return 0 };
    match engine.apply(&record) {
        Verdict::Mapped(row) => {
            out.clear();
            json::write(&row.value, out);
            out.len()
        }
        Verdict::Ignored | Verdict::Refused(_) => 0,
    }
}

fn whole(c: &mut Criterion<CpuTime>) {
    let (engine, records) = (engine(), sample::records(RECORDS));
    let mut out = String::new();
    let refused = records.iter().filter(|text| apply(&engine, text, &mut out) == 0).count();
    assert_eq!(refused, sample::INVALID * RECORDS / 1000, "the sample is what it says");
    let mut group = c.benchmark_group("10,000 records");
    group.throughput(Throughput::Elements(RECORDS as u64)).sample_size(20);
    group.bench_function("parse, map, check, write", |b| {
        b.iter(|| records.iter().map(|text| apply(&engine, text, &mut out)).sum::<usize>());
    });
    group.finish();
}

/// The same as `transform` does it: messages in, messages out.
fn through_the_queue(c: &mut Criterion<CpuTime>) {
    let (engine, messages) = (engine(), flow::messages(&sample::records(RECORDS)));
    let mut group = c.benchmark_group("10,000 records");
    group.throughput(Throughput::Elements(RECORDS as u64)).sample_size(20);
    group.bench_function("decode message, map, check, encode message", |b| {
        b.iter(|| messages.iter().map(|text| flow::transform(&engine, text)).sum::<usize>());
    });
    group.finish();
}

fn parts(c: &mut Criterion<CpuTime>) {
    let (engine, texts) = (engine(), sample::records(RECORDS));
    let records: Vec<Value> =
        texts.iter().map(|text| json::parse(text.as_bytes()).expect("it reads well")).collect();
    let mut group = c.benchmark_group("10,000 records, by part");
    group.throughput(Throughput::Elements(RECORDS as u64)).sample_size(20);
    group.bench_function("parse", |b| {
        b.iter(|| texts.iter().filter(|text| json::parse(text.as_bytes()).is_ok()).count());
    });
    group.bench_function("map and check", |b| {
        b.iter(|| {
            let mapped = records.iter().map(|record| engine.apply(record));
            mapped.filter(|verdict| matches!(verdict, Verdict::Mapped(_))).count()
        });
    });
    let expr = Expr::compile(sample::EXPRESSION).expect("it compiles");
    group.bench_function("expression", |b| {
        b.iter(|| records.iter().filter(|record| expr.first(record).is_ok()).count());
    });
    let mut out = String::new();
    group.bench_function("write", |b| {
        b.iter(|| {
            let written = records.iter().map(|record| {
                out.clear();
                json::write(record, &mut out);
                out.len()
            });
            written.sum::<usize>()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5));
    targets = whole, through_the_queue, parts
}
criterion_main!(benches);
