//! Messages arrive.

use std::{collections::BTreeSet, time::Duration};

use ferrule_store::{MAX_MESSAGE_BYTES, Outgoing, Queues, Store};

use crate::{stage, stores, unique};

fn message(body: impl Into<String>) -> Outgoing {
    Outgoing { body: body.into(), delay: Duration::ZERO }
}

/// Takes messages from the queue until `count` have come that start with `prefix`.
async fn receive(store: &Store, prefix: &str, count: usize) -> BTreeSet<String> {
    match &store.queues {
        Queues::Memory(queues, _) => {
            let received = std::iter::from_fn(|| queues.receive(stage::FUNCTION));
            received.map(|message| message.body).filter(|body| body.starts_with(prefix)).collect()
        }
        Queues::Aws(_) => receive_from_sqs(prefix, count).await,
    }
}

async fn receive_from_sqs(prefix: &str, count: usize) -> BTreeSet<String> {
    let sqs = aws_sdk_sqs::Client::new(&stage::config().await);
    let url = sqs.get_queue_url().queue_name(stage::queue()).send().await.unwrap().queue_url;
    let mut bodies = BTreeSet::new();
    for _ in 0..50 {
        let receive = sqs.receive_message().set_queue_url(url.clone()).max_number_of_messages(10);
        let answer = receive.visibility_timeout(5).wait_time_seconds(1).send().await.unwrap();
        for message in answer.messages.unwrap_or_default() {
            let body = message.body.unwrap();
            if body.starts_with(prefix) {
                let delete = sqs.delete_message().set_queue_url(url.clone());
                delete.set_receipt_handle(message.receipt_handle).send().await.unwrap();
                bodies.insert(body);
            }
        }
        if bodies.len() >= count {
            break;
        }
    }
    bodies
}

#[tokio::test]
async fn delivers_every_message_unchanged() {
    for store in stores().await {
        let prefix = unique("each");
        let bodies: BTreeSet<String> =
            (0..23).map(|n| format!("{prefix} {n} \t\r\n ü\u{fffd}\u{10ffff}<&>\"'")).collect();
        let messages = bodies.iter().map(message).collect();
        store.queues.send(stage::FUNCTION, messages).await.unwrap();
        assert_eq!(receive(&store, &prefix, 23).await, bodies);
    }
}

#[tokio::test]
async fn delivers_the_largest_message_and_more_than_one_call_takes() {
    for store in stores().await {
        let prefix = unique("large");
        let largest = format!("{prefix}{}", "x".repeat(MAX_MESSAGE_BYTES - prefix.len()));
        let small = format!("{prefix}small");
        let sent = [largest.clone(), small].map(message).to_vec();
        store.queues.send(stage::FUNCTION, sent).await.unwrap();
        let received = receive(&store, &prefix, 2).await;
        assert_eq!(received.len(), 2);
        assert!(received.contains(&largest));
    }
}

#[tokio::test]
async fn sends_nothing_when_one_message_would_be_refused() {
    for store in stores().await {
        let prefix = unique("none");
        let refused = [format!("{prefix}\u{ffff}"), String::new()];
        for bad in refused {
            let sent = vec![message(format!("{prefix}good")), message(bad)];
            assert!(store.queues.send(stage::FUNCTION, sent).await.is_err());
        }
        store.queues.send(stage::FUNCTION, vec![]).await.unwrap();
        assert_eq!(receive(&store, &prefix, 0).await, BTreeSet::new());
    }
}
