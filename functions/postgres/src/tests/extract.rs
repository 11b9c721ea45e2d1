//! Rows out of tables and queries.

use ferrule_connector::{Failure, Mark, Record, Value};
use serde_json::json;

use super::{Desk, typed};

const ORDERS: &str = "create table orders (id int, line int, changed timestamptz, total numeric, \
    primary key (id, line)); \
    insert into orders select n / 2, n % 2, \
      timestamptz '2026-01-01 00:00:00+00' + (n / 100) * interval '1 hour', n * 1.10 \
    from generate_series(0, 999) n; \
    update orders set changed = null where id >= 490";

fn cursor() -> serde_json::Value {
    json!({"field": ".changed", "overlap": "5m"})
}

fn ids(records: &[Record]) -> Vec<String> {
    let text = |record: &Record, name| record.value.get(name).unwrap().to_string();
    let ids = records.iter().map(|r| format!("{}.{}", text(r, "id"), text(r, "line")));
    let mut ids: Vec<String> = ids.collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn pages_go_by_cursor_and_key_and_lose_no_row_on_an_edge() {
    let Some(desk) = Desk::new("pages", ORDERS) else { return };
    for size in [7, 100, 500, 980, 999, 1000] {
        let source = json!({"table": "orders", "page_size": size});
        let (records, pages) = desk.read(source, Some(cursor()), None).await;
        let mut all = ids(&records);
        all.dedup();
        assert_eq!((records.len(), all.len()), (1000, 1000), "{size}");
        assert_eq!(pages, 1000_usize.div_ceil(size), "{size}");
        let is_null = |r: &Record| r.value.get("changed").unwrap().is_null();
        assert!(records[980..].iter().all(is_null), "rows without a cursor value come last");
    }
    let (records, _) = desk.read(json!({"table": "orders", "page_size": 13}), None, None).await;
    assert_eq!(ids(&records).len(), 1000, "by primary key alone");
}

#[tokio::test]
async fn only_what_changed_is_read_whatever_type_the_cursor_has() {
    let tables = "create table t (id int primary key, r int, z timestamptz, naive timestamp, day date, \
        n numeric, word text, at text); \
        insert into t select n, n, t, t at time zone 'Europe/Berlin', t::date, n * 1.5, \
          'w' || lpad(n::text, 2, '0'), t::text \
        from (select n, timestamptz '2026-01-01 12:00+00' + n * interval '1 day' t \
          from generate_series(0, 19) n) s";
    let Some(desk) = Desk::new("sinces", tables) else { return };
    let micros = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let time = || Mark::Time(micros("2026-01-11T12:00:00Z"));
    for (cursor, since, expected) in [
        (json!({"field": ".z"}), time(), 10),
        (json!({"field": ".naive", "zone": "Europe/Berlin"}), time(), 10),
        (json!({"field": ".day"}), time(), 10),
        (json!({"field": ".n", "kind": "number"}), Mark::Number(typed(json!(15))), 10),
        (json!({"field": ".word", "kind": "text"}), Mark::Text("w10".into()), 10),
        (json!({"field": ".at"}), time(), 20),
    ] {
        let source = json!({"table": "t"});
        let (records, _) = desk.read(source, Some(cursor.clone()), Some(since.clone())).await;
        assert_eq!(records.len(), expected, "{cursor}");
        let source = json!({"query": "select * from t -- all\n;", "key_columns": ["id"]});
        let (records, _) = desk.read(source, Some(cursor.clone()), Some(since)).await;
        assert_eq!(records.len(), expected, "query, {cursor}");
    }
}

#[tokio::test]
async fn a_query_is_read_page_by_page_with_columns_of_its_own() {
    let Some(desk) = Desk::new("queries", ORDERS) else { return };
    let query = "select id, sum(total) as sum, max(changed) as changed from orders group by id";
    let source = json!({"query": query, "page_size": 99, "columns": ["sum"]});
    let cursor = json!({"field": ".changed", "tie_break": ".id"});
    let (records, pages) = desk.read(source, Some(cursor), None).await;
    assert_eq!((records.len(), pages), (500, 6));
    let second = r#"{"sum":5.50,"id":1,"changed":"2026-01-01T00:00:00+00:00"}"#;
    assert_eq!(records[1].value.to_string(), second);
}

async fn refused(
    desk: &Desk,
    source: serde_json::Value,
    cursor: Option<serde_json::Value>,
) -> Failure {
    let cursor = cursor.map(typed);
    desk.page(&typed(source), cursor.as_ref(), None, &Value::Null).await.unwrap_err()
}

#[tokio::test]
async fn rows_that_cannot_be_told_apart_are_refused_and_not_lost() {
    let tables = "create table t (a int, b int); \
                  insert into t select n / 3, null from generate_series(0, 30) n";
    let Some(desk) = Desk::new("alike", tables) else { return };
    assert_eq!(refused(&desk, json!({"table": "t"}), None).await.code(), "NO_KEY");
    let twice = json!({"table": "t", "key_columns": ["a"], "page_size": 10});
    assert_eq!(refused(&desk, twice, None).await.code(), "KEY_NOT_UNIQUE");
    let null = json!({"table": "t", "key_columns": ["a", "b"], "page_size": 10});
    assert_eq!(refused(&desk, null, None).await.code(), "KEY_NULL");
    assert_eq!(refused(&desk, json!({"query": "select 1 as a"}), None).await.code(), "NO_KEY");
    assert_eq!(refused(&desk, json!({}), None).await.code(), "SOURCE");
    let slip = refused(&desk, json!({"table": "t", "columns": ["aa"]}), None).await;
    assert_eq!(slip.code(), "UNKNOWN_COLUMN");
}

#[tokio::test]
async fn a_query_can_only_read() {
    let tables = "create table t (id int primary key); insert into t values (1); \
        create function wipe() returns int language sql as 'delete from t returning 1'";
    let Some(desk) = Desk::new("reads", tables) else { return };
    for query in [
        "select wipe() as id",
        "with gone as (delete from t returning id) select id from gone",
        "select 1 as id; delete from t",
        "select 1 as id) q; delete from t; --",
        "select set_config('transaction_read_only', 'off', true) as id",
    ] {
        let source = json!({"query": query, "key_columns": ["id"]});
        let failure = refused(&desk, source, None).await;
        assert!(["rejected", "unavailable"].contains(&failure.code()), "{query}: {failure:?}");
    }
    assert_eq!(desk.sql("select count(*) from t"), "1");
}
