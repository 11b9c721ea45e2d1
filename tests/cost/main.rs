//! What a million records and a million webhooks cost: counted on the local stack, priced by the hub's own
//! table. `cargo bench --workspace --bench cost` prints it.
//!
//! Every call of a function to AWS passes a proxy that counts it. What the proxy does not see is added:
//! what Lambda does on a queue's behalf, by the messages that were sent; memory held, by the CPU time of the
//! function processes and by what their calls would wait for on AWS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "a measurement fails by panicking, and prints"
)]

#[path = "../e2e/hub.rs"]
#[expect(dead_code, reason = "the end-to-end tests use all of it")]
mod hub;
mod jobs;
mod measure;
#[path = "../e2e/stack.rs"]
#[expect(dead_code, reason = "the end-to-end tests use all of it")]
mod stack;

use ferrule_core::cost::{DATE, Deployed, Item, REGION, Usage, idle_month};

use jobs::Wording;
use measure::Measured;

/// What is measured has its time: windows and what is kept for a while are as long as on AWS.
const TIME_SCALE: u32 = 1;

/// What it should cost at most, a million.
const RECORDS_AIM: f64 = 0.03;
const WEBHOOKS_AIM: f64 = 2.50;

/// How many are tried, unless two numbers say otherwise.
const RECORDS: usize = 50_000;
const WEBHOOKS: usize = 1_000;

#[tokio::main]
async fn main() {
    let numbers = std::env::args().skip(1).filter_map(|given| given.parse().ok());
    let numbers: Vec<usize> = numbers.collect();
    let records = numbers.first().copied().unwrap_or(RECORDS);
    let webhooks = numbers.get(1).copied().unwrap_or(WEBHOOKS);
    println!(
        "list prices of {DATE} in {REGION}, without free tiers; shared/core/src/cost/prices.rs\n"
    );
    for (wording, text) in
        [(Wording::Phrases, "phrases"), (Wording::News, "words that never repeat")]
    {
        let pull = jobs::pull(records, wording).await;
        let what = format!("a million records of 1 KB of {text}, by {records}");
        show(&what, &pull, records, Some(RECORDS_AIM));
    }
    let deliveries = jobs::deliver(webhooks).await;
    let aim = Some(WEBHOOKS_AIM);
    show(&format!("a million webhooks of 1.3 KB, by {webhooks}"), &deliveries, webhooks, aim);
    for connectors in [2, 4, 9] {
        let of = |pollers| idle_month(Deployed { connectors, secrets: connectors, pollers }).usd();
        let (least, most) = (of(2), of(5));
        println!("an idle month with {connectors} connectors: ${least:.2} to ${most:.2}");
    }
}

/// Prints what a million of something costs, line by line.
fn show(what: &str, measured: &Measured, count: usize, aim: Option<f64>) {
    let times = 1e6 / count as f64;
    let usage = measured.usage() * times;
    println!("{what}");
    for (price, quantity, usd) in usage.lines() {
        println!("  {:<22} {quantity:>14.0}  ${usd:.4}", price.name);
    }
    let total = usage.usd();
    let aim = aim.map(|aim| {
        if total <= aim { format!("aim ${aim}: met") } else { format!("aim ${aim}: MISSED") }
    });
    println!("  in all                                 ${total:.4}  {}", aim.unwrap_or_default());
    println!("  the hub's own estimate                 ${:.4}", measured.estimate.usd() * times);
    let same = |item: Item| (usage.of(item), measured.estimate.of(item) * times);
    for item in [Item::QueueRequest, Item::RowWrite, Item::RowRead, Item::FunctionGbSecond] {
        let (counted, estimated) = same(item);
        println!("    {item:?}: {counted:.0} counted, {estimated:.0} estimated");
    }
    measured.details();
    println!();
}

/// A million times nothing is nothing: `Usage` of a measurement that met nobody would look cheap.
fn some(usage: Usage) -> Usage {
    assert!(usage.of(Item::QueueRequest) > 0.0, "the proxy saw nothing");
    usage
}
