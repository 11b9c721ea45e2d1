//! Plans and guards over the deployed template: what a plan says is what the run does; what would
//! change too much waits for somebody, and is written once or not at all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ferrule_core::Value;
use ferrule_testing::vendor::{Reply, Vendor};
use reqwest::{Method, StatusCode};

use crate::hub::{Hub, count};
use crate::stack::complaints;

const CONNECTIONS: &str = "apiVersion: ferrule/v1
kind: Connection
metadata: {name: export}
connector: files
settings: {bucket: default}
---
apiVersion: ferrule/v1
kind: Connection
metadata: {name: hub}
connector: records";

fn people(output: &str, more: &str) -> String {
    format!(
        "apiVersion: ferrule/v1
kind: Integration
metadata: {{name: people-in}}
source: {{connection: export, path: 'people/*.csv'}}
map: {{id: .id, name: .name, age: {{from: .age, type: int}}}}
output: {{{output}, key: .id}}
{more}"
    )
}

const TABLE: &str = "connection: hub, table: people";

/// Rows whose name is theirs until `changed`, and another from there on.
fn rows(number: usize, changed: usize) -> String {
    let name = |at: usize| if at < changed { "changed" } else { "as it was" };
    let rows: Vec<_> =
        (0..number).map(|at| format!("p{at:04},{},{}\n", name(at), at % 90)).collect();
    format!("id,name,age\n{}", rows.concat())
}

fn at<'v>(value: &'v Value, path: &[&str]) -> &'v Value {
    let found = path.iter().try_fold(value, |value, key| value.get(key));
    found.unwrap_or_else(|| panic!("no {path:?} in {value}"))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, path: &[&str]) -> i64 {
    at(value, path).as_i64().unwrap_or_else(|| panic!("{path:?} of {value}"))
}

async fn names(hub: &Hub) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    for row in hub.table("people").await {
        *names.entry(text(at(&row, &["value"]), "name").to_owned()).or_default() += 1;
    }
    names
}

fn so_many(of: &[(&str, usize)]) -> BTreeMap<String, usize> {
    of.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
}

async fn decide(hub: &Hub, run: &str, what: &str) -> crate::hub::Answer {
    hub.send(Method::POST, &format!("/v1/runs/{run}/{what}"), "").await
}

