//! A breaker per connection: after repeated failures it opens, messages wait, a probe closes it.
//!
//! It judges whether the other side answers, not whether a batch got through: a delivery that got on
//! with some of its records, or was told no, heard an answer, whatever failed beside that.
//!
//! It parks nothing and loses nothing: a message that finds it open goes back on its queue, and
//! that is no attempt; nor is it for a batch that was the probe. That it opens and that it closes
//! are events, each written together with the row that makes it true.

use std::time::Duration;

use ferrule_core::{Envelope, Event, Failure, Name, Object, Tenant, Value, event};
use ferrule_store::{Breaker, Item, Posted, Store, Table, When, Write, post};

use super::Handler;
use crate::{Connector, ratelimit::OWN_LIMIT};

/// Failures in a row, over all workers, that open it.
const OPENS_AT: u32 = 10;

/// How long it stays open before a probe is let through, before scaling.
const OPEN_FOR: Duration = Duration::from_mins(1);

/// So long what meets an open breaker waits without counting attempts, before scaling.
const MOST_OPEN: Duration = Duration::from_hours(24);

/// Failures that did not open it are forgotten after this long.
const FORGET_SECS: i64 = 3600;

/// What became of the rest of the work that a failure stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    /// Some of it was taken in this delivery.
    Taken,
    /// Some of it was taken in an earlier one: what is left may be what fails by itself.
    TakenBefore,
    /// Nothing of it was ever taken.
    Nothing,
}

impl Beside {
    /// Reads it from how much was taken before and after a delivery.
    pub(super) fn of(before: usize, after: usize) -> Self {
        match (before, after) {
            (before, after) if after > before => Self::Taken,
            (0, _) => Self::Nothing,
            _ => Self::TakenBefore,
        }
    }
}

impl<C: Connector> Handler<C> {
    /// Says when to come again while the breaker is open. When its time is over, one message is let
    /// through as a probe and the others wait on.
    pub(super) async fn breaker_lets_pass(
        &self,
        tenant: &Tenant,
        connection: &Name,
    ) -> Result<(), Failure> {
        let (breaker, rev) = self.store.breaker(tenant, connection).await?;
        let Some(rev) = rev else { return Ok(()) };
        if breaker.failures < OPENS_AT {
            // Whoever failed: an answer ends the row of failures for all workers.
            self.ready.note_down(tenant, connection);
            return Ok(());
        }
        let now = self.store.clock.now_ms();
        let wait = |until: i64| {
            let wait = Duration::from_millis((until - now).max(1).unsigned_abs());
            Err(Failure::Deferred { reason: format!("the breaker of {connection} is open"), wait })
        };
        if breaker.open_until > now {
            return wait(breaker.open_until);
        }
        let open_until = now + self.open_ms();
        let probe = Breaker { open_until, ..breaker };
        let probe = Item::new(tenant.as_str(), Breaker::key(connection), &probe)?;
        if self.store.tables.put(Table::State, probe, When::Rev(rev)).await?.is_done() {
            self.ready.note_down(tenant, connection);
            Ok(())
        } else {
            wait(open_until)
        }
    }

    /// Refuses a plan while the breaker is open: it is no probe, and nobody waits for it for long.
    pub(super) async fn breaker_lets_plan(
        &self,
        tenant: &Tenant,
        connection: &Name,
    ) -> Result<(), Failure> {
        let (breaker, _) = self.store.breaker(tenant, connection).await?;
        if breaker.failures < OPENS_AT {
            return Ok(());
        }
        Err(Failure::unavailable(connection.as_str(), "its breaker is open: it failed repeatedly"))
    }

