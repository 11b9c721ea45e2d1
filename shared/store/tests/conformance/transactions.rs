//! All or nothing.

use ferrule_store::{Item, Store, Table, When, Write};

use crate::{expired, row, stores, unique};

async fn body(store: &Store, table: Table, pk: &str, sk: &str) -> Option<String> {
    store.tables.get(table, pk, sk).await.unwrap().map(|item| item.body)
}

#[tokio::test]
async fn writes_to_several_tables_at_once() {
    for store in stores().await {
        let pk = unique("acme");
        let old = Item { rev: 4, ..row(&pk, "run", "running") };
        store.tables.put(Table::SyncLog, old.clone(), When::Always).await.unwrap();
        store.tables.put(Table::State, row(&pk, "lease", ""), When::Always).await.unwrap();
        let writes = vec![
            Write::Put(Table::SyncLog, Item { body: "done".into(), ..old }, When::Rev(4)),
            Write::Put(Table::State, row(&pk, "cursor", "10"), When::Absent),
            Write::Delete(Table::State, pk.clone(), "lease".into(), When::Rev(0)),
        ];
        assert!(store.tables.transact(writes).await.unwrap());
        let run = store.tables.get(Table::SyncLog, &pk, "run").await.unwrap().unwrap();
        assert_eq!((&*run.body, run.rev), ("done", 5));
        assert_eq!(body(&store, Table::State, &pk, "cursor").await.as_deref(), Some("10"));
        assert_eq!(body(&store, Table::State, &pk, "lease").await, None);
    }
}

#[tokio::test]
async fn writes_nothing_when_one_condition_does_not_hold() {
    for store in stores().await {
        let pk = unique("acme");
        store.tables.put(Table::State, row(&pk, "there", "old"), When::Always).await.unwrap();
        let there = row(&pk, "there", "new");
        let gone = |when| Write::Delete(Table::State, pk.clone(), "gone".into(), when);
        let failing = [
            Write::Put(Table::State, there.clone(), When::Absent),
            Write::Put(Table::State, there, When::Rev(9)),
            Write::Put(Table::State, row(&pk, "gone", ""), When::Rev(0)),
            gone(When::Rev(0)),
        ];
        for write in failing {
            let other = Write::Put(Table::Audit, row(&pk, "other", ""), When::Always);
            assert!(!store.tables.transact(vec![other, write.clone()]).await.unwrap(), "{write:?}");
        }
        assert_eq!(body(&store, Table::Audit, &pk, "other").await, None);
        assert_eq!(body(&store, Table::State, &pk, "there").await.as_deref(), Some("old"));
        assert!(store.tables.transact(vec![gone(When::Always)]).await.unwrap());
        assert!(store.tables.transact(vec![gone(When::Absent)]).await.unwrap());
    }
}

#[tokio::test]
async fn treats_an_expired_row_as_absent() {
    for store in stores().await {
        let pk = unique("acme");
        let lease = expired(&store, row(&pk, "lease", "theirs"));
        store.tables.put(Table::State, lease, When::Always).await.unwrap();
        let ours = row(&pk, "lease", "ours");
        let renew = Write::Put(Table::State, ours.clone(), When::Rev(0));
        assert!(!store.tables.transact(vec![renew]).await.unwrap());
        let take = Write::Put(Table::State, ours, When::Absent);
        assert!(store.tables.transact(vec![take]).await.unwrap());
        assert_eq!(body(&store, Table::State, &pk, "lease").await.as_deref(), Some("ours"));
    }
}

#[tokio::test]
async fn takes_a_hundred_writes_and_refuses_more_or_the_same_row_twice() {
    for store in stores().await {
        let pk = unique("acme");
        let put = |n: usize| Write::Put(Table::State, row(&pk, n.to_string(), ""), When::Always);
        assert!(store.tables.transact((0..100).map(put).collect()).await.unwrap());
        let refused = store.tables.transact((0..101).map(put).collect()).await;
        assert_eq!(refused.unwrap_err().code(), "TOO_LARGE");
        assert!(store.tables.transact(vec![put(1), put(1)]).await.is_err());
        assert!(store.tables.transact(vec![]).await.unwrap());
    }
}

#[tokio::test]
async fn lets_exactly_one_of_many_take_a_lease() {
    for store in stores().await {
        let pk = unique("acme");
        let take = (0..8).map(|n| {
            let lease = Write::Put(Table::State, row(&pk, "lease", &n.to_string()), When::Absent);
            store.tables.transact(vec![lease])
        });
        let taken = futures_util::future::join_all(take).await;
        assert_eq!(taken.into_iter().filter(|taken| *taken.as_ref().unwrap()).count(), 1);
    }
}

#[tokio::test]
async fn leaves_what_is_only_looked_at_and_writes_nothing_when_it_is_otherwise() {
    for store in stores().await {
        let pk = unique("acme");
        let there = Item { rev: 3, ..row(&pk, "there", "old") };
        store.tables.put(Table::State, there.clone(), When::Always).await.unwrap();
        let check = |sk: &str, when| Write::Check(Table::State, pk.clone(), sk.into(), when);
        let other = || Write::Put(Table::Audit, row(&pk, "other", ""), When::Always);
        for wrong in [
            check("there", When::Rev(4)),
            check("there", When::Absent),
            check("gone", When::Rev(3)),
        ] {
            assert!(!store.tables.transact(vec![wrong, other()]).await.unwrap());
        }
        assert_eq!(body(&store, Table::Audit, &pk, "other").await, None);
        let right = vec![check("there", When::Rev(3)), check("gone", When::Absent), other()];
        assert!(store.tables.transact(right).await.unwrap());
        assert_eq!(store.tables.get(Table::State, &pk, "there").await.unwrap(), Some(there));
        assert_eq!(body(&store, Table::Audit, &pk, "other").await.as_deref(), Some(""));
    }
}
