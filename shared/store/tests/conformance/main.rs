//! The same promises, kept by both implementations: in memory always, and on AWS or its emulation
//! when `FERRULE_TEST_ENDPOINT` says where that is. Credentials and region come from the
//! environment, as the SDK reads them.
//!
//! The modules are marked as tests so that the linter lets their helpers unwrap.

#[cfg(test)]
mod payloads;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod transactions;

use ferrule_store::{Item, Query, Store, Table};

/// Returns a store of each kind that there is, to be tried one after the other.
async fn stores() -> Vec<Store> {
    let mut stores = vec![Store::memory(ferrule_store::Clock::System)];
    stores.extend(stage::aws().await);
    stores
}

/// Returns a key that no other test and no other run uses.
fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", uuid::Uuid::now_v7().simple())
}

/// Makes a row without index, revision and expiry.
fn row(pk: &str, sk: impl Into<String>, body: &str) -> Item {
    Item { pk: pk.into(), sk: sk.into(), body: body.into(), ..Item::default() }
}

/// Makes a row that has expired.
fn expired(store: &Store, item: Item) -> Item {
    Item { expires: Some(store.clock.now_secs() - 1), ..item }
}

#[tokio::test]
async fn works_from_a_task_of_its_own() {
    for store in stores().await {
        let pk = unique("acme");
        let task = tokio::spawn(async move {
            store.tables.put_many(Table::Audit, vec![row(&pk, "a", "{}")]).await?;
            store.tables.transact(vec![]).await?;
            store.queues.send("rest", vec![]).await?;
            let rows = store.tables.query(Table::Audit, Query { pk, ..Query::default() }).await?;
            let [row] = &rows.items[..] else { return Ok(rows.items) };
            store.tables.get_many(Table::Audit, &row.pk, &["a".into()]).await
        });
        assert_eq!(task.await.unwrap().unwrap().len(), 1);
    }
}
