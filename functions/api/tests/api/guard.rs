//! Plans, and runs that wait for somebody.

use ferrule_core::{Counts, Does, Found, Note, Page, Purpose, RunId, Task, Timings, Value, json};
use http::StatusCode;

use crate::hub::{Answer, Hub, INTEGRATION, tenant};

fn text(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

/// What a look at one batch says: so many changes, one of them shown.
fn looked(updated: u64) -> Note {
    let mut found = Found::default();
    let (old, new) =
        (text(r#"{"state":"open","token":"a"}"#), text(r#"{"state":"shut","token":"b"}"#));
    found.note_change(Does::Update, Some("INC1"), Some(&old), Some(&new));
    let counts = Counts { updated, ..Counts::default() };
    Note::Looked { seq: 0, counts, timings: Timings::default(), found: Box::new(found) }
}

fn end(read: u64) -> Note {
    let counts = Counts { read, ..Counts::default() };
    Note::End { batches: 1, counts, timings: Timings::default(), found: None }
}

/// A hub with a run that waits for approval.
async fn waiting() -> (Hub, String) {
    let hub = Hub::new().await;
    let guarded = format!("{INTEGRATION}guard: {{max_records: 5}}\n");
    let put = hub.put("/v1/integrations/tickets-in", &guarded).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    let run = hub.sync(r#"{"integration": "tickets-in"}"#).await.at("/run");
    let (acme, id) = (tenant("acme"), RunId::new(run.as_str()));
    for note in [looked(6), end(6), Note::Weighed { holds: None, twice: 0 }] {
        hub.store.note(&acme, &id, &[note]).await.unwrap();
    }
    (hub, run)
}

async fn decide(hub: &Hub, key: &str, run: &str, what: &str) -> Answer {
    hub.ask(key, "POST", &format!("/v1/runs/{run}/{what}"), &[], "").await
}

#[tokio::test]
async fn a_run_that_waits_says_why_and_what_it_would_do() {
    let (hub, run) = waiting().await;
    let shown = hub.get(&format!("/v1/runs/{run}")).await;
    assert_eq!((&*shown.at("/state"), &*shown.at("/kind")), ("waiting_for_approval", "run"));
    assert_eq!(shown.at("/guard/why"), "it would change 6 records; guard.max_records is 5");
    assert_eq!(shown.at("/guard/would/updated"), "6");
    assert_eq!(shown.at("/guard/samples/0/fields/0/new"), "\"shut\"");
    assert_eq!(shown.at("/guard/samples/0/fields/1/old"), "\"***\"");
    assert_eq!(shown.at("/guard/waits_until"), "2023-11-15T22:13:20Z");
    assert!(shown.json().get("ended_at").is_none());
    let listed = hub.get("/v1/runs").await;
    assert_eq!(listed.at("/items/0/state"), "waiting_for_approval");
    assert!(!listed.text.contains("samples"));
    assert_eq!(
        hub.get("/v1/status?integration=tickets-in").await.at("/integrations/0/running"),
        "true"
    );
    let events = hub.sent("dispatch").await;
    assert!(format!("{events:?}").contains("run.waiting"));
}

#[tokio::test]
async fn approving_takes_an_admin_and_says_who_in_the_audit_trail() {
    let (hub, run) = waiting().await;
    hub.sent("records").await;
    for key in [&hub.reader, &hub.writer] {
        assert_eq!(decide(&hub, key, &run, "approve").await.status, StatusCode::FORBIDDEN);
    }
    let stranger = decide(&hub, &hub.stranger, &run, "approve").await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND);
    assert_eq!(hub.sent("records").await.len(), 0);
    for _ in 0..2 {
        let approved = decide(&hub, &hub.admin, &run, "approve").await;
        assert_eq!((approved.status, &*approved.at("/state")), (StatusCode::OK, "running"));
        assert_eq!(approved.at("/guard/decision/approved"), "true");
    }
    let sent = hub.sent("records").await;
    assert!(sent.iter().all(|message| matches!(message.task, Task::Release(_))), "{sent:?}");
    assert_eq!(sent[0].envelope.purpose, Purpose::Deliver);
    let trail = hub.store.audit_trail(&tenant("acme"), 50).await.unwrap();
    let action = format!("APPROVE run={run} integration=tickets-in");
    assert!(trail.iter().any(|row| row.action == action && !row.actor.is_empty()), "{trail:?}");
    let other = decide(&hub, &hub.admin, &run, "reject").await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert!(other.at("/type").ends_with("decided"), "{}", other.text);
}

#[tokio::test]
async fn what_is_over_or_does_not_wait_says_so() {
    let (hub, run) = waiting().await;
    let rejected = decide(&hub, &hub.admin, &run, "reject").await;
    assert_eq!((rejected.status, &*rejected.at("/state")), (StatusCode::OK, "failed"));
    for what in ["approve", "reject"] {
        let late = decide(&hub, &hub.admin, &run, what).await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        let detail = late.at("/detail");
        assert!(detail.contains("is over: failed") && detail.contains("rejected it"), "{detail}");
    }
    let next = hub.sync(r#"{"integration": "tickets-in"}"#).await;
    assert_eq!(next.status, StatusCode::ACCEPTED, "its lease is free");
    let early = decide(&hub, &hub.admin, &next.at("/run"), "approve").await;
    assert!(early.at("/type").ends_with("not_waiting"), "{}", early.text);
    assert_eq!(decide(&hub, &hub.admin, "none", "approve").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_plan_is_bounded_and_hinders_no_run() {
    let hub = Hub::new().await;
    let run = hub.sync(r#"{"integration": "tickets-in"}"#).await.at("/run");
    hub.sent("files").await;
    let plan = r#"{"integration": "tickets-in", "plan": true, "sample": 50}"#;
    let started = hub.sync(plan).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "beside {run}");
    let sent = hub.sent("files").await;
    assert!(matches!(&sent[0].task, Task::Extract(Page { sample: Some(50), .. })));
    assert_eq!((sent[0].envelope.purpose, sent[0].envelope.token), (Purpose::Plan, 0));
    let (acme, id) = (tenant("acme"), RunId::new(started.at("/run")));
    for note in [looked(6), end(7)] {
        hub.store.note(&acme, &id, &[note]).await.unwrap();
    }
    let shown = hub.get(&format!("/v1/runs/{}", started.at("/run"))).await;
    assert_eq!((&*shown.at("/kind"), &*shown.at("/state")), ("plan", "succeeded"));
    assert_eq!(shown.at("/counts/updated"), "6");
    assert_eq!(shown.at("/plan/samples/0/key"), "INC1");
    assert_eq!(shown.at("/plan/minutes"), "0");
    let status = hub.get("/v1/status?integration=tickets-in").await;
    assert_eq!(status.at("/integrations/0/last_run/run"), run, "a plan is not how it stands");
    assert!(
        status.json().get("integrations").unwrap().as_array().unwrap()[0]
            .get("last_success")
            .is_none()
    );
}

#[tokio::test]
async fn what_cannot_be_planned_is_refused() {
    let hub = Hub::new().await;
    for (body, status) in [
        (r#"{"integration": "orders-in", "plan": true}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"integration": "tickets-in", "plan": true, "sample": 0}"#, StatusCode::BAD_REQUEST),
        (
            r#"{"integration": "tickets-in", "plan": true, "sample": 10001}"#,
            StatusCode::BAD_REQUEST,
        ),
        (r#"{"integration": "tickets-in", "sample": 5}"#, StatusCode::BAD_REQUEST),
        (r#"{"integration": "nothing", "plan": true}"#, StatusCode::NOT_FOUND),
    ] {
        let answer = hub.sync(body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
    }
    assert!(hub.sent("files").await.is_empty());
}
