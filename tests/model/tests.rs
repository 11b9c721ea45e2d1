//! A thousand stories, and what they find when a bug is planted.

use std::cell::Cell;

use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};

use crate::{
    plan::{Plan, plans},
    planted::Bug,
    story::Story,
};

/// Stories told in every test run. `FERRULE_SEEDS` tells more.
const SEEDS: u32 = 1_000;

/// Stories that once broke something; told first.
const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/model/regressions.txt");

fn runner(config: Config) -> TestRunner {
    // The same stories every time, and the more one asks for the same ones first.
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn tell(plan: &Plan, bug: Option<Bug>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Story::tell(plan, bug)).map_err(TestCaseError::fail)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the number of stories is asked for from outside")]
fn no_invariant_is_broken_whatever_goes_wrong_when() {
    let asked = std::env::var("FERRULE_SEEDS").ok().and_then(|text| text.parse().ok());
    let config = Config {
        cases: asked.unwrap_or(SEEDS),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..Config::default()
    };
    if let Err(error) = runner(config).run(&plans(), |plan| tell(&plan, None)) {
        panic!("{error}");
    }
}

/// How a bug was found.
#[derive(Debug)]
struct Found {
    story: u32,
    steps: usize,
    reason: String,
}

fn find(bug: Bug) -> Found {
    let (told, found_after) = (Cell::new(0), Cell::new(None));
    let config = Config {
        cases: SEEDS,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let outcome = runner(config).run(&plans(), |plan| {
        told.set(told.get() + 1);
        tell(&plan, Some(bug)).inspect_err(|_| {
            if found_after.get().is_none() {
                found_after.set(Some(told.get()));
            }
        })
    });
    match outcome {
        Err(TestError::Fail(reason, plan)) => Found {
            story: found_after.get().unwrap(),
            steps: plan.steps.len(),
            reason: reason.message().to_owned(),
        },
        other => panic!("nobody noticed {bug:?}: {other:?}"),
    }
}

/// A check that cannot fail is none.
#[test]
fn every_planted_bug_is_found_by_the_invariant_that_it_breaks() {
    for (bug, invariant) in [
        (Bug::AckBeforeWrite, "I1"),
        (Bug::ClaimForgotten, "I2"),
        (Bug::CursorBeforeConfirm, "I3"),
        (Bug::KeyWithoutTenant, "I4"),
        (Bug::Impatience, "I5"),
        (Bug::SecretInFailure, "I6"),
        (Bug::NoVersions, "I7"),
    ] {
        let Found { story, steps, reason } = find(bug);
        println!("{bug:?}: story {story}, {steps} steps after shrinking. {reason}");
        assert!(reason.starts_with(invariant), "{bug:?} was found by another: {reason}");
    }
}
