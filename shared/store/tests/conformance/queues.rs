//! Messages arrive.

use std::time::Duration;

use ferrule_store::{MAX_MESSAGE_BYTES, Outgoing, Queues, Store};

use crate::{stage, stores, unique};

fn message(body: impl Into<String>) -> Outgoing {
    Outgoing { body: body.into(), delay: Duration::ZERO }
}

/// Makes a queue that only this test uses, and returns its function.
async fn queue(store: &Store) -> String {
    let function = unique("function");
    if let Queues::Aws(_) = &store.queues {
        stage::create_queue(&function).await;
    }
    function
}

/// Takes messages from the queue until `count` have come, or none comes any more.
async fn receive(store: &Store, function: &str, count: usize) -> Vec<String> {
    let mut bodies = match &store.queues {
        Queues::Memory(queues, _) => {
            let received = std::iter::from_fn(|| queues.receive(function));
            received.map(|message| message.body).collect()
        }
        Queues::Aws(_) => receive_from_sqs(function, count).await,
        Queues::Handover(_) => unreachable!("what is handed over is no text"),
    };
    bodies.sort();
    bodies
}

async fn receive_from_sqs(function: &str, count: usize) -> Vec<String> {
    let sqs = aws_sdk_sqs::Client::new(&stage::config());
    let url = stage::create_queue(function).await;
    let mut bodies = Vec::new();
    loop {
        let receive = sqs.receive_message().queue_url(&url).max_number_of_messages(10);
        let answer = receive.wait_time_seconds(1).send().await.unwrap();
        let messages = answer.messages.unwrap_or_default();
        let is_empty = messages.is_empty();
        bodies.extend(messages.into_iter().filter_map(|message| message.body));
        if is_empty || bodies.len() >= count.max(1) {
            return bodies;
        }
    }
}

#[tokio::test]
async fn delivers_every_message_unchanged() {
    for store in stores().await {
        let function = queue(&store).await;
        let bodies: Vec<String> =
            (10..33).map(|n| format!("{n} \t\r\n ü\u{fffd}\u{10ffff}<&>\"'")).collect();
        store.queues.send(&function, bodies.iter().map(message).collect()).await.unwrap();
        assert_eq!(receive(&store, &function, bodies.len()).await, bodies);
    }
}

#[tokio::test]
async fn delivers_the_largest_message_and_more_than_one_call_takes() {
    for store in stores().await {
        let function = queue(&store).await;
        let sent = ["a".to_owned(), "x".repeat(MAX_MESSAGE_BYTES)];
        store.queues.send(&function, sent.iter().map(message).collect()).await.unwrap();
        assert!(receive(&store, &function, 2).await == sent);
    }
}

#[tokio::test]
async fn sends_nothing_when_one_message_would_be_refused() {
    for store in stores().await {
        let function = queue(&store).await;
        for bad in ["\u{ffff}", ""] {
            let sent = ["good", bad].map(message).to_vec();
            assert!(store.queues.send(&function, sent).await.is_err());
        }
        store.queues.send(&function, vec![]).await.unwrap();
        assert_eq!(receive(&store, &function, 0).await, [""; 0]);
    }
}
