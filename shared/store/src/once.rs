//! The same thing is told once in a while: a row for each thing says until when, and a row for each
//! that asked says what was decided. Whoever asks again hears the same, whoever has the thing by then.

use std::time::Duration;

use ferrule_core::{Digest, Failure, Name, Tenant};
use serde::{Deserialize, Serialize};

use crate::{Item, Store, Table, When, Write};

/// What was decided is kept this long: as long as runs are recognised.
const KEEP_SECS: i64 = 14 * 86_400;

/// Times a decision is tried when others ask for the same thing at once.
const TRIES: usize = 20;

/// The row of a thing.
#[derive(Serialize, Deserialize)]
struct Told {
    /// Who told it: makes the rows of two different.
    owner: String,
    /// Milliseconds since 1970.
    until: i64,
}

/// The row of one who asked.
#[derive(Serialize, Deserialize)]
struct Decided {
    tells: bool,
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
        let span_ms = i64::try_from(self.scaled(span).as_millis()).unwrap_or(i64::MAX / 2);
        let of_thing = format!("once#{integration}#{thing}");
        let keys = [of_thing, format!("once-of#{integration}#{owner}#{thing}")];
        for _ in 0..TRIES {
            let rows = self.tables.get_many(Table::State, tenant.as_str(), &keys).await?;
            let row = |key: &String| rows.iter().find(|row| row.sk == *key);
            if let Some(decided) = row(&keys[1]) {
                return Ok(decided.read::<Decided>()?.tells);
            }
            let now = self.clock.now_ms();
            let there = row(&keys[0]);
            let told: Option<Told> = there.map(Item::read).transpose()?;
            let tells = told.is_none_or(|told| told.until <= now);
            let decided = Item::new(tenant.as_str(), &keys[1], &Decided { tells })?
                .with_expiry(self.clock.now_secs() + KEEP_SECS);
            let mut writes = vec![Write::Put(Table::State, decided, When::Absent)];
            if tells {
                let told = Told { owner: owner.to_owned(), until: now.saturating_add(span_ms) };
                let mut row =
                    Item::new(tenant.as_str(), &keys[0], &told)?.with_expiry(told.until / 1000 + 1);
                row.rev = 1;
                let when = there.map_or(When::Absent, |row| When::Rev(row.rev));
                writes.push(Write::Put(Table::State, row, when));
            }
            if self.tables.transact(writes).await? {
                return Ok(tells);
            }
        }
        Err(Failure::unavailable("state", "many tell the same thing at once"))
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
        assert!(ask("disk full", "r1").await, "what was decided stands, whoever has it now");
        store.clock.advance(Duration::from_mins(1));
        assert!(!ask("disk full", "r2").await, "nobody is told later what was held back");
    }
}
