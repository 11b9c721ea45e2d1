//! When work that is sent away comes back: one piece after the other, not all at the same moment.
//!
//! An open breaker and a used-up call limit send everybody away until the same moment. With a backlog
//! of thousands, all of them would come back then, for the few calls that there are, again and again.
//! So each gets a turn of its own, as far from the last one as the calls of the connection are from
//! each other. Integrations with limits of their own have turns of their own: they do not wait at the
//! pace of a slower one. Every process counts for itself: a few too many come, never all.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ferrule_core::{
    Envelope, Failure, Name, Tenant,
    definition::{Limits, Urgency},
};

use super::Handler;
use crate::{Connector, ratelimit::Rates};

/// Turns go round within this time, before scaling: a queue holds a message no longer.
const ROUND: Duration = Duration::from_mins(15);

/// Who takes turns with each other.
type Of = (Tenant, Name, Rates);

/// The last turn that was given; milliseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<Of, i64>>);

impl Turns {
    /// Gives the next turn, not before `base_ms`.
    fn next(&self, of: Of, base_ms: i64, pace_ms: i64, round_ms: i64) -> i64 {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = all.entry(of).or_insert(0);
        let next = base_ms.max(*last + pace_ms);
        *last = if next - base_ms > round_ms { base_ms } else { next };
        *last
    }
}

impl<C: Connector> Handler<C> {
    /// Lengthens a wait that many others have been asked for, too. What is urgent never waits behind what is not.
    pub(super) async fn in_turn(
        &self,
        envelope: &Envelope,
        connection: &Name,
        limits: Option<&Limits>,
        failure: Failure,
    ) -> Failure {
        if envelope.urgency == Urgency::High {
            return failure;
        }
        let (Failure::Throttled { retry_after: Some(wait), .. } | Failure::Deferred { wait, .. }) =
            &failure
        else {
            return failure;
        };
        let Ok(rates) = self.rates(&envelope.tenant, connection, limits).await else {
            return failure;
        };
        let pace = self.pace(rates);
        let now_ms = self.store.clock.now_ms();
        let millis = |wait: Duration| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 4);
        let base_ms = now_ms.saturating_add(millis(*wait));
        let round_ms = millis(self.store.scaled(ROUND));
        let of = (envelope.tenant.clone(), connection.clone(), rates);
        let turn_ms = self.ready.turns.next(of, base_ms, millis(pace), round_ms);
        let later = Duration::from_millis(turn_ms.saturating_sub(now_ms).max(1).unsigned_abs());
        match failure {
            Failure::Throttled { service, .. } => {
                Failure::Throttled { service, retry_after: Some(later) }
            }
            Failure::Deferred { reason, .. } => Failure::Deferred { reason, wait: later },
            other => other,
        }
    }

    /// How far apart calls are when they are even.
    fn pace(&self, rates: Rates) -> Duration {
        let rate = rates.strictest();
        let window = Duration::from_secs(rate.window_secs.into());
        self.store.scaled(window) / rate.calls.max(1)
    }
}

#[cfg(test)]
mod tests {
    use ferrule_core::definition::Rate;

    use super::*;

    fn of(tenant: &str, calls: u32) -> Of {
        let rate = Rate { calls, window_secs: 60 };
        (Tenant::new(tenant).unwrap(), Name::new("crm").unwrap(), rate.into())
    }

    #[test]
    fn turns_are_as_far_apart_as_calls_never_early_and_go_round() {
        let turns = Turns::default();
        let given: Vec<i64> = (0..5).map(|_| turns.next(of("acme", 60), 1_000, 10, 30)).collect();
        assert_eq!(given, [1_000, 1_010, 1_020, 1_030, 1_000]);
        assert_eq!(turns.next(of("acme", 60), 5_000, 10, 30), 5_000);
        assert_eq!(turns.next(of("beta", 60), 1_000, 10, 30), 1_000);
    }

    #[test]
    fn an_integration_does_not_wait_at_the_pace_of_a_slower_one() {
        let turns = Turns::default();
        turns.next(of("acme", 1), 1_000, 60_000, 900_000);
        turns.next(of("acme", 1), 1_000, 60_000, 900_000);
        assert_eq!(turns.next(of("acme", 600), 1_000, 100, 900_000), 1_000);
    }
}
