use super::*;

fn tasks(text: &str) -> Vec<Task> {
    let event: serde_json::Value = serde_json::from_str(text).unwrap();
    let bodies =
        event["Records"].as_array().unwrap().iter().map(|record| record["body"].to_string());
    bodies.map(|body| Message::decode(&body).unwrap().task).collect()
}

#[test]
fn the_sample_events_are_messages_that_dispatch_takes() {
    let changed = tasks(include_str!("../../../../events/dispatch/changed.json"));
    let [Task::Events(events)] = &changed[..] else { panic!("not events") };
    assert_eq!(events.records[0].value.get("type").and_then(Value::as_str), Some("config.changed"));
    let load = tasks(include_str!("../../../../events/dispatch/load.json"));
    assert!(matches!(&load[..], [Task::Load(Batch { recipient: None, .. })]));
    let fold = tasks(include_str!("../../../../events/dispatch/fold.json"));
    let [Task::Fold(Batch { recipient: Some(0), records, .. })] = &fold[..] else {
        panic!("not to fold")
    };
    assert!(records[0].value.to::<Notification>().is_ok());
    let flush = tasks(include_str!("../../../../events/dispatch/flush.json"));
    assert!(matches!(&flush[..], [Task::Flush(_)]));
}

#[tokio::test]
async fn the_sample_of_a_change_reaches_those_who_listen() {
    let output = r#""trigger":{"config_change":{"match":["*.database.*"]}},
        "output":{"notify":[{"connection":"chat"}]}"#;
    let mut hub = hub(&[("watch", output)]).await;
    let event: serde_json::Value =
        serde_json::from_str(include_str!("../../../../events/dispatch/changed.json")).unwrap();
    let body = event["Records"][0]["body"].to_string().replace("\"demo\"", "\"acme\"");
    assert_eq!(hub.runner.deliver(&body, Duration::from_secs(9)).await, Delivered::Done);
    hub.settle().await;
    assert_eq!(hub.titles("chat"), ["app.database.host was changed in prod"]);
}
