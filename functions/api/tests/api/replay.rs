//! Parked work is sent again, and a connection says how it stands.

use ferrule_core::{
    Batch, Digest, Envelope, Message, Purpose, Record, RunId, Task,
    definition::{Connection, Integration},
};
use ferrule_store::{ConnectionHealth, ErrorRow, ErrorState, Place};
use http::StatusCode;

use crate::hub::{Hub, NOW_MS, name, tenant};

/// Parks a batch of `files` under an id, as a function does that gave up.
async fn park(hub: &Hub, id: &str, state: ErrorState) {
    park_for(hub, id, state, Purpose::Deliver).await;
}

/// Parks a batch of a run that is for this at the moment.
async fn park_for(hub: &Hub, id: &str, state: ErrorState, purpose: Purpose) {
    let acme = tenant("acme");
    let run = RunId::new("r1");
    let mut envelope = Envelope::new(acme.clone(), name("tickets-in"), Digest::of(&[]), run);
    (envelope.failures, envelope.purpose) = (4, purpose);
    let batch = Batch { records: vec![Record::default()], ..Batch::default() };
    let message = Message { envelope: envelope.clone(), task: Task::Load(batch) };
    let payload = format!("parked/tickets-in/{id}.json");
    let text = message.encode().unwrap().into_bytes();
    hub.store.payloads.put(&acme, &payload, text).await.unwrap();
    let row = ErrorRow {
        id: id.into(),
        payload: Some(payload),
        state,
        ..ErrorRow::of(&envelope, "files", "unavailable", "it is down".into(), NOW_MS)
    };
    if state == ErrorState::Parked {
        hub.store.park_errors(&acme, &[row]).await.unwrap();
    } else {
        hub.store.log_errors(&acme, &[row]).await.unwrap();
    }
}

#[tokio::test]
async fn parked_work_is_sent_again_once() {
    let hub = Hub::new().await;
    park(&hub, "e1", ErrorState::Parked).await;
    for _ in 0..2 {
        let answer = hub.ask(&hub.writer, "POST", "/v1/errors/e1/replay", &[], "").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.at("/state"), "replayed");
    }
    let sent = hub.sent("files").await;
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].envelope.failures, sent[0].envelope.replayed), (0, true));
    assert_eq!(hub.get("/v1/errors?state=replayed").await.at("/items/0/id"), "e1");
    let trail = hub.store.audit_trail(&tenant("acme"), 50).await.unwrap();
    assert!(trail.iter().any(|row| row.action == "POST /v1/errors/e1/replay"));
}

#[tokio::test]
async fn what_a_guard_has_stopped_is_sent_again_by_who_may_approve_it() {
    let hub = Hub::new().await;
    park(&hub, "e1", ErrorState::Parked).await;
    park_for(&hub, "e2", ErrorState::Parked, Purpose::Guard).await;
    assert_eq!(hub.get("/v1/parked").await.text.matches(r#""guarded":true"#).count(), 1);
    let all = r#"{"integration":"tickets-in","with":"as-was"}"#;
    let named = r#"{"ids":["e1","e2"]}"#;
    for (path, body) in [("/v1/errors/e2/replay", ""), ("/v1/replays", named)] {
        let refused = hub.ask(&hub.writer, "POST", path, &[], body).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}: {}", refused.text);
        assert!(refused.at("/detail").contains("a key with role admin"), "{}", refused.text);
    }
    assert!(hub.sent("files").await.is_empty(), "and nothing of what was named");
    let preview = r#"{"integration":"tickets-in","preview":true}"#;
    let preview = hub.ask(&hub.writer, "POST", "/v1/replays", &[], preview).await;
    assert_eq!((&*preview.at("/errors"), &*preview.at("/guarded")), ("2", "1"));
    let swept = hub.ask(&hub.writer, "POST", "/v1/replays", &[], all).await;
    assert_eq!((&*swept.at("/errors"), &*swept.at("/left")), ("1", "1"), "{}", swept.text);
    assert!(swept.at("/reasons/0/reason").contains("as approving does"), "{}", swept.text);
    assert_eq!(hub.sent("files").await.len(), 1);
    assert_eq!(hub.get("/v1/errors/e2").await.at("/state"), "parked");

    let sent = hub.ask(&hub.admin, "POST", "/v1/errors/e2/replay", &[], "").await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text);
    let [sent] = hub.sent("files").await.try_into().unwrap();
    assert_eq!(sent.envelope.purpose, Purpose::Deliver);
}

