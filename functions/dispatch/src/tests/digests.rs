use ferrule_core::RunState;

use super::*;

const BATCHED: &str = r#""trigger":{"config_change":{"match":["*"]}},
    "output":{"notify":[{"connection":"chat","batch":{"size":3,"window":"30s"}}]}"#;

#[tokio::test]
async fn one_message_in_place_of_many_when_there_are_enough_or_their_time_is_over() {
    let mut hub = hub(&[("watch", BATCHED)]).await;
    for at in 0..4 {
        hub.happens(change(&at.to_string(), &format!("app.k{at}"))).await;
    }
    hub.settle().await;
    let sizes = |hub: &Hub| hub.told["chat"].iter().map(|one| one.digest.len()).collect::<Vec<_>>();
    assert_eq!(sizes(&hub), [3]);
    assert_eq!(hub.told["chat"][0].title, "3 notifications from watch");
    hub.store.clock.advance(Duration::from_secs(29));
    hub.settle().await;
    assert_eq!(sizes(&hub), [3]);
    hub.store.clock.advance(Duration::from_secs(1));
    hub.settle().await;
    assert_eq!(sizes(&hub), [3, 1]);
    hub.store.clock.advance(Duration::from_hours(1));
    hub.settle().await;
    assert_eq!(sizes(&hub), [3, 1], "nothing is told twice");
    let runs = hub.runs("watch").await;
    assert!(runs.iter().all(|run| run.state == RunState::Succeeded));
    let digests: Vec<_> = runs.iter().filter(|run| run.trigger == "digest").collect();
    assert_eq!((digests.len(), digests[0].counts.told), (2, 1));
    let digested: u64 = runs.iter().map(|run| run.counts.digested).sum();
    assert_eq!(digested, 4);
}

#[tokio::test]
async fn a_window_longer_than_a_queue_can_delay_waits_all_the_same() {
    let output = BATCHED.replace("30s", "2h");
    let mut hub = hub(&[("watch", &output)]).await;
    hub.happens(change("1", "app.k")).await;
    hub.settle().await;
    for _ in 0..7 {
        hub.store.clock.advance(Duration::from_mins(15));
        hub.settle().await;
    }
    assert!(hub.told.is_empty());
    hub.store.clock.advance(Duration::from_mins(15));
    hub.settle().await;
    assert_eq!(hub.told["chat"].len(), 1);
}

#[tokio::test]
async fn in_quiet_hours_only_what_is_urgent_is_told_and_the_rest_at_their_end() {
    let output = |urgency: &str| {
        format!(
            r#""trigger":{{"config_change":{{"match":["*"],"urgency":"{urgency}"}}}},
            "output":{{"notify":[{{"connection":"chat","batch":{{"size":2,"window":"1s"}}}}],
            "quiet_hours":{{"from":"08:00","to":"09:00"}}}}"#
        )
    };
    let mut hub = hub(&[("routine", &output("medium"))]).await;
    for at in 0..5 {
        hub.happens(change(&at.to_string(), &format!("app.k{at}"))).await;
    }
    hub.settle().await;
    hub.store.clock.advance(Duration::from_mins(6));
    hub.settle().await;
    assert!(hub.told.is_empty(), "08:59");
    hub.store.clock.advance(Duration::from_mins(1));
    hub.settle().await;
    assert_eq!(hub.titles("chat").len(), 5);
    assert_eq!(hub.told["chat"].len(), 1, "one message after the quiet");

    let mut hub = self::hub(&[(
        "pager",
        &output("high").replace(r#","batch":{"size":2,"window":"1s"}"#, ""),
    )])
    .await;
    hub.happens(change("1", "app.k")).await;
    hub.settle().await;
    assert_eq!(hub.told["chat"].len(), 1);
}

#[tokio::test]
async fn what_came_too_late_is_told_together() {
    let output = r#""trigger":{"config_change":{"match":["*"]}},
        "output":{"notify":[{"connection":"chat","useful_for":"1m"}]}"#;
    let mut hub = hub(&[("watch", output)]).await;
    for at in 0..3 {
        hub.happens(change(&at.to_string(), &format!("app.k{at}"))).await;
    }
    // What the connector does with what it finds too old: to fold, every one a message of its own.
    let mut folded = 0;
    while folded < 3 {
        for function in hub.queues().functions() {
            let Some(message) = hub.queues().receive(&function) else { continue };
            hub.queues().delete(&function, message.id);
            if function != "chat" {
                hub.runner.deliver(&message.body, Duration::from_secs(9)).await;
                continue;
            }
            let Message { envelope, task: Task::Load(batch) } =
                Message::decode(&message.body).unwrap()
            else {
                panic!("not a load")
            };
            hub.store.send_task("dispatch", &envelope, Task::Fold(batch)).await.unwrap();
            folded += 1;
        }
    }
    hub.settle().await;
    assert!(hub.told.is_empty());
    hub.store.clock.advance(Duration::from_mins(5));
    hub.settle().await;
    assert_eq!((hub.told["chat"].len(), hub.titles("chat").len()), (1, 3));
}

#[tokio::test]
async fn a_member_that_says_very_much_is_cut_and_parks_nobody() {
    let mut hub = hub(&[("watch", &BATCHED.replace("30s", "1s"))]).await;
    hub.happens(change("1", "app.k")).await;
    let mut huge = change("2", &"k\u{1}".repeat(200_000));
    for at in 0..200 {
        huge.data.insert(format!("{at} {}", "x".repeat(500)), Value::from("y".repeat(500)));
    }
    hub.happens(huge).await;
    hub.settle().await;
    hub.store.clock.advance(Duration::from_secs(1));
    hub.settle().await;
    let [digest] = hub.told["chat"].as_slice() else {
        panic!("{} digests", hub.told["chat"].len())
    };
    assert_eq!(digest.digest.len(), 2);
    assert!(digest.digest.iter().all(|one| one.subject.len() < 20_000 && !one.title.is_empty()));
    assert!(hub.runs("watch").await.iter().all(|run| run.state == RunState::Succeeded));
}
