use std::time::Duration;

use http::StatusCode;

use crate::hub::{Hub, NOW_MS};

#[tokio::test]
async fn rows_are_listed_by_key_in_pages_and_exactly() {
    let hub = Hub::new().await;
    let value = r#"{"n":12345678901234567890123,"d":1.10,"l":[1],"x":null}"#;
    hub.keep("tickets", &[("b", value, false), ("a", value, false), ("c", value, false)]).await;
    let first = hub.get("/v1/records/tickets?limit=2").await;
    assert_eq!(first.keys(), ["a", "b"]);
    assert!(first.text.contains(value), "{}", first.text);
    let path = format!("/v1/records/tickets?limit=2&cursor={}", first.at("/next"));
    assert_eq!(hub.get(&path).await.keys(), ["c"]);
    let elsewhere = path.replace("tickets", "orders");
    assert_eq!(hub.get(&elsewhere).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(hub.get("/v1/records/nothing").await.at("/items"), "[]");
}

#[tokio::test]
async fn a_row_is_shown_until_it_is_deleted() {
    let hub = Hub::new().await;
    hub.keep("tickets", &[("INC 1/ä", r#"{"n":1}"#, false)]).await;
    let path = "/v1/records/tickets/INC%201%2F%C3%A4";
    assert_eq!(hub.get(path).await.at("/value/n"), "1");
    hub.clock.advance(Duration::from_secs(5));
    hub.keep("tickets", &[("INC 1/ä", "null", true)]).await;
    assert_eq!(hub.get(path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(hub.get("/v1/records/tickets").await.at("/items"), "[]");
}

#[tokio::test]
async fn changes_since_a_moment_come_in_their_order_with_deletions() {
    let hub = Hub::new().await;
    hub.keep("tickets", &[("b", "1", false), ("c", "1", false)]).await;
    hub.clock.advance(Duration::from_secs(10));
    hub.keep("tickets", &[("a", "2", false)]).await;
    hub.clock.advance(Duration::from_secs(10));
    hub.keep("tickets", &[("b", "null", true)]).await;
    hub.clock.advance(Duration::from_secs(10));
    let changes = hub.get("/v1/records/tickets?updated_since=2023-11-14T23:13:25%2B01:00").await;
    assert_eq!(changes.keys(), ["a", "b"]);
    assert_eq!(changes.at("/items/1/deleted"), "true");
    let first = hub.get("/v1/records/tickets?updated_since=2023-11-14T22:13:25Z&limit=1").await;
    assert_eq!(first.keys(), ["a"]);
    let bad = hub.get("/v1/records/tickets?updated_since=1700000000").await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn logs_and_definitions_are_tables_that_cannot_be_written() {
    let hub = Hub::new().await;
    let run = hub.sync(r#"{"integration": "tickets-in"}"#).await.at("/run");
    assert_eq!(hub.get("/v1/records/sync_log").await.keys(), [&*run]);
    let row = hub.get(&format!("/v1/records/sync_log/{run}")).await;
    assert_eq!(row.at("/value/integration"), "tickets-in");
    assert_eq!(hub.get("/v1/records/error_log").await.at("/items"), "[]");
    let mapping = hub.get("/v1/records/field_mapping").await;
    assert_eq!(mapping.keys(), ["tickets-in.number", "tickets-in.state"]);
    assert_eq!(mapping.at("/items/0/value/rule"), ".number");
    let column = hub.get("/v1/records/field_mapping/tickets-in.state").await;
    assert_eq!(column.at("/value/rule/lower"), "true");
    let all =
        ["connection.export", "connection.hub", "integration.orders-in", "integration.tickets-in"];
    assert_eq!(hub.get("/v1/records/configuration").await.keys(), all);
    let first = hub.get("/v1/records/configuration?limit=3").await;
    let path = format!("/v1/records/configuration?limit=3&cursor={}", first.at("/next"));
    assert_eq!(hub.get(&path).await.keys(), all[3..]);
    let one = hub.get("/v1/records/configuration/connection.hub").await;
    assert_eq!((&*one.at("/value/definition/connector"), &*one.at("/version")), ("records", "1"));
    for path in
        ["sync_log/x", "error_log/x", "field_mapping/x", "configuration/x", "configuration/x.y"]
    {
        let answer = hub.get(&format!("/v1/records/{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    let since = hub.get("/v1/records/sync_log?updated_since=2023-11-14T22:13:25Z").await;
    assert_eq!(since.status, StatusCode::BAD_REQUEST);
    let written = hub.put("/v1/records/sync_log/x", "{}").await;
    assert_eq!(written.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(hub.clock.now_ms(), NOW_MS);
}
