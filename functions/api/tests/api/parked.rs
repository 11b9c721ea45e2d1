//! What is parked is shown, previewed, sent again and given up.

use ferrule_core::{Batch, Envelope, Record, RunId, Task, Value, definition::Integration};
use ferrule_store::{ErrorRow, ReplayState, hash_of};
use http::StatusCode;

use crate::hub::{Answer, Hub, INTEGRATION, NOW_MS, name, tenant};

/// Parks records of `tickets-in` that its mapping refused.
async fn refuse(hub: &Hub, count: u32) {
    let acme = tenant("acme");
    let stored = hub.store.integration(&acme, &name("tickets-in")).await.unwrap().unwrap();
    let envelope = Envelope::new(acme, name("tickets-in"), stored.hash, RunId::new("r1"));
    let record = |n: u32| Record {
        value: ferrule_core::json::parse(format!(r#"{{"number":"T{n}"}}"#).as_bytes()).unwrap(),
        ..Record::default()
    };
    let records = (0..count).map(record).collect();
    let batch = Batch { origin: "a.csv".into(), records, ..Batch::default() };
    let rows = (0..count).map(|n| {
        let row = ErrorRow::of(&envelope, "transform", "TYPE", "no number".into(), NOW_MS);
        ErrorRow { id: format!("e{n}"), ..row }
    });
    hub.store.park_refused(&envelope, Task::Transform(batch), rows.collect()).await.unwrap();
}

/// Parks one record later than all others.
async fn refuse_at(hub: &Hub, at: i64, id: &str) {
    let acme = tenant("acme");
    let stored = hub.store.integration(&acme, &name("tickets-in")).await.unwrap().unwrap();
    let envelope = Envelope::new(acme, name("tickets-in"), stored.hash, RunId::new("r2"));
    let batch = Batch { records: vec![Record::default()], ..Batch::default() };
    let row = ErrorRow::of(&envelope, "transform", "TYPE", "no number".into(), at);
    let row = ErrorRow { id: id.into(), ..row };
    hub.store.park_refused(&envelope, Task::Transform(batch), vec![row]).await.unwrap();
}

async fn post(hub: &Hub, path: &str, body: &str) -> Answer {
    hub.ask(&hub.writer, "POST", path, &[], body).await
}

#[tokio::test]
async fn a_fixed_definition_is_previewed_and_what_it_refused_is_sent_once() {
    let hub = Hub::new().await;
    refuse(&hub, 5).await;
    let listed = hub.get("/v1/parked?integration=tickets-in&limit=2").await;
    assert_eq!(listed.at("/items/0/state"), "parked");
    assert_eq!(listed.at("/items/0/expires_at"), "2023-12-14T22:13:20Z");
    let next = listed.at("/next");
    let rest = hub.get(&format!("/v1/parked?integration=tickets-in&limit=9&cursor={next}")).await;
    assert_eq!(rest.json().get("items").and_then(Value::as_array).unwrap().len(), 3);

    let fixed = INTEGRATION.replace("lower: true", "upper: true");
    assert_eq!(hub.put("/v1/integrations/tickets-in", &fixed).await.status, StatusCode::OK);
    let preview = post(&hub, "/v1/replays", r#"{"integration":"tickets-in","preview":true}"#).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.text);
    for (at, is) in [
        ("/errors", "5"),
        ("/oldest", "2023-11-14T22:13:20Z"),
        ("/definitions/0/changed", "true"),
        ("/tried/mapped", "5"),
        ("/minutes", "1"),
        ("/rate", "6000/m"),
        ("/with", "today"),
        ("/codes/0/code", "TYPE"),
    ] {
        assert_eq!(preview.at(at), is, "{at}: {}", preview.text);
    }
    assert!(preview.at("/cost_usd").parse::<f64>().unwrap() > 0.0);
    assert!(hub.sent("transform").await.is_empty(), "a preview sends nothing");

    for sends in [5, 0] {
        let answer = post(&hub, "/v1/replays", r#"{"integration":"tickets-in"}"#).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        assert_eq!(
            (answer.at("/state"), answer.at("/records")),
            ("done".into(), sends.to_string())
        );
        let sent: usize = hub.sent("transform").await.iter().map(records).sum();
        assert_eq!(sent, sends);
        let shown = hub.get(&format!("/v1/replays/{}", answer.at("/id"))).await;
        assert_eq!(shown.text, answer.text);
    }
    let row = hub.get("/v1/errors/e1").await;
    assert_eq!(row.at("/state"), "replayed");
    assert!(row.at("/done/by").len() >= 8, "{}", row.text);
    let trail = hub.store.audit_trail(&tenant("acme"), 50).await.unwrap();
    let action = "REPLAY integration=tickets-in with=today rate=6000/m";
    assert!(trail.iter().any(|row| row.action == action), "{trail:?}");
}

fn records(message: &ferrule_core::Message) -> usize {
    let Task::Transform(batch) = &message.task else { panic!("not a batch to map") };
    batch.records.len()
}

#[tokio::test]
async fn as_it_was_means_under_the_definition_under_which_it_failed() {
    let hub = Hub::new().await;
    refuse(&hub, 1).await;
    let old: Integration = hub
        .store
        .integration(&tenant("acme"), &name("tickets-in"))
        .await
        .unwrap()
        .unwrap()
        .definition;
    hub.put("/v1/integrations/tickets-in", &INTEGRATION.replace("lower: true", "upper: true"))
        .await;
    let answer = post(&hub, "/v1/replays", r#"{"ids":["e0"],"with":"as-was"}"#).await;
    assert_eq!(answer.at("/runs/0/definition"), hash_of(&old).unwrap().to_string());
}

#[tokio::test]
async fn a_forgotten_filter_is_not_everything() {
    let hub = Hub::new().await;
    refuse(&hub, 2).await;
    for body in [
        "{}",
        r#"{"all":true,"code":"TYPE"}"#,
        r#"{"ids":[""]}"#,
        r#"{"integration":"tickets-in","rate":"60001/m"}"#,
        r#"{"integration":"tickets-in","rate":"0/m"}"#,
        r#"{"integration":"tickets-in","with":"yesterday"}"#,
        r#"{"integratoin":"tickets-in"}"#,
    ] {
        let answer = post(&hub, "/v1/replays", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {}", answer.text);
    }
    assert_eq!(post(&hub, "/v1/discards", "{}").await.status, StatusCode::BAD_REQUEST);
    assert!(hub.sent("transform").await.is_empty());
    let all = post(&hub, "/v1/replays", r#"{"all":true}"#).await;
    assert_eq!(all.at("/errors"), "2");
}

#[tokio::test]
async fn the_first_letters_of_an_id_are_enough_when_they_are_of_one_alone() {
    let hub = Hub::new().await;
    let acme = tenant("acme");
    let stored = hub.store.integration(&acme, &name("tickets-in")).await.unwrap().unwrap();
    let envelope = Envelope::new(acme, name("tickets-in"), stored.hash, RunId::new("r1"));
    for id in ["abcdef12", "abcdef34"] {
        let records = vec![Record::default()];
        let batch = Batch { origin: id.into(), records, ..Batch::default() };
        let row = ErrorRow::of(&envelope, "transform", "TYPE", "no".into(), NOW_MS);
        let row = ErrorRow { id: id.into(), ..row };
        hub.store.park_refused(&envelope, Task::Transform(batch), vec![row]).await.unwrap();
    }
    let preview = async |id: &str| {
        let body = format!(r#"{{"ids":["{id}"],"preview":true}}"#);
        post(&hub, "/v1/replays", &body).await
    };
    assert_eq!(preview("abcdef1").await.at("/errors"), "1");
    assert_eq!(preview("abcdef").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(preview("abcde").await.at("/errors"), "0", "too few letters name nothing");
}

#[tokio::test]
async fn what_is_given_up_is_not_sent() {
    let hub = Hub::new().await;
    refuse(&hub, 3).await;
    let preview = post(&hub, "/v1/discards", r#"{"ids":["e0","e1"],"preview":true}"#).await;
    assert_eq!(preview.at("/errors"), "2");
    let answer = post(&hub, "/v1/discards", r#"{"ids":["e0","e1"]}"#).await;
    assert_eq!((answer.at("/errors"), answer.at("/more")), ("2".into(), "false".into()));
    assert_eq!(answer.at("/next"), "null");
    let answer = post(&hub, "/v1/replays", r#"{"integration":"tickets-in"}"#).await;
    assert_eq!(answer.at("/errors"), "1");
    assert_eq!(hub.get("/v1/errors/e0").await.at("/state"), "discarded");
    let trail = hub.store.audit_trail(&tenant("acme"), 50).await.unwrap();
    assert!(trail.iter().any(|row| row.outcome == "2 discarded"), "{trail:?}");
}

#[tokio::test]
async fn what_is_parked_after_a_look_is_not_given_up_with_it() {
    let hub = Hub::new().await;
    refuse(&hub, 2).await;
    let preview = post(&hub, "/v1/discards", r#"{"all":true,"preview":true}"#).await;
    assert_eq!(preview.at("/until"), "2023-11-14T22:13:20Z");
    hub.clock.advance(std::time::Duration::from_secs(1));
    refuse_at(&hub, NOW_MS + 1000, "late").await;
    let until = format!(r#"{{"until":"{}"}}"#, preview.at("/until"));
    assert_eq!(post(&hub, "/v1/discards", &until).await.at("/errors"), "2");
    assert_eq!(hub.get("/v1/errors/late").await.at("/state"), "parked");
}

#[tokio::test]
async fn much_is_given_up_in_several_requests_each_going_on_where_the_last_ended() {
    let hub = Hub::new().await;
    refuse(&hub, 2100).await;
    let first = post(&hub, "/v1/discards", r#"{"code":"TYPE"}"#).await;
    assert_eq!((first.at("/errors"), first.at("/more")), ("2000".into(), "true".into()));
    let cursor = first.at("/next");
    let rest = format!(r#"{{"code":"TYPE","cursor":"{cursor}"}}"#);
    let rest = post(&hub, "/v1/discards", &rest).await;
    assert_eq!((rest.at("/errors"), rest.at("/next")), ("100".into(), "null".into()));
    let other = format!(r#"{{"all":true,"cursor":"{cursor}"}}"#);
    assert_eq!(post(&hub, "/v1/discards", &other).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn only_its_own_tenant_and_only_with_a_key_that_may() {
    let hub = Hub::new().await;
    refuse(&hub, 2).await;
    for path in ["/v1/replays", "/v1/discards"] {
        let reader = hub.ask(&hub.reader, "POST", path, &[], r#"{"all":true}"#).await;
        assert_eq!(reader.status, StatusCode::FORBIDDEN);
        let stranger = hub.ask(&hub.stranger, "POST", path, &[], r#"{"ids":["e0"]}"#).await;
        assert_eq!(stranger.at("/errors"), "0", "{}", stranger.text);
    }
    let list = hub.ask(&hub.stranger, "GET", "/v1/parked", &[], "").await;
    assert_eq!(list.at("/items"), "[]");
    let own = post(&hub, "/v1/replays", r#"{"all":true}"#).await;
    let path = format!("/v1/replays/{}", own.at("/id"));
    let other = hub.ask(&hub.stranger, "GET", &path, &[], "").await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_cannot_be_sent_now_is_sent_by_a_later_tick() {
    let hub = Hub::new().await;
    refuse(&hub, 2).await;
    hub.queue_fuse.light(0);
    let answer = post(&hub, "/v1/replays", r#"{"all":true}"#).await;
    assert_eq!((answer.status, answer.at("/state")), (StatusCode::ACCEPTED, "running".into()));
    hub.queue_fuse.mend();
    hub.clock.advance(std::time::Duration::from_mins(2));
    let time = std::time::Duration::from_secs(1);
    let replay = hub.store.advance_replay(&tenant("acme"), &answer.at("/id"), time).await.unwrap();
    assert_eq!(replay.unwrap().state, ReplayState::Done);
    assert_eq!(hub.sent("transform").await.iter().map(records).sum::<usize>(), 2);
}

#[tokio::test]
async fn what_is_kept_no_longer_is_neither_shown_nor_sent() {
    let hub = Hub::new().await;
    refuse(&hub, 1).await;
    hub.clock.advance(std::time::Duration::from_hours(24 * 31));
    assert_eq!(hub.get("/v1/parked").await.at("/items"), "[]");
    let one = hub.ask(&hub.writer, "POST", "/v1/errors/e0/replay", &[], "").await;
    assert_eq!(one.status, StatusCode::CONFLICT);
    assert!(one.at("/detail").contains("no longer kept"), "{}", one.text);
}
