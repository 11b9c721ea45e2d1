//! Has every connection checked once an hour, spread over the hour.

use std::time::Duration;

use ferrule_core::{Check, Digest, Envelope, Failure, RunId, Task};
use ferrule_store::{Checkable, Item, Store, Table, When, hourly_reply};
use serde::{Deserialize, Serialize};
use tracing::error;

/// How often a connection is checked, before scaling.
const EVERY: Duration = Duration::from_hours(1);

/// The first tick looks back this long.
const FIRST_MS: i64 = 60_000;

/// Partition and sort key of the row that says up to when checks were asked for.
const ROW: (&str, &str) = ("#schedule", "checks");

#[derive(Serialize, Deserialize)]
struct Asked {
    until_ms: i64,
}

/// Asks for the checks that are due. One connection's trouble does not keep the others waiting.
pub(crate) async fn ask(store: &Store) -> Result<(), Failure> {
    let now_ms = store.clock.now_ms();
    let row = store.tables.get(Table::State, ROW.0, ROW.1).await?;
    let asked: Option<Asked> = row.as_ref().map(Item::read).transpose()?;
    let since_ms = asked.map_or(now_ms - FIRST_MS, |asked| asked.until_ms);
    let mut next = Item::new(ROW.0, ROW.1, &Asked { until_ms: now_ms })?;
    next.rev = 1;
    let when = row.map_or(When::Absent, |row| When::Rev(row.rev));
    // Of two functions at once only one asks.
    if !store.tables.put(Table::State, next, when).await?.is_done() {
        return Ok(());
    }
    let every_ms = i64::try_from(store.scaled(EVERY).as_millis()).unwrap_or(i64::MAX);
    for one in store.checkable().await? {
        if is_due(phase(&one, every_ms), every_ms, (since_ms, now_ms))
            && let Err(failure) = Box::pin(ask_one(store, &one, now_ms)).await
        {
            let Checkable { tenant, connection } = one;
            error!(%tenant, %connection, code = failure.code(), %failure, "cannot check");
        }
    }
    Ok(())
}

async fn ask_one(store: &Store, one: &Checkable, now_ms: i64) -> Result<(), Failure> {
    let Checkable { tenant, connection } = one;
    let Some(stored) = store.connection(tenant, connection).await? else { return Ok(()) };
    let run = RunId::new(format!("check-{connection}-{now_ms}").as_str());
    let envelope = Envelope::new(tenant.clone(), connection.clone(), stored.hash, run);
    let reply_to = hourly_reply(connection);
    let task = Task::Check(Check { connection: connection.clone(), reply_to });
    store.send_task(stored.definition.connector.as_str(), &envelope, task).await
}

/// The same connection is always checked at the same moment of the hour.
fn phase(one: &Checkable, every_ms: i64) -> i64 {
    let hash = Digest::of(&[one.tenant.as_str().as_bytes(), one.connection.as_str().as_bytes()]);
    i64::from_str_radix(&hash.as_str()[..8], 16).unwrap_or(0) % every_ms.max(1)
}

/// Tells whether the moment came up after `since_ms` and not after `now_ms`.
fn is_due(phase: i64, every_ms: i64, (since_ms, now_ms): (i64, i64)) -> bool {
    let ticks = |at: i64| (at - phase).div_euclid(every_ms.max(1));
    ticks(now_ms) > ticks(since_ms)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ferrule_core::{Message, Name, Tenant, definition::Connection};
    use ferrule_store::{Clock, DefinitionKind, Queues};

    use super::*;

    async fn put(store: &Store, name: &str) {
        let text = format!(
            r#"{{"apiVersion":"ferrule/v1","kind":"Connection","metadata":{{"name":"{name}"}},
            "connector":"rest"}}"#
        );
        let connection: Connection = serde_json::from_str(&text).unwrap();
        let tenant = Tenant::new("acme").unwrap();
        store.put_connection(&tenant, &connection, When::Always).await.unwrap().unwrap();
    }

    fn asked(store: &Store) -> Vec<String> {
        let Queues::Memory(queues, _) = &store.queues else { panic!("not in memory") };
        let bodies = std::iter::from_fn(|| {
            let received = queues.receive("rest")?;
            queues.delete("rest", received.id);
            Some(received.body)
        });
        bodies
            .map(|body| Message::decode(&body).unwrap().envelope.integration.to_string())
            .collect()
    }

    #[tokio::test]
    async fn every_connection_is_checked_once_an_hour_and_not_all_at_once() {
        let store = Store::memory(Clock::manual(1_760_000_000_000));
        for at in 0..120 {
            put(&store, &format!("c{at}")).await;
        }
        let mut times = BTreeMap::<String, u32>::new();
        let mut most = 0;
        for minute in 0..120 {
            store.clock.advance(Duration::from_mins(1));
            if minute % 7 == 3 {
                continue; // A tick that did not come.
            }
            ask(&store).await.unwrap();
            let names = asked(&store);
            most = most.max(names.len());
            for name in names {
                *times.entry(name).or_default() += 1;
            }
        }
        assert_eq!(times.len(), 120);
        assert!(times.values().all(|times| *times == 2), "{times:?}");
        assert!(most < 20, "{most}");
    }

    #[tokio::test]
    async fn a_connection_that_was_removed_is_not_checked() {
        let store = Store::memory(Clock::manual(1_760_000_000_000));
        put(&store, "crm").await;
        let (tenant, name) = (Tenant::new("acme").unwrap(), Name::new("crm").unwrap());
        let kind = DefinitionKind::Connection;
        assert!(store.delete_definition(&tenant, kind, &name, When::Always).await.unwrap());
        store.clock.advance(Duration::from_hours(2));
        ask(&store).await.unwrap();
        assert!(asked(&store).is_empty());
    }
}
