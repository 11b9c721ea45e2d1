//! A breaker per connection: after repeated failures it opens, messages wait, a probe closes it.
//!
//! It parks nothing and loses nothing: a message that finds it open goes back on its queue, and
//! that is no attempt. That it opens and that it closes are events, each written together with the
//! row that makes it true.

use std::time::Duration;

use ferrule_core::{Envelope, Event, Failure, Name, Object, Tenant, Value, event};
use ferrule_store::{Breaker, Item, Posted, Store, Table, When, Write, post};

use super::Handler;
use crate::Connector;

/// Failures in a row, over all workers, that open it.
const OPENS_AT: u32 = 10;

/// How long it stays open before a probe is let through, before scaling.
const OPEN_FOR: Duration = Duration::from_mins(1);

/// Failures that did not open it are forgotten after this long.
const FORGET_SECS: i64 = 3600;

impl<C: Connector> Handler<C> {
    /// Says when to come again while the breaker is open. When its time is over, one message is let
    /// through as a probe and the others wait on.
    pub(super) async fn breaker_lets_pass(
        &self,
        tenant: &Tenant,
        connection: &Name,
    ) -> Result<(), Failure> {
        let (breaker, rev) = self.store.breaker(tenant, connection).await?;
        let Some(rev) = rev.filter(|_| breaker.failures >= OPENS_AT) else { return Ok(()) };
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

    /// Counts a failure of the other side, or forgets them after a success.
    pub(super) async fn tell_breaker(
        &self,
        envelope: &Envelope,
        connection: &Name,
        failure: Option<&Failure>,
    ) -> Result<(), Failure> {
        match failure {
            Some(failure @ Failure::Unavailable { .. }) => {
                self.ready.note_down(&envelope.tenant, connection);
                self.count(envelope, connection, failure).await
            }
            None if self.ready.was_down(&envelope.tenant, connection) => {
                self.close(envelope, connection).await
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn count(
        &self,
        envelope: &Envelope,
        connection: &Name,
        failure: &Failure,
    ) -> Result<(), Failure> {
        let now = self.store.clock.now_ms();
        let (before, rev) = self.store.breaker(&envelope.tenant, connection).await?;
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
