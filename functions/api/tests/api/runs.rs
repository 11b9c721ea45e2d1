use ferrule_core::{Digest, RunId, Task};
use ferrule_store::{Affected, ErrorRow, ErrorState, Item, Table, When};
use http::StatusCode;

use crate::hub::{Hub, NOW_MS, name, tenant};

#[tokio::test]
async fn a_sync_asks_the_source_for_its_first_page() {
    let hub = Hub::new().await;
    let answer = hub.sync(r#"{"integration": "tickets-in", "full": true}"#).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let sent = hub.sent("files").await;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].envelope.run.as_str(), answer.at("/run"));
    assert!(matches!(&sent[0].task, Task::Extract(page) if page.full && page.number == 0));
    let run = hub.get(&format!("/v1/runs/{}", answer.at("/run"))).await;
    assert_eq!((&*run.at("/state"), &*run.at("/trigger")), ("running", "api"));
    assert_eq!(run.at("/started_at"), "2023-11-14T22:13:20Z");
}

#[tokio::test]
async fn a_second_sync_names_the_run_that_is_in_the_way() {
    let hub = Hub::new().await;
    let first = hub.sync(r#"{"integration": "tickets-in"}"#).await;
    let second = hub.sync(r#"{"integration": "tickets-in"}"#).await;
    assert_eq!(second.status, StatusCode::CONFLICT);
    assert_eq!(second.at("/run"), first.at("/run"));
    assert_eq!(hub.sent("files").await.len(), 1);
}

#[tokio::test]
async fn what_cannot_run_is_refused() {
    let hub = Hub::new().await;
    for (body, status) in [
        (r#"{"integration": "nothing"}"#, StatusCode::NOT_FOUND),
        (r#"{"integration": "No Name"}"#, StatusCode::NOT_FOUND),
        (r#"{"integration": "orders-in"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"integraton": "tickets-in"}"#, StatusCode::BAD_REQUEST),
        (r#"{"integration": "tickets-in", "ful": true}"#, StatusCode::BAD_REQUEST),
        ("tickets-in", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(hub.sync(body).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn a_start_whose_message_cannot_be_sent_gives_its_lease_back() {
    let hub = Hub::new().await;
    hub.queue_fuse.light(0);
    let failed = hub.sync(r#"{"integration": "tickets-in"}"#).await;
    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(hub.get("/v1/runs").await.at("/items/0/state"), "failed");
    hub.queue_fuse.mend();
    let again = hub.sync(r#"{"integration": "tickets-in"}"#).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    assert_eq!(hub.sent("files").await.len(), 1);
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_by_integration() {
    let hub = Hub::new().await;
    let first = hub.sync(r#"{"integration": "tickets-in"}"#).await.at("/run");
    let runs = hub.get("/v1/runs?integration=tickets-in").await;
    assert_eq!(runs.at("/items/0/run"), first);
    assert_eq!(hub.get("/v1/runs?integration=orders-in").await.at("/items"), "[]");
    let misspelt = hub.get("/v1/runs?integraton=tickets-in").await;
    assert_eq!(misspelt.status, StatusCode::BAD_REQUEST, "a misspelt filter is not no filter");
    assert_eq!(hub.get("/v1/runs?limit=1001").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(hub.get("/v1/runs?limit=x").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(hub.get("/v1/runs/unknown").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn status_shows_each_integration_with_its_newest_run() {
    let hub = Hub::new().await;
    let run = hub.sync(r#"{"integration": "tickets-in"}"#).await.at("/run");
    let status = hub.get("/v1/status").await;
    assert_eq!(status.at("/integrations/0/trigger"), "webhook");
    assert_eq!(status.at("/integrations/1/running"), "true");
    assert_eq!(status.at("/integrations/1/last_run/run"), run);
    let one = hub.get("/v1/status?integration=orders-in").await;
    assert_eq!(one.at("/integrations/0/integration"), "orders-in");
    assert_eq!(hub.get("/v1/status?integration=nothing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_check_is_asked_of_the_connector_and_answered_by_it() {
    let hub = Hub::new().await;
    let path = "/v1/connections/export/check";
    let asked = hub.ask(&hub.writer, "POST", path, &[], "").await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    let answer = format!("{path}/{}", asked.at("/check"));
    assert_eq!(hub.get(&answer).await.at("/done"), "false");
    let sent = hub.sent("files").await;
    let Task::Check(check) = &sent[0].task else { panic!("{sent:?}") };
    let found = serde_json::json!(
        {"ok": false, "message": "no such folder", "code": "rejected", "at": NOW_MS}
    );
    let row = Item::new("acme", &check.reply_to, &found).unwrap();
    hub.store.tables.put(Table::State, row, When::Always).await.unwrap();
    let done = hub.get(&answer).await;
    assert_eq!((&*done.at("/done"), &*done.at("/ok")), ("true", "false"));
    assert_eq!(done.at("/message"), "no such folder");
    let other = answer.replace("export", "hub");
    assert_eq!(hub.get(&other).await.status, StatusCode::NOT_FOUND);
    let unknown = hub.ask(&hub.writer, "POST", "/v1/connections/none/check", &[], "").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

fn error(id: &str, code: &str, at: i64) -> ErrorRow {
    ErrorRow {
        id: id.into(),
        at,
        code: code.into(),
        message: "the row has 3 columns, not 4".into(),
        integration: name("tickets-in"),
        run: RunId::new("r1"),
        definition: Digest::of(&[]),
        stage: "extract".into(),
        attempt: 1,
        record: Affected { origin: "a.csv".into(), line: 7, count: 1, ..Affected::default() },
        trace: vec![],
        payload: None,
        part: None,
        guarded: false,
        state: ErrorState::Open,
        done: None,
    }
}

#[tokio::test]
async fn errors_are_found_by_what_they_are() {
    let hub = Hub::new().await;
    let rows = [error("e1", "CSV_COLUMNS", NOW_MS), error("e2", "TYPE", NOW_MS + 1000)];
    hub.store.log_errors(&tenant("acme"), &rows).await.unwrap();
    let ids = async |query: &str| {
        let found = hub.get(&format!("/v1/errors{query}")).await.json();
        let items = found.get("items").and_then(|items| items.as_array()).unwrap().to_vec();
        let id = |item: &ferrule_core::Value| item.get("id").unwrap().as_str().unwrap().to_owned();
        items.iter().map(id).collect::<Vec<_>>()
    };
    assert_eq!(ids("").await, ["e2", "e1"]);
    assert_eq!(ids("?code=TYPE").await, ["e2"]);
    assert_eq!(ids("?integration=orders-in").await, [""; 0]);
    assert_eq!(ids("?state=parked").await, [""; 0]);
    assert_eq!(ids("?since=2023-11-14T22:13:21Z").await, ["e2"]);
    assert_eq!(hub.get("/v1/errors?since=yesterday").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(hub.get("/v1/errors?state=lost").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(hub.get("/v1/errors/e1").await.at("/record/line"), "7");
    assert_eq!(hub.get("/v1/errors/e3").await.status, StatusCode::NOT_FOUND);
}
