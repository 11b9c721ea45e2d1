use ferrule_core::{Record, RunState};
use ferrule_store::envelope_of;

use super::*;

const WATCH: &str = r#""trigger":{"config_change":{"match":["*"]}},
    "output":{"notify":[{"connection":"chat","else":[{"connection":"mail"}]},
    {"connection":"ops","else":[{"connection":"mail"}]}]}"#;

fn failed(integration: &str) -> Event {
    let data = Object::from_iter([
        ("integration", Value::from(integration)),
        ("reason", Value::from("the source is down")),
    ]);
    Event {
        id: "f1".into(),
        kind: "run.failed".into(),
        at: START,
        subject: integration.into(),
        data,
    }
}

#[tokio::test]
async fn those_that_stand_in_are_told_when_a_recipient_cannot_be_told() {
    let mut hub = hub(&[("watch", WATCH)]).await;
    hub.down = vec!["chat"];
    hub.happens(change("1", "app.x")).await;
    hub.settle().await;
    assert_eq!((hub.told["mail"].len(), hub.told["ops"].len()), (1, 1));
    let [run] = hub.runs("watch").await.try_into().unwrap();
    assert_eq!((run.state, run.counts.parked, run.counts.told), (RunState::Partial, 1, 2));
}

#[tokio::test]
async fn a_recipient_whose_connection_is_gone_keeps_nobody_else_waiting() {
    let output = r#""trigger":{"config_change":{"match":["*"]}},"output":{"notify":[
        {"connection":"nowhere","else":[{"connection":"mail"}]},{"connection":"ops"}]}"#;
    let mut hub = hub(&[("watch", output)]).await;
    hub.happens(change("1", "app.x")).await;
    hub.settle().await;
    assert_eq!((hub.told["mail"].len(), hub.told["ops"].len()), (1, 1));
    let [run] = hub.runs("watch").await.try_into().unwrap();
    assert_eq!((run.state, run.counts.parked, run.counts.told), (RunState::Partial, 1, 2));
}

#[tokio::test]
async fn an_integration_tells_of_its_own_failure_and_others_may_listen() {
    let copies = r#""source":{"connection":"hub","table":"a"},
        "output":{"connection":"hub","table":"b"},"tell":[{"connection":"ops"}]"#;
    let listens = r#""trigger":{"event":{"type":"run.failed","match":["copy*"]}},
        "output":{"notify":[{"connection":"chat"}]}"#;
    let mut hub = hub(&[("copy", copies), ("other", copies), ("listens", listens)]).await;
    hub.happens(failed("copy")).await;
    hub.settle().await;
    assert_eq!(
        (hub.titles("ops"), hub.titles("chat")),
        (vec!["copy failed".into()], vec!["copy failed".into()])
    );
    assert_eq!(hub.told["ops"][0].text.as_deref(), Some("the source is down"));
    let [run] = hub.runs("copy").await.try_into().unwrap();
    assert_eq!(
        (run.trigger.as_str(), run.state, run.counts.told),
        ("event", RunState::Succeeded, 1)
    );
    assert!(run.alert && hub.runs("listens").await[0].alert);
    assert!(hub.runs("other").await.is_empty());
}

#[tokio::test]
async fn an_alert_that_cannot_be_told_is_parked_and_raises_no_other() {
    let listens = r#""trigger":{"event":{"type":["run.failed","errors.parked"]}},
        "output":{"notify":[{"connection":"chat"}]}"#;
    let mut hub = hub(&[("listens", listens)]).await;
    hub.down = vec!["chat"];
    hub.happens(failed("copy")).await;
    hub.settle().await;
    let [run] = hub.runs("listens").await.try_into().unwrap();
    assert_eq!((run.state, run.counts.parked), (RunState::Partial, 1));
}

/// Takes the first message off a queue.
fn sent(hub: &Hub, function: &str) -> Message {
    let received = hub.queues().receive(function).expect("a message");
    hub.queues().delete(function, received.id);
    Message::decode(&received.body).unwrap()
}

/// Lets dispatch do a batch of these keys again, as somebody replays it; returns what `chat` gets.
async fn replay(hub: &Hub, run: &Run, keys: &[&str]) -> (Envelope, Vec<String>) {
    let records = keys.iter().map(|key| {
        let value = change(key, key).record();
        Record { value, ..Record::default() }
    });
    let batch = Batch { records: records.collect(), ..Batch::default() };
    let envelope = Envelope { replayed: true, failures: 3, ..envelope_of(&hub.tenant, run) };
    let body = Message { envelope, task: Task::Load(batch) }.encode().unwrap();
    assert_eq!(hub.runner.deliver(&body, Duration::from_secs(9)).await, Delivered::Done);
    let Message { envelope, task: Task::Load(piece) } = sent(hub, "chat") else {
        panic!("no load")
    };
    let ids = piece.records.iter().map(|record| record.value.get("id").unwrap().to_string());
    (envelope, ids.collect())
}

