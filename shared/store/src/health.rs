//! What the last check of each connection found, and which connections there are to check.

use ferrule_core::{
    Event, Failure, Name, Object, Tenant, Value,
    event::{CONNECTION_FAILED, CONNECTION_RECOVERED},
};
use serde::{Deserialize, Serialize};

use crate::{Item, Posted, Store, Table, When, Write, outbox::post};

/// Partition of the pointers that `schedule` reads.
const CONNECTIONS: &str = "#connections";

/// Times a result is written again when another check came between.
const TRIES: usize = 5;

/// What the last check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionHealth {
    /// The connection works.
    pub ok: bool,
    /// One sentence.
    pub message: String,
    /// Code of the failure: `unauthorized` is a bad credential, `unavailable` a dead host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// When it was checked, in milliseconds since 1970.
    pub at: i64,
    /// Since when it is as it is, in milliseconds since 1970.
    pub since: i64,
}

/// A connection, as `schedule` finds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkable {
    /// Whose.
    pub tenant: Tenant,
    /// Which connection.
    pub connection: Name,
}

/// Where the answer of the hourly check goes: nobody waits for it.
pub fn hourly_reply(connection: &Name) -> String {
    format!("check#{connection}#hourly")
}

fn key(connection: &Name) -> String {
    format!("health#{connection}")
}

impl Store {
    /// Returns what the last check found; `None` before the first.
    pub async fn connection_health(
        &self,
        tenant: &Tenant,
        name: &Name,
    ) -> Result<Option<ConnectionHealth>, Failure> {
        let row = self.tables.get(Table::State, tenant.as_str(), &key(name)).await?;
        row.map(|row| row.read()).transpose()
    }

    /// Keeps what a check found. When it turned, that is an event, written together with it.
    pub async fn note_check(
        &self,
        tenant: &Tenant,
        name: &Name,
        found: &ConnectionHealth,
    ) -> Result<(), Failure> {
        for _ in 0..TRIES {
            let row = self.tables.get(Table::State, tenant.as_str(), &key(name)).await?;
            let before: Option<ConnectionHealth> = row.as_ref().map(Item::read).transpose()?;
            if before.as_ref().is_some_and(|before| before.at >= found.at) {
                return Ok(());
            }
            let turned = before.as_ref().map_or(!found.ok, |before| before.ok != found.ok);
            let same = before.filter(|before| before.ok == found.ok);
            let since = same.map_or(found.at, |before| before.since);
            let after = ConnectionHealth { since, ..found.clone() };
            let mut item = Item::new(tenant.as_str(), key(name), &after)?;
            item.rev = 1;
            let when = row.map_or(When::Absent, |row| When::Rev(row.rev));
            let mut writes = vec![Write::Put(Table::State, item, when)];
            let posted = turned.then(|| Posted::one(turned_event(name, &after)));
            if let Some(posted) = &posted {
                writes.push(post(tenant, posted)?);
            }
            if self.tables.transact(writes).await? {
                return match posted {
                    Some(posted) => self.send_posted(tenant, &posted).await,
                    None => Ok(()),
                };
            }
        }
        Err(Failure::unavailable("state", format!("many checks of {name} at once")))
    }

    /// Returns every connection, over all tenants.
    pub async fn checkable(&self) -> Result<Vec<Checkable>, Failure> {
        self.all_rows(Table::Registry, CONNECTIONS, "").await?.iter().map(Item::read).collect()
    }

    /// Has a connection checked from now on, or no more; then nothing is known of it either.
    pub(crate) async fn point_check(
        &self,
        tenant: &Tenant,
        name: &Name,
        is_there: bool,
    ) -> Result<(), Failure> {
        let sk = format!("{tenant}#{name}");
        if is_there {
            let pointer = Checkable { tenant: tenant.clone(), connection: name.clone() };
            let row = Item::new(CONNECTIONS, sk, &pointer)?;
            return self.tables.put(Table::Registry, row, When::Always).await.map(drop);
        }
        self.tables.delete(Table::Registry, CONNECTIONS, &sk, When::Always).await?;
        self.tables.delete(Table::State, tenant.as_str(), &key(name), When::Always).await.map(drop)
    }
}

fn turned_event(name: &Name, found: &ConnectionHealth) -> Event {
    let kind = if found.ok { CONNECTION_RECOVERED } else { CONNECTION_FAILED };
    let mut data = Object::new();
    data.insert("connection", Value::from(name.as_str()));
    data.insert("message", Value::from(found.message.as_str()));
    if let Some(code) = &found.code {
        data.insert("code", Value::from(code.as_str()));
    }
    Event {
        id: format!("{kind}-{name}-{}", found.at),
        kind: kind.into(),
        at: found.at,
        subject: name.to_string(),
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, Queues};

    fn found(ok: bool, at: i64) -> ConnectionHealth {
        ConnectionHealth { ok, message: "said so".into(), code: None, at, since: 0 }
    }

    #[tokio::test]
    async fn a_connection_that_turns_is_an_event_and_one_that_stays_is_none() {
        let store = Store::memory(Clock::manual(1_760_000_000_000));
        let Queues::Memory(queues, _) = &store.queues else { panic!("not in memory") };
        let (tenant, name) = (Tenant::new("acme").unwrap(), Name::new("crm").unwrap());
        let mut told = 0;
        for (at, (ok, events)) in
            (1..).zip([(true, 0), (false, 1), (false, 1), (true, 2), (true, 2)])
        {
            store.note_check(&tenant, &name, &found(ok, at)).await.unwrap();
            told += usize::from(queues.receive("dispatch").is_some());
            assert_eq!(told, events, "check {at}");
        }
        store.note_check(&tenant, &name, &found(false, 3)).await.unwrap();
        let health = store.connection_health(&tenant, &name).await.unwrap().unwrap();
        assert_eq!((health.ok, health.at, health.since), (true, 5, 4), "an old answer is nothing");
        assert_eq!(store.drain_outbox().await.unwrap(), 0);
    }
}
