use ferrule_core::{Hops, RunState, definition::Urgency};
use ferrule_store::{ErrorFilter, Item, Table};

use super::*;

const ALL: &str = r#""trigger":{"config_change":{"match":["*"]}}"#;

#[tokio::test]
async fn each_recipient_hears_what_its_patterns_say_and_the_run_ends() {
    let output = format!(
        r#"{ALL},"output":{{"notify":[{{"connection":"chat"}},
        {{"connection":"ops","match":["*.database.*"],
          "mention":[{{"match":["*.password"],"who":["dba"]}},{{"who":["team"]}}]}}]}}"#
    );
    let mut hub = hub(&[("watch", &output)]).await;
    hub.happens(change("1", "app.color")).await;
    hub.happens(change("2", "app.database.password")).await;
    hub.settle().await;
    assert_eq!(hub.told["chat"].len(), 2);
    let [alert] = hub.told["ops"].as_slice() else { panic!("{:?}", hub.told["ops"]) };
    assert_eq!(alert.title, "app.database.password was changed in prod");
    assert_eq!(alert.mentions, ["dba", "team"]);
    let runs = hub.runs("watch").await;
    let told = runs.iter().map(|run| (run.counts.told, run.counts.read, run.state));
    let told: std::collections::BTreeMap<_, _> =
        told.map(|(told, read, state)| (told, (read, state))).collect();
    let ended = (1, RunState::Succeeded);
    assert_eq!(told, [(1, ended), (2, ended)].into());
}

