//! Rows of one partition, in order and page by page.

use ferrule_store::{Item, Query, Rows, Store, Table};

use crate::{expired, row, stores, unique};

async fn query(store: &Store, query: Query) -> Rows {
    store.tables.query(Table::SyncLog, query).await.unwrap()
}

/// Writes rows with these sort keys and returns their partition.
async fn partition(store: &Store, sks: &[&str]) -> String {
    let pk = unique("acme");
    let rows = sks.iter().map(|sk| row(&pk, *sk, "{}")).collect();
    store.tables.put_many(Table::SyncLog, rows).await.unwrap();
    pk
}

fn sks(rows: &Rows) -> Vec<&str> {
    rows.items.iter().map(|item| item.sk.as_str()).collect()
}

/// Reads page after page and returns the sort keys on each.
async fn pages(store: &Store, mut ask: Query) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let rows = query(store, ask.clone()).await;
        pages.push(rows.items.into_iter().map(|item| item.sk).collect());
        match rows.next {
            Some(start) => ask.start = Some(start),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn reads_page_by_page_in_both_directions() {
    for store in stores().await {
        let pk = partition(&store, &["d", "b", "a", "e", "c"]).await;
        let ask = Query { pk, limit: 2, ..Query::default() };
        assert_eq!(pages(&store, ask.clone()).await, [vec!["a", "b"], vec!["c", "d"], vec!["e"]]);
        let backwards = Query { descending: true, ..ask };
        assert_eq!(pages(&store, backwards).await, [vec!["e", "d"], vec!["c", "b"], vec!["a"]]);
    }
}

#[tokio::test]
async fn says_that_there_is_more_only_when_there_is() {
    for store in stores().await {
        let pk = partition(&store, &["a", "b", "c", "d"]).await;
        let ask = Query { pk, limit: 2, ..Query::default() };
        assert_eq!(pages(&store, ask.clone()).await, [["a", "b"], ["c", "d"]]);
        assert_eq!(pages(&store, Query { limit: 4, ..ask.clone() }).await.len(), 1);
        assert_eq!(pages(&store, Query { pk: unique("nobody"), ..ask }).await, [[""; 0]]);
    }
}

#[tokio::test]
async fn reads_only_the_range_that_was_asked_for() {
    for store in stores().await {
        let pk = partition(&store, &["a#1", "a#2", "b#1", "b#2", "c#1"]).await;
        let ask = || Query { pk: pk.clone(), ..Query::default() };
        let text = |text: &str| Some(text.to_owned());
        let found = query(&store, Query { prefix: text("b#"), ..ask() }).await;
        assert_eq!(sks(&found), ["b#1", "b#2"]);
        let found = query(&store, Query { from: text("a#2"), to: text("b#1"), ..ask() }).await;
        assert_eq!(sks(&found), ["a#2", "b#1"]);
        let found = query(&store, Query { from: text("b#2"), ..ask() }).await;
        assert_eq!(sks(&found), ["b#2", "c#1"]);
        let found = query(&store, Query { to: text("a#9"), descending: true, ..ask() }).await;
        assert_eq!(sks(&found), ["a#2", "a#1"]);
        let backwards = Query { descending: true, ..ask() };
        let found = query(&store, Query { prefix: text("a#"), ..backwards.clone() }).await;
        assert_eq!(sks(&found), ["a#2", "a#1"]);
        let bounds = Query { from: text("a#2"), to: text("b#1"), ..backwards.clone() };
        assert_eq!(sks(&query(&store, bounds).await), ["b#1", "a#2"]);
        let found = query(&store, Query { from: text("c"), limit: 1, ..backwards }).await;
        assert_eq!(sks(&found), ["c#1"]);
        let found = query(&store, Query { from: text("b"), to: text("a"), ..ask() }).await;
        assert_eq!(sks(&found), [""; 0]);
    }
}

#[tokio::test]
async fn fills_a_page_although_expired_rows_are_in_the_way() {
    for store in stores().await {
        let pk = partition(&store, &["a", "y", "z"]).await;
        let gone = (0..40).map(|n| expired(&store, row(&pk, format!("b{n:02}"), "{}"))).collect();
        store.tables.put_many(Table::SyncLog, gone).await.unwrap();
        let ask = Query { pk, limit: 2, ..Query::default() };
        assert_eq!(pages(&store, ask.clone()).await, [vec!["a", "y"], vec!["z"]]);
        assert_eq!(pages(&store, Query { limit: 0, ..ask }).await, [["a", "y", "z"]]);
    }
}

#[tokio::test]
async fn reads_the_index_in_its_own_order_and_without_rows_that_are_not_in_it() {
    for store in stores().await {
        let pk = partition(&store, &["not-in-the-index"]).await;
        let alts = [("a", "9"), ("b", "1"), ("c", "5"), ("d", "7")];
        let rows =
            alts.map(|(sk, alt)| Item { alt: Some(alt.into()), ..row(&pk, sk, "{}") }).to_vec();
        store.tables.put_many(Table::SyncLog, rows).await.unwrap();
        let ask = Query { pk, by_alt: true, limit: 3, ..Query::default() };
        assert_eq!(pages(&store, ask.clone()).await, [vec!["b", "c", "d"], vec!["a"]]);
        let same: Vec<Item> = ["x", "y", "z"]
            .map(|sk| Item { alt: Some("same".into()), ..row(&ask.pk, sk, "{}") })
            .to_vec();
        store.tables.put_many(Table::SyncLog, same).await.unwrap();
        let prefix = Query { prefix: Some("same".into()), limit: 1, ..ask.clone() };
        assert_eq!(pages(&store, prefix).await.len(), 3, "each of the same alt comes once");
        let ask = Query { to: Some("9".into()), ..ask };
        let newest = Query { descending: true, limit: 1, ..ask.clone() };
        assert_eq!(pages(&store, newest).await, [["a"], ["d"], ["c"], ["b"]]);
        let from = Query { from: Some("5".into()), to: Some("7".into()), ..ask };
        assert_eq!(pages(&store, from).await, [["c", "d"]]);
    }
}

#[tokio::test]
async fn keeps_a_page_under_one_mebibyte() {
    for store in stores().await {
        let pk = unique("acme");
        let body = "x".repeat(300 * 1024);
        let rows = ["a", "b", "c", "d", "e"].map(|sk| row(&pk, sk, &body)).to_vec();
        store.tables.put_many(Table::SyncLog, rows).await.unwrap();
        let pages = pages(&store, Query { pk, ..Query::default() }).await;
        assert!(pages.len() > 1, "{pages:?}");
        assert_eq!(pages.concat(), ["a", "b", "c", "d", "e"]);
    }
}