    /// Counts a failure of the other side, or forgets them after an answer.
    pub(super) async fn tell_breaker(
        &self,
        envelope: &Envelope,
        connection: &Name,
        failure: Option<&Failure>,
        beside: Beside,
    ) -> Result<(), Failure> {
        let tenant = &envelope.tenant;
        if envelope.purpose.is_plan() {
            // What a plan meets is nobody's alarm, and it is no probe either.
            return Ok(());
        }
        match failure {
            _ if beside == Beside::Taken || failure.is_none_or(is_answer) => {
                if self.ready.was_down(tenant, connection) {
                    self.close(envelope, connection).await?;
                }
                Ok(())
            }
            // Trouble of AWS says nothing of the other side.
            Some(failure @ Failure::Unavailable { .. }) if !failure.is_own() => {
                self.ready.note_down(tenant, connection);
                self.count(envelope, connection, failure, beside).await
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Makes a wait of a failure that a probe met: that the other side is down is known, and costs no
    /// attempt. When it has been down for a day, what waits is tried to its end, and parked.
    pub(super) async fn spare(
        &self,
        envelope: &Envelope,
        connection: &Name,
        failure: Failure,
    ) -> Result<Failure, Failure> {
        let Failure::Unavailable { retry_after, .. } = &failure else { return Ok(failure) };
        let (breaker, _) = self.store.breaker(&envelope.tenant, connection).await?;
        let now = self.store.clock.now_ms();
        let most_ms = i64::try_from(self.store.scaled(MOST_OPEN).as_millis()).unwrap_or(i64::MAX);
        // The one that opened it is an attempt like any other.
        let was_open = breaker.failures > OPENS_AT && now - breaker.opened_at <= most_ms;
        if !was_open {
            return Ok(failure);
        }
        let until_ms = (breaker.open_until - now).max(1).unsigned_abs();
        let wait = Duration::from_millis(until_ms).max(retry_after.unwrap_or_default());
        Ok(Failure::Deferred { reason: format!("{connection} is still down: {failure}"), wait })
    }

    async fn count(
        &self,
        envelope: &Envelope,
        connection: &Name,
        failure: &Failure,
        beside: Beside,
    ) -> Result<(), Failure> {
        let now = self.store.clock.now_ms();
        let (before, rev) = self.store.breaker(&envelope.tenant, connection).await?;
        // What the other side chokes on begins no row of failures; it goes on with one of others.
        if beside == Beside::TakenBefore && before.failures == 0 {
            return Ok(());
        }
        let failures = before.failures + 1;
        let mut after = Breaker { failures, ..before.clone() };
        if failures >= OPENS_AT {
            after.open_until = now + self.open_ms();
            after.opened_at = if before.opened_at == 0 { now } else { before.opened_at };
        }
        let mut next = Item::new(envelope.tenant.as_str(), Breaker::key(connection), &after)?;
        next.rev = 1;
        if failures < OPENS_AT {
            next = next.with_expiry(self.store.clock.now_secs() + FORGET_SECS);
        }
        let when = rev.map_or(When::Absent, When::Rev);
        let write = Write::Put(Table::State, next, when);
        let opens = after.opened_at != before.opened_at;
        let reason = Some(failure.to_string());
        let told = opens.then(|| {
            told::<C>(event::CONNECTION_OPENED, connection, (now, after.opened_at), reason)
        });
        write_and_tell(&self.store, envelope, write, told).await
    }

    async fn close(&self, envelope: &Envelope, connection: &Name) -> Result<(), Failure> {
        let now = self.store.clock.now_ms();
        let (breaker, rev) = self.store.breaker(&envelope.tenant, connection).await?;
        let Some(rev) = rev else { return Ok(()) };
        let (pk, sk) = (envelope.tenant.to_string(), Breaker::key(connection));
        let write = Write::Delete(Table::State, pk, sk, When::Rev(rev));
        let was_open = breaker.opened_at > 0;
        let told = was_open.then(|| {
            told::<C>(event::CONNECTION_CLOSED, connection, (now, breaker.opened_at), None)
        });
        write_and_tell(&self.store, envelope, write, told).await
    }

    fn open_ms(&self) -> i64 {
        i64::try_from(self.store.scaled(OPEN_FOR).as_millis()).unwrap_or(i64::MAX)
    }
}

/// Tells whether a failure is what the other side answered. Our own call limit is not, nor what is wrong
/// with the work itself: nobody may have been asked.
pub(super) fn is_answer(failure: &Failure) -> bool {
    match failure {
        Failure::Rejected { .. } | Failure::Unauthorized { .. } => true,
        Failure::Throttled { service, .. } => !service.starts_with(OWN_LIMIT),
        Failure::Invalid { .. } => failure.is_gone() || failure.fails_run(),
        Failure::Unavailable { .. } | Failure::Deferred { .. } => false,
    }
}

/// What is not written because another worker was faster needs no repeat: it counted, too.
async fn write_and_tell(
    store: &Store,
    envelope: &Envelope,
    write: Write,
    told: Option<Event>,
) -> Result<(), Failure> {
    let posted = told.filter(|_| !envelope.alert).map(Posted::one);
    let mut writes = vec![write];
    if let Some(posted) = &posted {
        writes.push(post(&envelope.tenant, posted)?);
    }
    match (store.tables.transact(writes).await?, posted) {
        (true, Some(posted)) => store.send_posted(&envelope.tenant, &posted).await,
        _ => Ok(()),
    }
}

/// Its id says which opening it is about, so that it comes once.
fn told<C: Connector>(
    kind: &str,
    connection: &Name,
    (at, opened_at): (i64, i64),
    reason: Option<String>,
) -> Event {
    let mut data = Object::new();
    data.insert("connection", Value::from(connection.as_str()));
    data.insert("connector", Value::from(C::NAME));
    if let Some(reason) = reason {
        data.insert("reason", Value::from(reason));
    }
    Event {
        id: format!("{kind}-{connection}-{opened_at}"),
        kind: kind.into(),
        at,
        subject: connection.to_string(),
        data,
    }
}