#[tokio::test]
async fn an_event_that_comes_again_is_told_once() {
    let output = format!(r#"{ALL},"output":{{"notify":[{{"connection":"chat"}}]}}"#);
    let mut hub = hub(&[("watch", &output)]).await;
    for _ in 0..3 {
        hub.happens(change("1", "app.color")).await;
        hub.settle().await;
    }
    assert_eq!((hub.told["chat"].len(), hub.runs("watch").await.len()), (1, 1));
}

#[tokio::test]
async fn only_integrations_that_the_key_and_the_environment_are_for_are_started() {
    let watch = |what: &str| {
        let output = r#""output":{"notify":[{"connection":"chat"}]}"#;
        format!(r#""trigger":{{"config_change":{what}}},{output}"#)
    };
    let mut hub = hub(&[
        ("db", &watch(r#"{"match":["*.database.*","!test.*"]}"#)),
        ("staging", &watch(r#"{"match":["*"],"environment":["staging"]}"#)),
        ("prod", &watch(r#"{"match":["app.*"],"environment":["prod"],"urgency":"high"}"#)),
    ])
    .await;
    for (id, key) in [("1", "app.database.host"), ("2", "test.database.host"), ("3", "app.x")] {
        hub.happens(change(id, key)).await;
    }
    hub.settle().await;
    let mut runs = Vec::new();
    for name in ["db", "staging", "prod"] {
        runs.push(hub.runs(name).await.len());
    }
    assert_eq!(runs, [1, 0, 2]);
    assert_eq!(hub.runs("prod").await[0].urgency, Urgency::High);
}

#[tokio::test]
async fn a_mapped_record_goes_through_transform_and_comes_back() {
    let output =
        format!(r#"{ALL},"map":{{"what":".key"}},"output":{{"notify":[{{"connection":"chat"}}]}}"#);
    let hub = hub(&[("watch", &output)]).await;
    hub.happens(change("1", "app.color")).await;
    let dispatch = hub.queues().receive("dispatch").unwrap();
    assert_eq!(hub.runner.deliver(&dispatch.body, Duration::from_secs(9)).await, Delivered::Done);
    let sent = hub.queues().receive("transform").unwrap();
    let sent = Message::decode(&sent.body).unwrap();
    assert!(matches!(sent.task, Task::Transform(batch) if batch.records.len() == 1));
}

#[tokio::test]
async fn what_is_urgent_travels_on_queues_of_its_own() {
    let output = |urgency: &str| {
        format!(
            r#""trigger":{{"config_change":{{"match":["*"],"urgency":"{urgency}"}}}},
            "output":{{"notify":[{{"connection":"chat"}}]}}"#
        )
    };
    let (low, high) = (output("low"), output("high"));
    let mut hub = hub(&[("a-routine", &low), ("pager", &high)]).await;
    let mut posted = Posted::one(change("1", "app.x"));
    posted.urgency = Urgency::High;
    hub.store.tell(&hub.tenant, &posted).await.unwrap();
    assert_eq!(hub.queues().functions(), ["dispatch-urgent"]);
    assert!(hub.step().await);
    let queues = hub.queues().functions();
    assert_eq!(queues, ["chat-urgent", "dispatch", "journal"], "the routine waits for its turn");
    hub.settle().await;
    assert_eq!(hub.told["chat"].len(), 2);
}

#[tokio::test]
async fn a_recipient_can_ask_for_what_is_urgent_only() {
    let output = r#""trigger":{"config_change":{"match":["*"],"urgency":"low"}},
        "output":{"notify":[{"connection":"chat","urgency":["high"]}]}"#;
    let mut hub = hub(&[("watch", output)]).await;
    hub.happens(change("1", "app.x")).await;
    hub.settle().await;
    let [run] = hub.runs("watch").await.try_into().unwrap();
    assert_eq!((run.state, run.counts.ignored, run.counts.told), (RunState::Succeeded, 1, 0));
}

#[tokio::test]
async fn the_same_thing_is_told_once_in_a_while() {
    let output = format!(
        r#"{ALL},"output":{{"notify":[{{"connection":"chat"}}],
        "once_per":{{"key":".key | split(\".\")[0]","for":"1h"}}}}"#
    );
    let mut hub = hub(&[("watch", &output)]).await;
    for (id, key) in [("1", "app.a"), ("2", "app.b"), ("3", "web.a")] {
        hub.happens(change(id, key)).await;
    }
    hub.settle().await;
    assert_eq!(hub.told["chat"].len(), 2);
    hub.store.clock.advance(Duration::from_hours(1));
    hub.happens(change("4", "app.c")).await;
    hub.settle().await;
    assert_eq!(hub.told["chat"].len(), 3);
}

#[tokio::test]
async fn in_one_batch_the_same_thing_is_told_once_too() {
    let output = format!(
        r#"{ALL},"output":{{"notify":[{{"connection":"chat"}}],
        "once_per":{{"key":".environment","for":"1h"}}}}"#
    );
    let mut hub = hub(&[("watch", &output)]).await;
    let events = (0..5).map(|at| change(&format!("e{at}"), "app.x")).collect();
    let posted = Posted { id: "many".into(), events, urgency: Urgency::Low, hops: Hops::default() };
    hub.store.tell(&hub.tenant, &posted).await.unwrap();
    hub.settle().await;
    let [run] = hub.runs("watch").await.try_into().unwrap();
    assert_eq!((run.counts.read, run.counts.told, run.counts.ignored), (5, 1, 4));
}

#[tokio::test]
async fn many_notifications_travel_in_pieces_and_all_are_accounted_for() {
    let output = format!(
        r#"{ALL},"output":{{"notify":[{{"connection":"chat","else":[{{"connection":"mail"}}]}},
        {{"connection":"ops"}}]}}"#
    );
    let mut hub = hub(&[("watch", &output)]).await;
    let events = (0..333).map(|at| change(&format!("e{at}"), &format!("app.k{at}"))).collect();
    let posted = Posted { id: "many".into(), events, urgency: Urgency::Low, hops: Hops::default() };
    hub.store.tell(&hub.tenant, &posted).await.unwrap();
    hub.settle().await;
    assert_eq!((hub.told["chat"].len(), hub.told["ops"].len()), (333, 333));
    let ids: std::collections::BTreeSet<_> =
        hub.told.values().flatten().map(|one| one.id.clone()).collect();
    assert_eq!(ids.len(), 666, "every notification has a name of its own");
    let [run] = hub.runs("watch").await.try_into().unwrap();
    assert_eq!((run.state, run.counts.told), (RunState::Succeeded, 666));
}

#[tokio::test]
async fn a_definition_that_cannot_be_read_keeps_nobody_else_from_hearing() {
    let output = format!(r#"{ALL},"output":{{"notify":[{{"connection":"chat"}}]}}"#);
    let mut hub = hub(&[("broken", &output), ("whole", &output)]).await;
    let name = Name::new("broken").unwrap();
    let hash = hub.store.integration(&hub.tenant, &name).await.unwrap().unwrap().hash;
    let row = Item::new("acme", format!("definition#{hash}"), &"not a definition").unwrap();
    hub.store.tables.put(Table::Registry, row, When::Always).await.unwrap();
    for id in ["1", "2"] {
        hub.happens(change(id, "app.x")).await;
        hub.settle().await;
    }
    assert_eq!(hub.told["chat"].len(), 2);
    let filter = ErrorFilter::default();
    let (rows, _) = hub.store.errors(&hub.tenant, &filter, 10, None).await.unwrap();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.integration.as_str(), row.code.as_str()), ("broken", "ROW"));
}
