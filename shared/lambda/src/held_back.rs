//! Work of an integration that has cost its budget of the day waits for the next one.
//!
//! Thousands of messages may wait, and each is looked at every quarter of an hour. So a process asks the
//! tables once a minute for all of them, and they do not all come back in the same second.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ferrule_core::{
    Envelope, Failure, Message, Name, RunId, Task, Tenant,
    definition::{Budget, Integration, Urgency},
};
use ferrule_store::{Definitions, MAX_DELAY, Pause, Store, mark};
use tracing::{info, warn};

/// What is known of a pause is believed so long, before scaling: a raised budget counts soon.
const BELIEVED: Duration = Duration::from_mins(1);

/// The lease of a run that waits is held on so often, before scaling: well within its time.
const HOLD: Duration = Duration::from_mins(15);

/// Most integrations and runs that are remembered; beyond, all are forgotten and asked for again.
const MOST: usize = 1_000;

/// What a process knows of integrations that wait for a budget.
#[derive(Debug)]
pub(crate) struct HeldBack {
    store: Store,
    definitions: Arc<Definitions>,
    /// Pauses, and when each was looked at; milliseconds since 1970.
    pauses: Mutex<HashMap<(Tenant, Name), (Pause, i64)>>,
    /// When the lease of a run was held on; milliseconds since 1970.
    held: Mutex<HashMap<(Tenant, RunId), i64>>,
}

impl HeldBack {
    pub(crate) fn new(store: Store, definitions: Arc<Definitions>) -> Self {
        Self { store, definitions, pauses: Mutex::default(), held: Mutex::default() }
    }

    /// Returns how long a message waits because its integration has spent its budget; it is looked at
    /// again then.
    pub(crate) async fn wait(&self, message: &Message) -> Result<Option<Duration>, Failure> {
        let envelope = &message.envelope;
        if !may_wait(message) {
            return Ok(None);
        }
        let integration = match self.definitions.of(envelope).await {
            Ok(integration) => integration,
            // Whoever works on it says what is wrong.
            Err(Failure::Invalid { .. }) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let Some(budget) = integration.limits.as_ref().and_then(|limits| limits.budget) else {
            return Ok(None);
        };
        let Some(pause) = self.pause(&envelope.tenant, &integration, budget).await? else {
            return Ok(None);
        };
        info!(%pause, "held back");
        self.hold_on(envelope).await;
        let left = pause.until_ms.saturating_sub(self.store.clock.now_ms()).max(1);
        let left = Duration::from_millis(left.unsigned_abs());
        Ok(Some(until_next_look(left, self.store.scaled(MAX_DELAY), chance())))
    }

    async fn pause(
        &self,
        tenant: &Tenant,
        integration: &Integration,
        budget: Budget,
    ) -> Result<Option<Pause>, Failure> {
        let key = (tenant.clone(), integration.metadata.name.clone());
        let now_ms = self.store.clock.now_ms();
        let known = self.believed(&key, now_ms);
        // A message may know of a greater budget than the others.
        if let Some(pause) = known.filter(|pause| pause.spent_usd >= budget.usd_per_day) {
            return Ok(Some(pause));
        }
        let pause = self.store.pause(tenant, integration).await?;
        let mut pauses = lock(&self.pauses);
        if pauses.len() >= MOST {
            pauses.clear();
        }
        match pause {
            Some(pause) => pauses.insert(key, (pause, now_ms)),
            None => pauses.remove(&key),
        };
        Ok(pause)
    }

    /// Returns what is known of a pause. Whoever finds it too old looks again; the others believe it
    /// meanwhile.
    fn believed(&self, key: &(Tenant, Name), now_ms: i64) -> Option<Pause> {
        let mut pauses = lock(&self.pauses);
        let (pause, looked_ms) = pauses.get_mut(key)?;
        if pause.until_ms <= now_ms || now_ms - *looked_ms >= self.scaled_ms(BELIEVED) {
            *looked_ms = now_ms;
            return None;
        }
        Some(*pause)
    }

    /// Keeps the lease of a run whose messages wait: nobody is to take it for stuck.
    async fn hold_on(&self, envelope: &Envelope) {
        if envelope.token == 0 {
            return;
        }
        let key = (envelope.tenant.clone(), envelope.run.clone());
        let now_ms = self.store.clock.now_ms();
        {
            let mut held = lock(&self.held);
            if held.get(&key).is_some_and(|held_ms| now_ms - held_ms < self.scaled_ms(HOLD)) {
                return;
            }
            if held.len() >= MOST {
                held.clear();
            }
            held.insert(key.clone(), now_ms);
        }
        if let Err(failure) = self.store.hold_on(&envelope.tenant, &envelope.run).await {
            warn!(code = failure.code(), %failure, "the lease of a run that is held back was not renewed");
            lock(&self.held).remove(&key);
        }
    }

    fn scaled_ms(&self, span: Duration) -> i64 {
        i64::try_from(self.store.scaled(span).as_millis()).unwrap_or(i64::MAX)
    }
}

/// Tells whether a message may be held back. What is urgent does not wait, nor what only says what became
/// of work, nor a plan that somebody waits for.
fn may_wait(message: &Message) -> bool {
    let envelope = &message.envelope;
    let is_work = matches!(
        message.task,
        Task::Extract(_) | Task::Transform(_) | Task::Load(_) | Task::Fold(_)
    );
    let is_urgent = envelope.urgency == Urgency::High || envelope.alert;
    is_work && !is_urgent && !envelope.purpose.is_plan()
}

/// Spreads those who wait over a third of the longest wait: after the budget is new when that is soon
/// enough, else before the longest wait is over. `chance` is between 0 and 1.
fn until_next_look(left: Duration, longest: Duration, chance: f64) -> Duration {
    let spread = longest / 3;
    let part = spread.mul_f64(chance);
    if left + spread <= longest { left + part } else { longest.saturating_sub(part) }
}

/// Returns a number between 0 and 1, another one each time.
fn chance() -> f64 {
    let first = mark().get(..8).and_then(|part| u32::from_str_radix(part, 16).ok());
    f64::from(first.unwrap_or(0)) / f64::from(u32::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_comes_before_a_budget_that_is_near_nor_waits_longer_than_a_queue_can() {
        let minutes = |left: u64, chance: f64| {
            until_next_look(Duration::from_mins(left), MAX_DELAY, chance).as_secs_f64() / 60.0
        };
        for (left, earliest, latest) in
            [(600, 10.0, 15.0), (12, 10.0, 15.0), (10, 10.0, 15.0), (1, 1.0, 6.0)]
        {
            let (one, other) = (minutes(left, 0.0), minutes(left, 1.0));
            let (first, last) = (one.min(other), one.max(other));
            assert!((first - earliest).abs() < 0.01 && (last - latest).abs() < 0.01, "{left}");
        }
    }
}