const OUTCOMES: [&str; 8] =
    ["read", "refused", "created", "updated", "deleted", "unchanged", "stale", "parked"];

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_the_run_then_does_and_leaves_no_trace() {
    let hub = Hub::of("planned").await;
    hub.define(CONNECTIONS).await;
    hub.define(&people(TABLE, "")).await;
    hub.upload("people/a.csv", rows(600, 0).as_bytes()).await;
    let first = hub.plan("people-in", "").await;
    assert_eq!((text(&first, "kind"), text(&first, "state")), ("plan", "succeeded"), "{first}");
    assert_eq!((count(&first, "created"), count(&first, "updated")), (600, 0), "{first}");
    assert!(hub.table("people").await.is_empty(), "a plan writes nothing");
    hub.sync("people-in", false).await;

    let bad = "p9999,nobody,not a number\n";
    let changed = format!("{}{bad}", rows(700, 120));
    hub.upload("people/a.csv", changed.as_bytes()).await;
    let planned = hub.plan("people-in", "").await;
    assert_eq!(text(&planned, "state"), "partial", "{planned}");
    let sample = &at(&planned, &["plan", "samples"]).as_array().unwrap()[0];
    assert!(!text(sample, "key").is_empty(), "{sample}");
    let updates = at(&planned, &["plan", "samples"]).as_array().unwrap().iter();
    let update = updates.clone().find(|sample| text(sample, "does") == "update").unwrap();
    let field = &update.get("fields").unwrap().as_array().unwrap()[0];
    assert_eq!((text(field, "old"), text(field, "new")), ("\"as it was\"", "\"changed\""));
    let refused = &at(&planned, &["plan", "refused"]).as_array().unwrap()[0];
    assert_eq!((text(refused, "code"), number(refused, &["records"])), ("TYPE", 1), "{refused}");
    assert_eq!(number(&planned, &["plan", "target_calls"]), 0, "the hub's own table");
    assert!(hub.errors("people-in").await.is_empty(), "a plan parks nothing");
    assert_eq!(names(&hub).await, so_many(&[("as it was", 600)]));
    let sampled = hub.plan("people-in", r#","sample":25"#).await;
    assert_eq!((count(&sampled, "read"), at(&sampled, &["plan", "more"])), (25, &true.into()));
    let status = hub.get("/v1/status?integration=people-in").await;
    let last = &status.get("integrations").unwrap().as_array().unwrap()[0];
    assert_eq!(text(at(last, &["last_run"]), "kind"), "run", "{last}");

    let run = hub.sync("people-in", false).await;
    for outcome in OUTCOMES {
        assert_eq!(count(&run, outcome), count(&planned, outcome), "{outcome}: {run} {planned}");
    }
    assert_eq!(names(&hub).await, so_many(&[("as it was", 580), ("changed", 120)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_would_change_a_whole_table_waits_and_is_written_once_or_not_at_all() {
    let hub = Hub::of("guarded").await;
    hub.define(CONNECTIONS).await;
    hub.define(&people(TABLE, "guard: {max_percent: 20}")).await;
    hub.upload("people/a.csv", rows(500, 0).as_bytes()).await;
    let first = hub.sync("people-in", false).await;
    assert_eq!((text(&first, "state"), count(&first, "created")), ("succeeded", 500), "{first}");

    hub.upload("people/a.csv", rows(500, 450).as_bytes()).await;
    let waits = hub.sync("people-in", false).await;
    let run = text(&waits, "run");
    assert_eq!(text(&waits, "state"), "waiting_for_approval", "{waits}\n{}", complaints());
    let would =
        (number(&waits, &["guard", "would", "updated"]), number(&waits, &["guard", "holds"]));
    assert_eq!(would, (450, 500), "{waits}");
    assert_eq!(names(&hub).await, so_many(&[("as it was", 500)]), "nothing is written");
    let blocked = hub.send(Method::POST, "/v1/sync", r#"{"integration":"people-in"}"#).await;
    assert_eq!((blocked.status, blocked.text("run")), (StatusCode::CONFLICT, run));
    let rejected = decide(&hub, run, "reject").await;
    assert_eq!((rejected.status, rejected.text("state")), (StatusCode::OK, "failed"));
    assert_eq!(names(&hub).await, so_many(&[("as it was", 500)]), "rejected");
    let late = decide(&hub, run, "approve").await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{late:?}");

    let waits = hub.sync("people-in", false).await;
    let run = text(&waits, "run");
    assert_eq!(text(&waits, "state"), "waiting_for_approval", "it is read again: {waits}");
    let both = tokio::join!(decide(&hub, run, "approve"), decide(&hub, run, "approve"));
    let statuses = [both.0.status, both.1.status];
    assert!(statuses.contains(&StatusCode::OK), "{both:?}");
    // The second may come when the run is over already, and is told so.
    assert!(statuses.iter().all(|is| [StatusCode::OK, StatusCode::CONFLICT].contains(is)));
    let over = hub.end_of(run).await;
    assert_eq!((text(&over, "state"), count(&over, "updated")), ("succeeded", 450), "{over}");
    assert_eq!((count(&over, "read"), count(&over, "unchanged")), (500, 50), "{over}");
    assert_eq!(names(&hub).await, so_many(&[("as it was", 50), ("changed", 450)]));
    let trail = hub.store.audit_trail(&hub.tenant, 100).await.unwrap();
    let noted = |action: &str| trail.iter().any(|row| row.action.starts_with(action));
    assert!(noted("APPROVE run=") && noted("REJECT run="), "{trail:?}");
    let again = hub.sync("people-in", false).await;
    assert_eq!((text(&again, "state"), count(&again, "unchanged")), ("succeeded", 500), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_outside_is_stopped_before_the_first_call() {
    let calls: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    let keep = Arc::clone(&calls);
    let vendor = Vendor::start(move |request, _| {
        if request.path.starts_with("/people/") {
            *keep.lock().unwrap().entry(request.path.clone()).or_default() += 1;
        }
        Reply::json("{}")
    })
    .await;
    let hub = Hub::of("guarded-outside").await;
    hub.define(CONNECTIONS).await;
    let sink = format!(
        "apiVersion: ferrule/v1
kind: Connection
metadata: {{name: sink}}
connector: rest
settings: {{base_url: '{}'}}
limits: {{calls: 6000/m}}",
        vendor.url("")
    );
    hub.define(&sink).await;
    let output = "connection: sink, path: '/people/{key}'";
    hub.define(&people(output, "guard: {max_records: 30}")).await;
    hub.upload("people/a.csv", rows(40, 0).as_bytes()).await;
    let planned = hub.plan("people-in", "").await;
    assert_eq!((count(&planned, "read"), count(&planned, "unknown")), (40, 40), "{planned}");
    assert_eq!(number(&planned, &["plan", "target_calls"]), 40, "{planned}");
    let waits = hub.sync("people-in", false).await;
    assert_eq!(text(&waits, "state"), "waiting_for_approval", "{waits}\n{}", complaints());
    assert_eq!(number(&waits, &["guard", "would", "unknown"]), 40, "{waits}");
    assert!(calls.lock().unwrap().is_empty(), "nothing was called: {calls:?}");
    let approved = decide(&hub, text(&waits, "run"), "approve").await;
    assert_eq!(approved.status, StatusCode::OK, "{approved:?}");
    let over = hub.end_of(text(&waits, "run")).await;
    assert_eq!(text(&over, "state"), "succeeded", "{over}");
    let calls = calls.lock().unwrap();
    assert_eq!((calls.len(), calls.values().all(|times| *times == 1)), (40, true), "{calls:?}");
}
