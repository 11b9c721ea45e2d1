//! The same thing is told once in a while: a row for each thing, with whose it is.

use std::time::Duration;

use ferrule_core::{Digest, Failure, Name, Tenant};
use serde::{Deserialize, Serialize};

use crate::{Item, Store, Table, When, Written};

#[derive(Serialize, Deserialize)]
struct Told {
    /// Who told it: a repeat of the same work meets its own row.
    owner: String,
    /// Milliseconds since 1970.
    until: i64,
}

impl Store {
    /// Tells whether `owner` is the one who tells `thing` for the next while. The same owner always
    /// hears the same.
    pub async fn tells_once(
        &self,
        tenant: &Tenant,
        integration: &Name,
        thing: &Digest,
        owner: &str,
        span: Duration,
    ) -> Result<bool, Failure> {
        let now = self.clock.now_ms();
        let span_ms = i64::try_from(self.scaled(span).as_millis()).unwrap_or(i64::MAX / 2);
        let told = Told { owner: owner.to_owned(), until: now.saturating_add(span_ms) };
        let sk = format!("once#{integration}#{thing}");
        let mut row = Item::new(tenant.as_str(), sk, &told)?.with_expiry(told.until / 1000 + 1);
        row.rev = 1;
        let mut when = When::Absent;
        loop {
            let there = match self.tables.put(Table::State, row.clone(), when).await? {
                Written::Done | Written::Conflict(None) => return Ok(true),
                Written::Conflict(Some(there)) => there,
            };
            let Told { owner: first, until } = there.read()?;
            if first == owner {
                return Ok(true);
            }
            if until > now || when == When::Rev(there.rev) {
                return Ok(false);
            }
            when = When::Rev(there.rev);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;

    #[tokio::test]
    async fn a_thing_is_told_once_in_a_while_and_a_repeat_is_no_second_time() {
        let store = Store::memory(Clock::manual(1_760_000_000_500));
        let (tenant, name) = (Tenant::new("acme").unwrap(), Name::new("chat").unwrap());
        let ask = async |thing: &str, owner: &str| {
            let (thing, span) = (Digest::of(&[thing.as_bytes()]), Duration::from_mins(1));
            store.tells_once(&tenant, &name, &thing, owner, span).await.unwrap()
        };
        assert!(ask("disk full", "r1").await);
        assert!(ask("disk full", "r1").await, "its own row");
        assert!(!ask("disk full", "r2").await);
        assert!(ask("disk slow", "r2").await);
        store.clock.advance(Duration::from_mins(1));
        assert!(ask("disk full", "r3").await);
        assert!(!ask("disk full", "r4").await);
    }
}