#[tokio::test]
async fn what_cannot_be_sent_now_is_sent_later() {
    let hub = Hub::new().await;
    park(&hub, "e1", ErrorState::Parked).await;
    hub.queue_fuse.light(0);
    let answer = hub.ask(&hub.writer, "POST", "/v1/errors/e1/replay", &[], "").await;
    assert!(answer.status.is_server_error());
    hub.queue_fuse.mend();
    hub.clock.advance(std::time::Duration::from_mins(2));
    for (tenant, id) in hub.store.replays_going_on().await.unwrap() {
        let time = std::time::Duration::from_secs(1);
        hub.store.advance_replay(&tenant, &id, time).await.unwrap();
    }
    assert_eq!(hub.sent("files").await.len(), 1);
}

#[tokio::test]
async fn what_has_nothing_to_replay_says_why() {
    let hub = Hub::new().await;
    park(&hub, "e1", ErrorState::Open).await;
    park(&hub, "e2", ErrorState::Discarded).await;
    park(&hub, "e3", ErrorState::Parked).await;
    let gone = hub.store.error(&tenant("acme"), "e3").await.unwrap().unwrap();
    let gone = ErrorRow { payload: Some("parked/tickets-in/none.json".into()), ..gone };
    hub.store.park_errors(&tenant("acme"), &[gone]).await.unwrap();
    for (id, why) in
        [("e1", "nothing of it was kept"), ("e2", "given up"), ("e3", "no longer kept")]
    {
        let path = format!("/v1/errors/{id}/replay");
        let answer = hub.ask(&hub.writer, "POST", &path, &[], "").await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{id}");
        assert!(answer.at("/detail").contains(why), "{}", answer.text);
    }
    assert!(hub.sent("files").await.is_empty());
}

#[tokio::test]
async fn only_its_own_tenant_replays_and_only_with_a_key_that_may() {
    let hub = Hub::new().await;
    park(&hub, "e1", ErrorState::Parked).await;
    let cases = [(&hub.stranger, StatusCode::NOT_FOUND), (&hub.reader, StatusCode::FORBIDDEN)];
    for (key, status) in cases {
        let answer = hub.ask(key, "POST", "/v1/errors/e1/replay", &[], "").await;
        assert_eq!(answer.status, status);
    }
    assert!(hub.sent("files").await.is_empty());
}

#[tokio::test]
async fn a_connection_says_how_it_stands() {
    let hub = Hub::new().await;
    let path = "/v1/connections/export/health";
    let before = hub.get(path).await;
    assert_eq!(before.status, StatusCode::OK);
    assert_eq!(before.at("/breaker/state"), "closed");
    assert!(before.json().get("ok").is_none(), "not checked yet");

    let (acme, export) = (tenant("acme"), name("export"));
    let found = ConnectionHealth {
        ok: false,
        message: "no such folder".into(),
        code: Some("rejected".into()),
        at: NOW_MS,
        since: NOW_MS,
    };
    hub.store.note_check(&acme, &export, &found).await.unwrap();
    let connection: Connection =
        hub.store.connection(&acme, &export).await.unwrap().unwrap().definition;
    let text = r#"{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{"name":"tell"},
        "output":{"notify":[{"connection":"export"}]}}"#;
    let integration: Integration = serde_json::from_str(text).unwrap();
    let listed = integration.recipient(0).unwrap();
    let place = Place {
        tenant: &acme,
        connection: &connection,
        recipient: listed.recipient,
        integration: &integration.metadata.name,
        definition: &Digest::of(&[]),
    };
    hub.store.disable(&place, "#ops", "410 Gone", false).await.unwrap();
    let after = hub.get(path).await;
    assert_eq!((&*after.at("/ok"), &*after.at("/message")), ("false", "no such folder"));
    assert_eq!(after.at("/since"), "2023-11-14T22:13:20Z");
    assert_eq!(
        (&*after.at("/disabled/0/target"), &*after.at("/disabled/0/reason")),
        ("#ops", "410 Gone")
    );
    let other = hub.ask(&hub.stranger, "GET", path, &[], "").await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}
