//! From a change of a configuration value to the right people, through the deployed stack.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::{Value, json};
use ferrule_testing::vendor::{Reply, Vendor};
use reqwest::Method;

use crate::hub::{Hub, pause};
use crate::stack::complaints;

/// What is waited for takes less, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// Changes of one request.
const TOGETHER: usize = 40;

fn connection(name: &str, url: &str) -> String {
    format!(
        "apiVersion: ferrule/v1\nkind: Connection\nmetadata: {{name: {name}}}\n\
         connector: webhook\nsettings: {{url: \"{url}\"}}\nlimits: {{calls: 6000/m}}"
    )
}

fn integration(name: &str, trigger: &str, recipients: &str) -> String {
    format!(
        "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {{name: {name}}}\n\
         trigger: {trigger}\noutput: {{notify: {recipients}}}"
    )
}

/// A tenant with a webhook connection for each of these names, all to one receiver.
async fn hub(tenant: &str, names: &[&str], receiver: &Vendor) -> Hub {
    let hub = Hub::of(tenant).await;
    let key = STANDARD.encode([7; 32]);
    for name in names {
        hub.define(&connection(name, &receiver.url(&format!("/{name}")))).await;
        hub.secret("webhook", name, &format!(r#"{{"secret":"whsec_{key}"}}"#)).await;
    }
    hub
}

/// Changes values through the API, many at once.
async fn change(hub: &Hub, keys: &[String]) {
    for keys in keys.chunks(TOGETHER) {
        let changes: Vec<_> =
            keys.iter().map(|key| format!(r#"{{"key":"{key}","value":"{key}!"}}"#)).collect();
        let body = format!(r#"{{"changes":[{}],"reason":"a test"}}"#, changes.join(","));
        let answer = hub.send(Method::POST, "/v1/config", &body).await;
        assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
    }
}

/// The data of what came in at a path.
fn received(receiver: &Vendor, path: &str) -> Vec<Value> {
    let requests = receiver.requests().into_iter().filter(|request| request.path == path);
    let bodies = requests.map(|request| json::parse(&request.body).unwrap());
    bodies.map(|body| body.get("data").cloned().unwrap()).collect()
}

fn subject(data: &Value) -> String {
    data.get("subject").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What was told at a path, the members of digests one by one.
fn subjects(receiver: &Vendor, path: &str) -> Vec<String> {
    let all = received(receiver, path);
    let told = all.iter().flat_map(|data| match data.get("digest").and_then(Value::as_array) {
        Some(members) => members.iter().map(subject).collect(),
        None => vec![subject(data)],
    });
    told.collect()
}

/// Waits until so much was told at a path.
async fn told(receiver: &Vendor, path: &str, count: usize) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let subjects = subjects(receiver, path);
        if subjects.len() >= count {
            return subjects;
        }
        let so_far = subjects.len();
        assert!(Instant::now() < deadline, "{path}: {so_far} of {count}\n{}", complaints());
        pause(Duration::from_millis(50)).await;
    }
}

/// Waits until no run is going on.
async fn quiet(hub: &Hub) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let runs = hub.runs().await;
        let text = |run: &Value| run.get("state").and_then(Value::as_str).map(str::to_owned);
        if runs.iter().all(|run| text(run).as_deref() != Some("running")) {
            return runs;
        }
        assert!(Instant::now() < deadline, "runs do not end\n{}", complaints());
        pause(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_told_once_to_those_it_is_for_and_an_urgent_one_overtakes() {
    let receiver = Vendor::start(|_, _| Reply::status(204)).await;
    let hub = hub("events", &["digests", "ops", "pager"], &receiver).await;
    hub.define(&integration(
        "routine",
        "{config_change: {match: [\"*\", \"!*.database.*\"], urgency: low}}",
        "[{connection: digests, batch: {size: 50, window: 10m}}, {connection: ops, match: [\"*.7*\"]}]",
    ))
    .await;
    hub.define(&integration(
        "database",
        "{config_change: {match: [\"*.database.*\"], urgency: high}}",
        "[{connection: pager}]",
    ))
    .await;
    let keys: Vec<_> = (0..400).map(|at| format!("app.service.{at}")).collect();
    change(&hub, &keys[..200]).await;
    let before = Instant::now();
    change(&hub, &["app.eu.database.host".to_owned()]).await;
    let told_urgent = told(&receiver, "/pager", 1).await;
    let took = before.elapsed();
    let behind = subjects(&receiver, "/digests").len();
    println!("urgent after {took:?}, {behind} of 200 routine ones told by then");
    assert_eq!(told_urgent, ["app.eu.database.host"]);
    change(&hub, &keys[200..]).await;
    let digested = told(&receiver, "/digests", 400).await;
    let ops = told(&receiver, "/ops", keys.iter().filter(|key| key.contains(".7")).count()).await;
    let runs = quiet(&hub).await;
    let wanted: BTreeSet<_> = keys.iter().cloned().collect();
    assert_eq!((digested.len(), digested.into_iter().collect::<BTreeSet<_>>()), (400, wanted));
    let wanted: BTreeSet<_> = keys.iter().filter(|key| key.contains(".7")).cloned().collect();
    assert_eq!((ops.len(), ops.into_iter().collect::<BTreeSet<_>>()), (wanted.len(), wanted));
    let states: BTreeSet<_> = runs.iter().filter_map(|run| run.get("state")?.as_str()).collect();
    assert_eq!(states, BTreeSet::from(["succeeded"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stands_in_is_told_and_so_are_those_who_listen_for_failures() {
    let receiver = Vendor::start(|request, _| match request.path.as_str() {
        "/down" => Reply::status(400),
        _ => Reply::status(204),
    })
    .await;
    let hub = hub("standin", &["down", "back", "alerts"], &receiver).await;
    hub.define(&integration(
        "watch",
        "{config_change: {match: [\"*\"], urgency: high}}",
        "[{connection: down, else: [{connection: back}]}]",
    ))
    .await;
    hub.define(&integration(
        "failures",
        "{event: {type: [errors.parked, run.failed]}}",
        "[{connection: alerts}]",
    ))
    .await;
    change(&hub, &["app.x".to_owned()]).await;
    assert_eq!(told(&receiver, "/back", 1).await, ["app.x"]);
    assert_eq!(told(&receiver, "/alerts", 1).await, ["watch"]);
    let alert = &received(&receiver, "/alerts")[0];
    assert!(alert.get("title").and_then(Value::as_str).unwrap().contains("parked"), "{alert}");
    quiet(&hub).await;
    let errors = hub.errors("watch").await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].get("state").and_then(Value::as_str), Some("parked"));
}
