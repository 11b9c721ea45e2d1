//! The flow under faults, in memory: random order, repeats, kills between any two calls, sources
//! and sinks that fail. After every story nothing is lost, nothing is doubled, no cursor runs ahead.
//!
//! The doubles are the source, the sink and the killing; stages, store rules and runner are real.

mod judge;
mod story;
mod world;

use story::Story;

/// Stories told in every test run. `FERRULE_SEEDS` tells more.
const SEEDS: u64 = 400;

#[test]
#[expect(clippy::disallowed_methods, reason = "the number of stories is asked for from outside")]
fn nothing_is_lost_or_doubled_whatever_dies_when() {
    let seeds = std::env::var("FERRULE_SEEDS").ok().and_then(|text| text.parse().ok());
    for seed in 0..seeds.unwrap_or(SEEDS) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(Story::new(seed).tell());
    }
}
