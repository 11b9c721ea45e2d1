//! The proxy between the hub's own client and an AWS that takes everything.

use std::time::Duration;

use ferrule_core::{Name, Tenant};
use ferrule_store::{
    Item, Outgoing, Places, Store, Table, When,
    aws::{Access, Keys},
};

use serde_json::{Value, json};

use super::{Fault, Operation, Proxy, Rule};
use crate::vendor::{Reply, Vendor};

/// An AWS that takes everything, a proxy before it, and the hub's client.
async fn world() -> (Vendor, Proxy, Store) {
    let aws = Vendor::start(|request, _| Reply::json(taken(&request.text()))).await;
    let proxy = Proxy::start();
    proxy.forward_to(&aws.url(""));
    let places = Places {
        stack: "hub".into(),
        stage: "local".into(),
        queue_prefix: "https://sqs.us-east-1.amazonaws.com/0/hub-".into(),
        payload_bucket: "payloads".into(),
        endpoint: Some(proxy.url()),
    };
    let access = Access {
        region: "us-east-1".into(),
        keys: Some(Keys { id: "id".into(), secret: "key".into() }),
    };
    (aws, proxy, Store::aws_as(&places, 1, access))
}

/// Says that every message was taken; of anything else, nothing.
fn taken(asked: &str) -> String {
    let asked: Value = serde_json::from_str(asked).unwrap_or_default();
    let entries = asked["Entries"].as_array().into_iter().flatten();
    let taken: Vec<_> = entries.map(|entry| json!({"Id": entry["Id"]})).collect();
    if taken.is_empty() { "{}".to_owned() } else { json!({"Successful": taken}).to_string() }
}

async fn put(store: &Store, sk: &str) -> bool {
    let row = Item::new("acme", sk, &"value").unwrap();
    store.tables.put(Table::State, row, When::Always).await.is_ok()
}

#[tokio::test]
async fn passes_on_what_is_signed_as_it_is_signed() {
    let (aws, proxy, store) = world().await;
    assert!(put(&store, "a").await);
    let request = aws.requests().remove(0);
    let host = request.header("host").map(|host| format!("http://{host}"));
    assert_eq!(host, Some(proxy.url()), "the host that the signature is over");
    assert!(request.header("authorization").unwrap().contains("/us-east-1/dynamodb/"));
    assert!(request.text().contains("\"value"), "{}", request.text());
}

#[tokio::test]
async fn counts_calls_by_operation_place_and_size() {
    let (_aws, proxy, store) = world().await;
    assert!(put(&store, "a").await && put(&store, "b").await);
    let body = |size| Outgoing { body: "x".repeat(size), delay: Duration::ZERO };
    store.queues.send("rest", vec![body(60_000), body(6_000)]).await.unwrap();
    let counts = proxy.reset();
    let of = |service: &str, name: &str, place: &str| {
        let (service, name, place) = (service.into(), name.into(), place.into());
        counts[&Operation { service, name, place }]
    };
    let puts = of("dynamodb", "PutItem", "hub-state");
    assert_eq!((puts.calls, puts.writes, puts.reads), (2, 2.0, 0.0));
    let sent = of("sqs", "SendMessageBatch", "hub-rest");
    assert_eq!((sent.calls, sent.requests), (1, 2), "a little over 64 KiB");
    assert_eq!((sent.messages, sent.message_bytes), (2, 66_000));
    assert!(sent.bytes_in > 66_000, "{sent:?}");
    assert!(proxy.counts().is_empty());
}

#[tokio::test]
async fn what_it_refuses_is_not_executed_and_tried_again_by_the_client() {
    for fault in [Fault::Throttle, Fault::Error, Fault::Cut] {
        let (aws, proxy, store) = world().await;
        let injection = proxy.inject(Rule::new(fault, "dynamodb").at_most(2));
        assert!(put(&store, "a").await, "{fault:?}");
        assert_eq!((injection.met(), aws.requests().len()), (2, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_executed_each_time() {
    let (aws, proxy, store) = world().await;
    let injection = proxy.inject(Rule::new(Fault::LostAnswer, "dynamodb").at_most(1));
    assert!(put(&store, "a").await);
    assert_eq!((injection.met(), aws.requests().len()), (1, 2));
    let counts = proxy.counts();
    assert_eq!(counts.values().map(|count| count.calls).sum::<u64>(), 2);
}

#[tokio::test]
async fn a_rule_means_the_calls_that_it_names_and_ends_when_it_is_dropped() {
    let (aws, proxy, store) = world().await;
    let rule =
        Rule::new(Fault::Throttle, "dynamodb").operations(&["PutItem"]).containing("\"bad\"");
    let injection = proxy.inject(rule);
    assert!(put(&store, "good").await);
    assert!(!put(&store, "bad").await);
    let (owner, tenant) = (Name::new("rest").unwrap(), Tenant::new("acme").unwrap());
    // It gets an answer; that this is no secret is another matter.
    store.secrets.read(&owner, &tenant, &owner, false).await.ok();
    assert_eq!(aws.requests().len(), 2, "the good one and the secret");
    drop(injection);
    assert!(put(&store, "bad").await);
}

#[tokio::test]
async fn a_throttled_transaction_says_so_in_both_ways_and_is_written_in_the_end() {
    let (aws, proxy, store) = world().await;
    let injection = proxy.inject(Rule::new(Fault::Throttle, "dynamodb").at_most(4));
    let row = |sk: &str| Item::new("acme", sk, &"value").unwrap();
    let write = |sk| ferrule_store::Write::Put(Table::State, row(sk), When::Always);
    assert!(store.tables.transact(vec![write("a"), write("b")]).await.unwrap());
    assert_eq!((injection.met(), aws.requests().len()), (4, 1));
}
