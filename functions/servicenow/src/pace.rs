//! When to go on and when to give the rest of a batch back.
//!
//! A single failed call costs its record a turn, not the whole batch: the others go on, and only
//! what is open comes again. A system that fails several times in a row is left in peace.

use std::time::Duration;

use ferrule_connector::{Disposition, Failure, Load};
use ferrule_store::Clock;

use crate::{ServiceNow, outgoing::refused};

/// So many failures in a row mean that the instance is down.
const IN_A_ROW: usize = 4;

/// Time kept for noting what is done; less when there is little anyway.
const RESERVE: Duration = Duration::from_secs(8);

/// Watches over the writes of one delivery.
pub(crate) struct Pace {
    clock: Clock,
    until_ms: i64,
    failures_in_a_row: usize,
    last: Option<Failure>,
}

impl Pace {
    pub(crate) fn start(load: &Load<'_, ServiceNow>) -> Self {
        let clock = load.context.store.clock.clone();
        let left = load.context.time_left;
        let left = left.saturating_sub(RESERVE.min(left / 4)).as_millis();
        let until_ms = clock.now_ms().saturating_add(i64::try_from(left).unwrap_or(i64::MAX));
        Self { clock, until_ms, failures_in_a_row: 0, last: None }
    }

    /// Gives the rest back when the time is up.
    pub(crate) fn check(&self, done: &[Option<Disposition>]) -> Result<(), Failure> {
        if self.clock.now_ms() < self.until_ms {
            return Ok(());
        }
        let open = done.iter().filter(|one| one.is_none()).count();
        let reason = format!("the time is up with {open} of {} records open", done.len());
        Err(Failure::Deferred { reason, wait: Duration::ZERO })
    }

    /// Notes the outcome of one record; fails when going on makes no sense.
    pub(crate) fn note(
        &mut self,
        at: usize,
        done: &mut [Option<Disposition>],
        outcome: Result<Disposition, Failure>,
    ) -> Result<(), Failure> {
        match outcome {
            Ok(disposition) => {
                done[at] = Some(disposition);
                self.failures_in_a_row = 0;
            }
            Err(Failure::Rejected { reason, .. }) => {
                done[at] = Some(refused("REJECTED", &reason));
                self.failures_in_a_row = 0;
            }
            Err(failure @ Failure::Unavailable { .. }) => {
                self.failures_in_a_row += 1;
                if self.failures_in_a_row >= IN_A_ROW {
                    return Err(failure);
                }
                self.last = Some(longer(self.last.take(), failure));
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    /// Returns the failure of what is still open.
    pub(crate) fn finish(self) -> Option<Failure> {
        self.last
    }
}

/// Keeps the failure whose hint asks for the longer wait.
fn longer(before: Option<Failure>, now: Failure) -> Failure {
    let wait = |failure: &Failure| match failure {
        Failure::Unavailable { retry_after, .. } => *retry_after,
        _ => None,
    };
    match before {
        Some(before) if wait(&before) > wait(&now) => before,
        _ => now,
    }
}
