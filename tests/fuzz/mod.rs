//! Runs a parser over made-up input: a few hundred pieces in every test run, or for
//! `FERRULE_FUZZ_SECS` seconds. The crates' `fuzz.rs` include this file by its path.

use std::cell::Cell;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{TestCaseResult, TestError, TestRunner};

/// Pieces of input between two looks at the clock.
const CASES: u32 = 128;

/// No piece of input may take longer, on however busy a machine.
const SLOWEST: Duration = Duration::from_secs(10);

/// Tries `check` with what `strategy` makes up.
pub(crate) fn fuzz<S>(name: &str, strategy: S, check: impl Fn(S::Value) -> TestCaseResult)
where
    S: Strategy,
    S::Value: Debug,
{
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..<_>::default() };
    let slowest = Cell::new(Duration::ZERO);
    let timed = |input| {
        let started = Instant::now();
        let outcome = check(input);
        let took = started.elapsed();
        slowest.set(slowest.get().max(took));
        prop_assert!(took < SLOWEST, "it took {took:?}");
        outcome
    };
    let (started, mut cases) = (Instant::now(), 0_u64);
    loop {
        match TestRunner::new(config.clone()).run(&strategy, timed) {
            Ok(()) => cases += u64::from(CASES),
            Err(TestError::Fail(why, input)) => panic!("{name}: {why}\n{input:?}"),
            Err(TestError::Abort(why)) => panic!("{name}: {why}"),
        }
        if started.elapsed() >= wanted() {
            break;
        }
    }
    println!("{name}: {cases} inputs, the slowest took {:?}", slowest.get());
}

#[expect(clippy::disallowed_methods, reason = "a developer asks for more")]
fn wanted() -> Duration {
    let secs = std::env::var("FERRULE_FUZZ_SECS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(secs.unwrap_or(0))
}

/// One of `pieces`, which are written with bars between them.
pub(crate) fn piece(pieces: &'static str) -> impl Strategy<Value = &'static str> {
    select(pieces.split('¦').collect::<Vec<_>>())
}

/// Good input that is spoilt in a few places: cut, or with some of `pieces` (or any bytes) put in,
/// now and then many times over.
pub(crate) fn spoilt(good: Vec<Vec<u8>>, pieces: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let put_in = prop_oneof![
        6 => piece(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
        1 => Just(Vec::new()),
    ];
    let times = prop_oneof![9 => Just(1_usize), 1 => 2..200_usize];
    let edit = (any::<Index>(), prop_oneof![4 => 0..12_usize, 1 => 0..400_usize], put_in, times);
    (select(good), vec(edit, 0..8)).prop_map(|(mut input, edits)| {
        for (at, cut, piece, times) in edits {
            let at = at.index(input.len() + 1);
            let end = (at + cut).min(input.len());
            input.splice(at..end, piece.repeat(times));
        }
        input
    })
}
