//! A breaker per connection: after repeated failures it opens, messages wait, a probe closes it.
//!
//! It parks nothing and loses nothing: a message that finds it open goes back on its queue, and
//! that is no attempt.

use std::time::Duration;

use ferrule_core::{Failure, Name, Tenant};
use ferrule_store::{Item, Table, When};
use serde::{Deserialize, Serialize};

use super::Handler;
use crate::Connector;

/// Failures in a row, over all workers, that open it.
const OPENS_AT: u32 = 10;

/// How long it stays open before a probe is let through, before scaling.
const OPEN_FOR: Duration = Duration::from_mins(1);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Breaker {
    failures: u32,
    open_until: i64,
}

fn key(connection: &Name) -> String {
    format!("breaker#{connection}")
}

impl<C: Connector> Handler<C> {
    /// Says when to come again while the breaker is open. When its time is over, one message is let
    /// through as a probe and the others wait on.
    pub(super) async fn breaker_lets_pass(
        &self,
        tenant: &Tenant,
        connection: &Name,
    ) -> Result<(), Failure> {
        let row = self.store.tables.get(Table::State, tenant.as_str(), &key(connection)).await?;
        let Some(row) = row else { return Ok(()) };
        let breaker: Breaker = row.read()?;
        if breaker.failures < OPENS_AT {
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
        let probe = Item::new(tenant.as_str(), key(connection), &probe)?;
        if self.store.tables.put(Table::State, probe, When::Rev(row.rev)).await?.is_done() {
            self.ready.note_down(tenant, connection);
            Ok(())
        } else {
            wait(open_until)
        }
    }

    /// Counts a failure of the other side, or forgets them after a success.
    pub(super) async fn tell_breaker(
        &self,
        tenant: &Tenant,
        connection: &Name,
        failure: Option<&Failure>,
    ) -> Result<(), Failure> {
        let is_down = matches!(failure, Some(Failure::Unavailable { .. }));
        if failure.is_some() && !is_down {
            return Ok(());
        }
        let (pk, sk) = (tenant.as_str(), key(connection));
        if !is_down {
            return if self.ready.was_down(tenant, connection) {
                self.store.tables.delete(Table::State, pk, &sk, When::Always).await.map(drop)
            } else {
                Ok(())
            };
        }
        self.ready.note_down(tenant, connection);
        let row = self.store.tables.get(Table::State, pk, &sk).await?;
        let breaker: Breaker = row.as_ref().map(Item::read).transpose()?.unwrap_or_default();
        let failures = breaker.failures + 1;
        let open_until =
            if failures >= OPENS_AT { self.store.clock.now_ms() + self.open_ms() } else { 0 };
        let mut next = Item::new(pk, sk, &Breaker { failures, open_until })?;
        next.rev = 1;
        let when = row.map_or(When::Absent, |row| When::Rev(row.rev));
        self.store.tables.put(Table::State, next, when).await.map(drop)
    }

    fn open_ms(&self) -> i64 {
        i64::try_from(self.store.scaled(OPEN_FOR).as_millis()).unwrap_or(i64::MAX)
    }
}
