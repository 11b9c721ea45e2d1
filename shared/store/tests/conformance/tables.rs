//! Rows one by one and in bulk.

use ferrule_store::{Item, MAX_ITEM_BYTES, Table, When, Written};

use crate::{expired, row, stores, unique};

#[tokio::test]
async fn reads_back_what_was_written() {
    for store in stores().await {
        let item = Item {
            alt: Some("open#1".into()),
            rev: 7,
            expires: Some(store.clock.now_secs() + 3600),
            body: "{\"text\":\"\u{0}\u{ffff} ü 😀\"}".into(),
            ..row(&unique("acme"), "a#b", "")
        };
        let written = store.tables.put(Table::Records, item.clone(), When::Always).await.unwrap();
        assert_eq!(written, Written::Done);
        let read = store.tables.get(Table::Records, &item.pk, "a#b").await.unwrap();
        assert_eq!(read.as_ref(), Some(&item));
        assert_eq!(store.tables.get(Table::Records, &item.pk, "a").await.unwrap(), None);
        assert_eq!(store.tables.get(Table::State, &item.pk, "a#b").await.unwrap(), None);
    }
}

#[tokio::test]
async fn creates_a_row_once_and_shows_who_was_first() {
    for store in stores().await {
        let first = row(&unique("acme"), "key", "first");
        let second = Item { body: "second".into(), ..first.clone() };
        let put = async |item: &Item| {
            store.tables.put(Table::State, item.clone(), When::Absent).await.unwrap()
        };
        assert_eq!(put(&first).await, Written::Done);
        assert_eq!(put(&second).await, Written::Conflict(Some(first.clone())));
        assert_eq!(put(&first).await, Written::Done, "our own write is recognised");
    }
}

#[tokio::test]
async fn changes_a_row_only_from_the_revision_that_was_read() {
    for store in stores().await {
        let item = row(&unique("acme"), "key", "one");
        let put = async |body: &str, when| {
            let item = Item { body: body.into(), ..item.clone() };
            store.tables.put(Table::Registry, item, when).await.unwrap()
        };
        let there = |body: &str, rev| Some(Item { rev, body: body.into(), ..item.clone() });
        assert_eq!(put("one", When::Rev(0)).await, Written::Conflict(None));
        assert_eq!(put("one", When::Absent).await, Written::Done);
        assert_eq!(put("two", When::Rev(0)).await, Written::Done);
        assert_eq!(put("other", When::Rev(0)).await, Written::Conflict(there("two", 1)));
        assert_eq!(put("two", When::Rev(0)).await, Written::Done, "our own write is recognised");
        assert_eq!(put("three", When::Rev(1)).await, Written::Done);
        let read = store.tables.get(Table::Registry, &item.pk, "key").await.unwrap();
        assert_eq!(read, there("three", 2));
    }
}

#[tokio::test]
async fn treats_an_expired_row_as_absent() {
    for store in stores().await {
        let old = expired(&store, row(&unique("acme"), "lease", "old"));
        let new = Item { expires: None, body: "new".into(), ..old.clone() };
        let put = async |item: &Item, when| {
            store.tables.put(Table::State, item.clone(), when).await.unwrap()
        };
        put(&old, When::Always).await;
        assert_eq!(store.tables.get(Table::State, &old.pk, "lease").await.unwrap(), None);
        let many = store.tables.get_many(Table::State, &old.pk, &["lease".into()]).await.unwrap();
        assert_eq!(many, []);
        assert_eq!(put(&new, When::Rev(0)).await, Written::Conflict(None));
        assert_eq!(put(&new, When::Absent).await, Written::Done);
        assert_eq!(store.tables.get(Table::State, &old.pk, "lease").await.unwrap(), Some(new));
    }
}

#[tokio::test]
async fn removes_a_row_only_from_the_revision_that_was_read() {
    for store in stores().await {
        let item = Item { rev: 3, ..row(&unique("acme"), "key", "body") };
        store.tables.put(Table::State, item.clone(), When::Always).await.unwrap();
        let delete =
            async |when| store.tables.delete(Table::State, &item.pk, "key", when).await.unwrap();
        assert_eq!(delete(When::Rev(2)).await, Written::Conflict(Some(item.clone())));
        assert_eq!(delete(When::Absent).await, Written::Conflict(Some(item.clone())));
        assert_eq!(delete(When::Rev(3)).await, Written::Done);
        assert_eq!(store.tables.get(Table::State, &item.pk, "key").await.unwrap(), None);
        assert_eq!(delete(When::Rev(3)).await, Written::Done, "it is gone already");
        assert_eq!(delete(When::Always).await, Written::Done);
        store.tables.put(Table::State, expired(&store, item.clone()), When::Always).await.unwrap();
        assert_eq!(delete(When::Rev(9)).await, Written::Done, "expired is gone");
    }
}

#[tokio::test]
async fn writes_and_reads_more_rows_than_one_call_takes() {
    for store in stores().await {
        let pk = unique("acme");
        let key = |n: usize| format!("key-{n:03}");
        let mut rows: Vec<Item> = (0..130).map(|n| row(&pk, key(n), "first")).collect();
        rows.push(row(&pk, key(5), "later"));
        store.tables.put_many(Table::Records, rows).await.unwrap();
        let asked: Vec<String> = (0..250).chain(0..10).map(key).collect();
        let mut read = store.tables.get_many(Table::Records, &pk, &asked).await.unwrap();
        read.sort_by(|a, b| a.sk.cmp(&b.sk));
        let keys: Vec<&str> = read.iter().map(|item| item.sk.as_str()).collect();
        assert_eq!(keys, (0..130).map(key).collect::<Vec<_>>());
        assert_eq!((&*read[5].body, &*read[6].body), ("later", "first"));
        assert_eq!(store.tables.get_many(Table::Records, &pk, &[]).await.unwrap(), []);
        store.tables.put_many(Table::Records, vec![]).await.unwrap();
    }
}

#[tokio::test]
async fn takes_the_largest_row_and_refuses_a_larger_one() {
    for store in stores().await {
        let pk = unique("acme");
        let largest = "x".repeat(MAX_ITEM_BYTES - pk.len() - 1);
        let item = row(&pk, "k", &largest);
        let larger = row(&pk, "k", &format!("{largest}x"));
        assert!(store.tables.put(Table::State, item, When::Always).await.unwrap().is_done());
        let refused = store.tables.put(Table::State, larger.clone(), When::Always).await;
        assert_eq!(refused.unwrap_err().code(), "TOO_LARGE");
        let refused = store.tables.put_many(Table::State, vec![larger]).await;
        assert_eq!(refused.unwrap_err().code(), "TOO_LARGE");
    }
}