#[tokio::test]
async fn what_is_replayed_stays_so_and_a_part_is_not_taken_for_the_whole() {
    let mut hub = hub(&[("watch", WATCH)]).await;
    hub.happens(change("1", "app.x")).await;
    hub.settle().await;
    let [run] = hub.runs("watch").await.try_into().unwrap();
    let (envelope, whole) = replay(&hub, &run, &["app.a", "app.b", "app.b"]).await;
    assert_eq!((envelope.replayed, envelope.failures), (true, 0));
    assert_eq!(whole.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    assert_eq!(replay(&hub, &run, &["app.a", "app.b", "app.b"]).await.1, whole, "a repeat");
    assert_eq!(replay(&hub, &run, &["app.b"]).await.1, whole[1..2]);
    assert!(!whole.contains(&replay(&hub, &run, &["app.c"]).await.1[0]));
}

#[tokio::test]
async fn a_run_whose_events_were_parked_ends_and_its_replay_tells_all_the_same() {
    let listens = r#""trigger":{"config_change":{"match":["*"]}},"tell":[{"connection":"ops"}],
        "output":{"notify":[{"connection":"chat"}]}"#;
    let fuse = Fuse::default();
    let mut hub = hub_with(&[("watch", listens)], &fuse).await;
    let mut calls = 0;
    // The process dies after the run was claimed, and its message comes no more: it was parked.
    let parked = loop {
        hub.happens(change(&calls.to_string(), "app.x")).await;
        let received = hub.queues().receive("dispatch").unwrap();
        hub.queues().delete("dispatch", received.id);
        fuse.light(calls);
        hub.runner.deliver(&received.body, Duration::from_secs(9)).await;
        fuse.mend();
        if !hub.runs("watch").await.is_empty() {
            break received.body;
        }
        calls += 1;
    };
    assert!(hub.told.is_empty());
    hub.store.clock.advance(Duration::from_hours(25));
    assert_eq!(hub.store.sweep_runs().await.unwrap().len(), 1);
    hub.settle().await;
    let mut replayed = Message::decode(&parked).unwrap();
    replayed.envelope.replayed = true;
    hub.store.send("dispatch", vec![replayed], Duration::ZERO).await.unwrap();
    hub.settle().await;
    assert_eq!(hub.titles("chat"), ["app.x was changed in prod"]);
    let runs = hub.runs("watch").await;
    let told = runs.iter().find(|run| run.trigger == "config_change").unwrap();
    assert_eq!((told.state, told.counts.told), (RunState::Succeeded, 1));
}

#[tokio::test]
async fn what_is_told_has_come_one_further_and_so_has_a_digest_of_it() {
    let window = r#""trigger":{"config_change":{"match":["*"]}},"output":{"notify":[
        {"connection":"chat"},{"connection":"ops","batch":{"window":"1m","size":2}}]}"#;
    let mut hub = hub(&[("watch", window)]).await;
    for (id, hops) in [("1", 0), ("2", 4)] {
        let posted = Posted::one(change(id, "app.x"));
        let posted = Posted { hops: ferrule_core::Hops::new(hops), ..posted };
        hub.store.tell(&hub.tenant, &posted).await.unwrap();
    }
    hub.settle().await;
    let mut hops: Vec<_> = hub.told["chat"].iter().map(|one| one.hops.number()).collect();
    hops.sort_unstable();
    assert_eq!(hops, [1, 5]);
    let [digest] = hub.told["ops"].as_slice() else { panic!("{:?}", hub.told["ops"]) };
    assert_eq!(digest.hops.number(), 5);
    let runs = hub.runs("watch").await;
    assert_eq!(
        runs.iter().filter(|run| run.hops.number() >= 4).count(),
        2,
        "the event's, the digest's"
    );
}

#[tokio::test]
async fn of_what_failed_because_of_a_loop_nobody_is_told_for_ever() {
    let mut hub = hub(&[("watch", WATCH)]).await;
    hub.down = vec!["chat", "mail"];
    let mut parked = Vec::new();
    for (id, hops) in [("1", 15), ("2", 16)] {
        let posted = Posted::one(change(id, "app.x"));
        let posted = Posted { hops: ferrule_core::Hops::new(hops), ..posted };
        hub.store.tell(&hub.tenant, &posted).await.unwrap();
        let mut seen = 0;
        loop {
            for (_, id, body) in hub.queues().sent_after(seen) {
                seen = id;
                let Task::Events(batch) = Message::decode(&body).unwrap().task else { continue };
                let is_news = batch.records[0].value.get("type").and_then(Value::as_str)
                    == Some("errors.parked");
                parked.extend(is_news.then_some(batch.hops().number()));
            }
            if !hub.step().await {
                break;
            }
        }
    }
    assert!(!parked.is_empty() && parked.iter().all(|hops| *hops == 16), "{parked:?}");
}
