//! What is down, on the deployed template.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ferrule_core::Value;
use ferrule_testing::vendor::{Reply, Request, Vendor};

use crate::{
    hub::{Hub, count, pause},
    incidents::definitions,
    sample::{csv, row},
};

fn sink(url: &str, batch: u32, more: &str) -> String {
    format!(
        r"apiVersion: ferrule/v1
kind: Connection
metadata: {{name: sink}}
connector: rest
settings: {{base_url: '{url}'{more}}}
limits: {{calls: 6000/m}}
---
apiVersion: ferrule/v1
kind: Integration
metadata: {{name: push}}
source: {{connection: hub, table: tickets}}
map: {{number: .number, state: .state}}
output: {{connection: sink, path: '/items/{{key}}', key: .number}}
limits: {{batch: {batch}}}"
    )
}

async fn with_tickets(tenant: &str, csv: &str) -> Hub {
    let hub = Hub::of(tenant).await;
    hub.define(&definitions()).await;
    hub.upload("incidents/a.csv", csv.as_bytes()).await;
    hub.sync("incidents-in", false).await;
    hub
}

/// A sink that keeps what is put, by path; paths that `fails` are answered with 500.
async fn keeper(
    fails: impl Fn(&Request) -> bool + Send + Sync + 'static,
) -> (Vendor, Arc<Mutex<BTreeMap<String, u32>>>) {
    let kept: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let vendor = Vendor::start(move |request, _| {
        if fails(request) {
            return Reply::status(500);
        }
        // The hourly check of the connection asks for another path.
        if request.path.starts_with("/items/") {
            *keep.lock().unwrap().entry(request.path.clone()).or_default() += 1;
        }
        Reply::json("{}")
    })
    .await;
    (vendor, kept)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_answers_500_for_ever_parks_its_batch_and_lets_the_others_through() {
    let hub = with_tickets("always500", &csv((0..30).map(|n| row(n, 0)))).await;
    let (vendor, kept) = keeper(|request| request.path.ends_with("INC0000007")).await;
    hub.define(&sink(&vendor.url(""), 10, "")).await;
    let run = hub.sync("push", false).await;
    assert_eq!(run.get("state").and_then(Value::as_str), Some("partial"), "{run}");
    assert_eq!(
        (count(&run, "parked"), count(&run, "created") + count(&run, "updated")),
        (1, 29),
        "{run}"
    );
    assert_eq!(kept.lock().unwrap().len(), 29);
    // At once, and after 1, 5 and 15 minutes; more when the test that kills this connector's
    // processes runs beside this one: a crash is no attempt.
    assert!(vendor.count("/items/INC0000007") >= 4);
    let errors = hub.errors("push").await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    let error = &errors[0];
    assert_eq!(error.get("state").and_then(Value::as_str), Some("parked"));
    assert_eq!(error.get("attempt").and_then(Value::as_i64), Some(4));
    assert_eq!(error.get("stage").and_then(Value::as_str), Some("rest"));
    let record = error.get("record").unwrap();
    assert_eq!(record.get("key").and_then(Value::as_str), Some("INC0000007"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_401_in_mid_run_costs_one_token() {
    let hub = with_tickets("refresh", &csv((0..60).map(|n| row(n, 0)))).await;
    let tokens: Arc<Mutex<u32>> = Arc::default();
    let (issued, served) = (Arc::clone(&tokens), Arc::new(Mutex::new(0_u32)));
    let vendor = Vendor::start(move |request, _| {
        let mut issued = issued.lock().unwrap();
        if request.path == "/token" {
            *issued += 1;
            let body = format!(
                r#"{{"access_token":"t{issued}","token_type":"bearer","expires_in":3600}}"#
            );
            return Reply::json(body);
        }
        let mut served = served.lock().unwrap();
        *served += 1;
        // After twenty calls the first token is worthless.
        let good = if *served <= 20 { "Bearer t1".to_owned() } else { "Bearer t2".to_owned() };
        match request.header("authorization") {
            Some(token) if token == good => Reply::json("{}"),
            _ => Reply::status(401),
        }
    })
    .await;
    let auth = format!(
        ", profile: {{auth: {{client_credentials: {{token_url: '{}'}}}}}}",
        vendor.url("/token")
    );
    hub.secret("rest", "sink", r#"{"client_id":"hub","client_secret":"s3cret"}"#).await;
    hub.define(&sink(&vendor.url(""), 6, &auth)).await;
    let run = hub.sync("push", false).await;
    assert_eq!(run.get("state").and_then(Value::as_str), Some("succeeded"), "{run}");
    assert_eq!(*tokens.lock().unwrap(), 2, "one for the start, one for the 401");
}

/// Waits until `is_so` of a run: what was under way when it failed is still accounted for.
async fn settled(hub: &Hub, run: &Value, is_so: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/v1/runs/{}", run.get("run").and_then(Value::as_str).unwrap());
    for _ in 0..300 {
        let run = hub.get(&path).await;
        if is_so(&run) {
            return run;
        }
        pause(Duration::from_millis(100)).await;
    }
    panic!("it never came to that: {}", hub.get(&path).await)
}

fn out(run: &Value) -> i64 {
    ["created", "updated", "ignored", "refused", "parked"].map(|name| count(run, name)).iter().sum()
}

fn assert_failed_without_cursor(run: &Value, reason: &str) {
    assert_eq!(run.get("state").and_then(Value::as_str), Some("failed"), "{run}");
    assert!(run.get("reason").and_then(Value::as_str).unwrap().contains(reason), "{run}");
    assert!(run.get("cursor_after").is_none_or(Value::is_null), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_a_rule_calls_fatal_fails_the_run_and_the_next_one_begins_again() {
    let hub = with_tickets("fatal", &csv((0..30).map(|n| row(n, 0)))).await;
    let is_fatal = Arc::new(AtomicBool::new(true));
    let fatal = Arc::clone(&is_fatal);
    let vendor = Vendor::start(move |request, _| {
        let is_bad = request.path.ends_with("INC0000007") && fatal.load(Ordering::Relaxed);
        Reply::status(if is_bad { 422 } else { 200 })
    })
    .await;
    let rule = "\nerrors:\n  - {status: [422], do: fail}";
    hub.define(&format!("{}{rule}", sink(&vendor.url(""), 10, ""))).await;
    let run = hub.sync("push", false).await;
    let run = settled(&hub, &run, |run| count(run, "read") == 30 && out(run) == 30).await;
    assert_failed_without_cursor(&run, "422");
    assert!(count(&run, "updated") >= 20, "the other batches are through: {run}");
    let errors = hub.errors("push").await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].get("code").and_then(Value::as_str), Some("FAIL_RUN"));

    is_fatal.store(false, Ordering::Relaxed);
    let again = hub.sync("push", false).await;
    assert_eq!((count(&again, "read"), count(&again, "updated")), (30, 30), "{again}");
    assert_eq!(again.get("state").and_then(Value::as_str), Some("succeeded"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_a_rule_calls_fatal_fails_the_run_and_the_next_one_begins_again() {
    let hub = with_tickets("fatalrecord", &csv((0..30).map(|n| row(n, 0)))).await;
    let copy = |rules: &str| {
        format!(
            "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {{name: copy}}\n\
             source: {{connection: hub, table: tickets}}\nmap: {{number: .number}}\n\
             output: {{connection: hub, table: copies, key: .number}}\n\
             limits: {{batch: 10}}{rules}"
        )
    };
    let rule = "\nvalidate:\n  - {when: '.number == \"INC0000007\"', do: fail, code: STOP}";
    hub.define(&copy(rule)).await;
    let run = hub.sync("copy", false).await;
    let run = settled(&hub, &run, |run| count(run, "read") == 30 && out(run) == 30).await;
    assert_failed_without_cursor(&run, "STOP");
    let counts = ["created", "refused", "ignored"].map(|name| count(&run, name));
    assert_eq!(counts, [20, 1, 9], "nothing of the batch is loaded, all of the others: {run}");
    assert_eq!(hub.table("copies").await.len(), 20);

    hub.define(&copy("")).await;
    let again = hub.sync("copy", false).await;
    let counts = ["read", "created", "unchanged"].map(|name| count(&again, name));
    assert_eq!(counts, [30, 10, 20], "{again}");
}
