//! Two hubs wired to each other: what the one writes comes back to it as news from the other, and the
//! traffic ends, also when what comes back is never what is there.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::Value;
use reqwest::StatusCode;

use crate::{
    hub::{Hub, count, pause},
    stack::stack,
    told::{connection, quiet},
};

const KEY: [u8; 32] = [9; 32];

/// The token of whoever enters tickets.
const DESK: &str = "desk-of-the-two-hubs";

/// Rounds after which there is silence, or never.
const ROUNDS: usize = 6;

/// A change is read once it is a second old.
const SETTLED: Duration = Duration::from_millis(1_200);

/// A tenant that keeps tickets, writes states in its own way (what `writes` says of the state that is at
/// a path), and sends every change to its peer.
async fn hub(name: &str, peer: &str, writes: impl Fn(&str) -> String) -> Hub {
    let hub = Hub::of(name).await;
    let url = format!("{}/webhooks/{peer}/from-peer", stack().details().api_url);
    hub.define(
        "apiVersion: ferrule/v1\nkind: Connection\nmetadata: {name: hub}\n\
         connector: records\nsettings: {}",
    )
    .await;
    hub.define(&connection("peer", "webhook", &format!("{{url: \"{url}\"}}"))).await;
    let secret = format!("whsec_{}", STANDARD.encode(KEY));
    hub.secret("webhook", "peer", &format!(r#"{{"secret":"{secret}"}}"#)).await;
    hub.secret("ingest", "from-peer", &format!(r#"{{"secrets":["{secret}"]}}"#)).await;
    hub.secret("ingest", "desk", &format!(r#"{{"secrets":["{DESK}"]}}"#)).await;
    for (name, recipe, at) in
        [("from-peer", "standard_webhooks", ".data.record"), ("desk", "static_header", "")]
    {
        let state = writes(&format!("{at}.state"));
        hub.define(&format!(
            "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {{name: {name}}}\n\
             trigger: {{webhook: {{recipe: {recipe}}}}}\n\
             map: {{id: {at}.id, state: {{{state}}}}}\n\
             output: {{connection: hub, table: tickets, key: .id}}"
        ))
        .await;
    }
    hub.define(
        "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {name: to-peer}\n\
         source: {connection: hub, table: tickets}\nmap: {id: .id, state: .state}\n\
         output: {connection: peer, key: .id}",
    )
    .await;
    hub
}

/// Somebody enters a ticket.
async fn enter(hub: &Hub, delivery: &str, id: &str, state: &str) {
    let headers = [("authorization", DESK), ("x-delivery-id", delivery)];
    let body = format!(r#"{{"id":"{id}","state":"{state}"}}"#);
    let answer = hub.deliver("desk", &headers, body.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    hub.end_of(answer.text("run")).await;
}

/// Sends what changed; returns how much that was.
async fn push(hub: &Hub, peer: &Hub) -> i64 {
    pause(SETTLED).await;
    let run = hub.sync("to-peer", false).await;
    assert_eq!(run.get("state").and_then(Value::as_str), Some("succeeded"), "{run}");
    quiet(peer).await;
    count(&run, "read") - count(&run, "skipped")
}

/// Pushes both ways until nothing is sent any more; returns how much each sent.
async fn until_silence(one: &Hub, other: &Hub) -> (i64, i64) {
    let (mut sent, mut back) = (0, 0);
    for _ in 0..ROUNDS {
        let (there, here) = (push(one, other).await, push(other, one).await);
        if there + here == 0 {
            return (sent, back);
        }
        (sent, back) = (sent + there, back + here);
    }
    panic!("after {ROUNDS} rounds there is no silence: {sent} sent, {back} came back");
}

fn states(tickets: &[Value]) -> Vec<String> {
    let state = |row: &Value| {
        let of = |key| row.get("value").unwrap_or(row).get(key).and_then(Value::as_str);
        format!("{} {}", of("id").unwrap_or_default(), of("state").unwrap_or_default())
    };
    let mut states: Vec<String> = tickets.iter().map(state).collect();
    states.sort_unstable();
    states
}

/// Case 27: each change crosses once and comes back once; what came back is what is there.
#[tokio::test(flavor = "multi_thread")]
async fn two_hubs_wired_to_each_other_come_to_rest() {
    let (one, other) = tokio::join!(
        hub("wiredone", "wiredother", |state| format!("from: {state}, upper: true")),
        hub("wiredother", "wiredone", |state| format!("from: {state}, lower: true"))
    );
    for (id, state) in [("t-1", "open"), ("t-2", "Closed"), ("t-3", "new")] {
        enter(&one, id, id, state).await;
    }
    assert_eq!(until_silence(&one, &other).await, (3, 3));
    assert_eq!(states(&one.table("tickets").await), ["t-1 OPEN", "t-2 CLOSED", "t-3 NEW"]);
    assert_eq!(states(&other.table("tickets").await), ["t-1 open", "t-2 closed", "t-3 new"]);

    enter(&other, "again", "t-2", "reopened").await;
    assert_eq!(until_silence(&one, &other).await, (1, 1));
    assert_eq!(states(&one.table("tickets").await)[1], "t-2 REOPENED");
    assert_eq!(states(&other.table("tickets").await)[1], "t-2 reopened");
}

/// Case 27: nothing that comes back is ever what is there, and yet it ends, is parked, and told of once.
#[tokio::test(flavor = "multi_thread")]
async fn two_hubs_that_make_something_new_each_time_come_to_rest() {
    let counts = |state: &str| format!("expr: '({state} | tonumber) + 1'");
    let (one, other) = tokio::join!(
        hub("countsone", "countsother", counts),
        hub("countsother", "countsone", counts)
    );
    one.define(
        "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {name: alarms}\n\
         trigger: {event: {type: errors.parked}}\nmap: {id: .id, code: .code}\n\
         output: {connection: hub, table: alarms, key: .id}",
    )
    .await;
    enter(&one, "first", "t-1", "0").await;
    // Sixteen integrations: one that takes it in, and the sixteenth sends it to where it is refused.
    assert_eq!(until_silence(&one, &other).await, (4, 4));
    let number = |tickets: &[Value]| tickets[0].get("value").unwrap().get("state").cloned();
    assert_eq!(number(&one.table("tickets").await), Some(Value::from(7)));
    assert_eq!(number(&other.table("tickets").await), Some(Value::from(8)));

    let errors = one.errors("from-peer").await;
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    let at = |key: &str| error.get(key).and_then(Value::as_str);
    assert_eq!((at("code"), at("state")), (Some("LOOP"), Some("parked")));
    assert!(other.errors("from-peer").await.is_empty());
    let alarms = one.table("alarms").await;
    assert_eq!(alarms.len(), 1, "{alarms:?}");

    // Somebody changes it: it begins anew.
    enter(&other, "again", "t-1", "100").await;
    push(&other, &one).await;
    assert_eq!(number(&one.table("tickets").await), Some(Value::from(102)));
}
