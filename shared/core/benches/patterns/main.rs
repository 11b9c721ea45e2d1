//! What it costs to find those of 20 integrations with 100 patterns each that a key is for.
//!
//! `cargo bench -p ferrule-core --bench patterns`
#![expect(clippy::expect_used, reason = "a bench that cannot start should stop")]

use criterion::{Criterion, criterion_group, criterion_main};
use ferrule_core::pattern::{Index, Patterns};

const LISTS: usize = 20;
const PATTERNS: usize = 100;

const FORMS: [&str; 5] = [
    "*.service{}.*",
    "app.team{}.*",
    "*.team{}.*.password",
    "app.team{}.service{}.port",
    "*secret{}*",
];

fn lists() -> Vec<Patterns> {
    let list = |list: usize| {
        let texts: Vec<String> = (0..PATTERNS)
            .map(|at| FORMS[at % FORMS.len()].replace("{}", &(list * PATTERNS + at).to_string()))
            .collect();
        Patterns::new(&texts).expect("the patterns read well")
    };
    (0..LISTS).map(list).collect()
}

fn keys() -> Vec<String> {
    let key = |at: usize| match at % 3 {
        0 => format!("app.team{at}.service{}.port", at + 1),
        1 => format!("shop.eu.service{at}.database.host"),
        _ => format!("shop.eu.team{at}.database.password"),
    };
    (0..1000).map(key).collect()
}

fn patterns(c: &mut Criterion) {
    let (lists, keys) = (lists(), keys());
    let index = Index::new(&lists).expect("it fits");
    let mut group = c.benchmark_group("1,000 keys against 2,000 patterns");
    group.bench_function("index", |b| {
        b.iter(|| keys.iter().map(|key| index.matching(key).len()).sum::<usize>());
    });
    group.bench_function("one by one", |b| {
        b.iter(|| {
            let matching = |key: &&String| lists.iter().filter(|list| list.matches(key)).count();
            keys.iter().map(|key| matching(&key)).sum::<usize>()
        });
    });
    group.bench_function("making the index", |b| {
        b.iter(|| Index::new(&lists).is_ok());
    });
    group.finish();
}

criterion_group!(benches, patterns);
criterion_main!(benches);
