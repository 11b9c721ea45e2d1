//! A bad mapping parks what it refuses; when it is mended, a replay delivers it, once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ferrule_core::Value;
use ferrule_testing::vendor::{Reply, Vendor};
use reqwest::{Method, StatusCode};

use crate::hub::{Hub, count, pause};
use crate::stack::{complaints, tick};

/// A replay that takes longer than this is stuck.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often each path was written to.
type Kept = Arc<Mutex<BTreeMap<String, u32>>>;

async fn sink() -> (Vendor, Kept) {
    let kept = Kept::default();
    let keep = Arc::clone(&kept);
    let vendor = Vendor::start(move |request, _| {
        // A check of the connection, which the schedule asks for, writes nothing.
        if request.path.starts_with("/people/") {
            *keep.lock().unwrap().entry(request.path.clone()).or_default() += 1;
        }
        Reply::json("{}")
    })
    .await;
    (vendor, kept)
}

fn connections(url: &str) -> String {
    format!(
        r"apiVersion: ferrule/v1
kind: Connection
metadata: {{name: export}}
connector: files
settings: {{bucket: default}}
---
apiVersion: ferrule/v1
kind: Connection
metadata: {{name: sink}}
connector: rest
settings: {{base_url: '{url}'}}
limits: {{calls: 6000/m}}"
    )
}

fn integration(age: &str) -> String {
    format!(
        r"apiVersion: ferrule/v1
kind: Integration
metadata: {{name: people-in}}
source: {{connection: export, path: 'people/*.csv'}}
map: {{id: .id, age: {age}}}
output: {{connection: sink, path: '/people/{{key}}', key: .id}}"
    )
}

const BAD: &str = "{from: .age, type: int}";
const MENDED: &str = "{from: .age, split: ' ', take: 0, type: int}";

/// A tenant whose mapping has refused so many records.
async fn refused(tenant: &str, people: u32, url: &str) -> (Hub, Value) {
    let hub = Hub::of(tenant).await;
    hub.define(&connections(url)).await;
    hub.define(&integration(BAD)).await;
    let rows: Vec<_> = (0..people).map(|n| format!("p{n:04},{} years\n", n % 90)).collect();
    let rows = rows.concat();
    hub.upload("people/a.csv", format!("id,age\n{rows}").as_bytes()).await;
    let run = hub.sync("people-in", false).await;
    assert_eq!(
        (count(&run, "read"), count(&run, "refused")),
        (people.into(), people.into()),
        "{run}"
    );
    (hub, run)
}

async fn replays(hub: &Hub, body: &str, status: StatusCode) -> Value {
    let answer = hub.send(Method::POST, "/v1/replays", body).await;
    assert_eq!(answer.status, status, "{}\n{}", answer.body, complaints());
    answer.body
}

fn number(value: &Value, path: &[&str]) -> i64 {
    let found = path.iter().try_fold(value, |value, key| value.get(key));
    found.and_then(Value::as_i64).unwrap_or_else(|| panic!("no {path:?} in {value}"))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn items<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).unwrap_or_default()
}

/// Waits until a replay has sent everything; the ticks that the clock would bring come at once.
async fn done(hub: &Hub, replay: &Value) -> Value {
    let path = format!("/v1/replays/{}", text(replay, "id"));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = hub.get(&path).await;
        if text(&now, "state") == "done" {
            return now;
        }
        assert!(Instant::now() < deadline, "{now}\n{}", complaints());
        tick();
        pause(Duration::from_millis(200)).await;
    }
}

fn once_each(kept: &Kept, people: usize) {
    let kept = kept.lock().unwrap();
    let more: Vec<_> = kept.iter().filter(|(_, times)| **times != 1).collect();
    assert!(more.is_empty(), "written more than once: {more:?}");
    assert_eq!(kept.len(), people);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_bad_mapping_refused_is_delivered_once_when_it_is_mended() {
    let (vendor, kept) = sink().await;
    let (hub, run) = refused("mended", 500, &vendor.url("")).await;
    let parked = hub.get("/v1/parked?integration=people-in&limit=1000").await;
    assert_eq!(items(&parked, "items").len(), 500);

    let ask = r#"{"integration":"people-in","preview":true}"#;
    let before = replays(&hub, ask, StatusCode::OK).await;
    assert_eq!(number(&before, &["tried", "mapped"]), 0, "{before}");
    hub.define(&integration(MENDED)).await;
    let plan = hub.plan("people-in", r#","full":true"#).await;
    assert_eq!((count(&plan, "refused"), count(&plan, "unknown")), (0, 500), "{plan}");
    let preview = replays(&hub, ask, StatusCode::OK).await;
    assert_eq!((number(&preview, &["errors"]), number(&preview, &["records"])), (500, 500));
    let tried = number(&preview, &["tried", "records"]);
    assert_eq!((tried, number(&preview, &["tried", "mapped"])), (200, 200), "{preview}");
    let failed_under = &items(&preview, "definitions")[0];
    assert_eq!(text(failed_under, "definition"), text(&run, "definition"));
    assert_ne!(text(failed_under, "today"), text(&run, "definition"));
    assert!(kept.lock().unwrap().is_empty(), "a preview sends nothing");

    let replay = replays(&hub, r#"{"integration":"people-in"}"#, StatusCode::ACCEPTED).await;
    let replay = done(&hub, &replay).await;
    assert_eq!((number(&replay, &["records"]), number(&replay, &["left"])), (500, 0), "{replay}");
    let ended = hub.end_of(text(&items(&replay, "runs")[0], "run")).await;
    assert_eq!(
        (text(&ended, "trigger"), text(&ended, "state")),
        ("replay", "succeeded"),
        "{ended}"
    );
    let written = count(&ended, "created") + count(&ended, "updated");
    assert_eq!((count(&ended, "read"), written), (500, 500), "{ended}");
    once_each(&kept, 500);

    let again = replays(&hub, r#"{"integration":"people-in"}"#, StatusCode::ACCEPTED).await;
    assert_eq!(number(&again, &["errors"]), 0, "{again}");
    assert_eq!(
        hub.errors("people-in").await.iter().filter(|row| text(row, "state") == "replayed").count(),
        500
    );
    once_each(&kept, 500);
    let trail = hub.store.audit_trail(&hub.tenant, 100).await.unwrap();
    let noted =
        trail.iter().filter(|row| row.action.starts_with("REPLAY integration=people-in")).count();
    assert_eq!(noted, 2, "who did it is in the audit trail");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_replay_is_gone_on_with_by_the_schedule() {
    let (vendor, kept) = sink().await;
    let (hub, _) = refused("slowly", 40, &vendor.url("")).await;
    hub.define(&integration(MENDED)).await;
    // A record a minute, at the tests' pace: more than one request waits for.
    let replay = replays(&hub, r#"{"all":true,"rate":"60/h"}"#, StatusCode::ACCEPTED).await;
    assert_eq!(text(&replay, "state"), "running", "{replay}");
    let replay = done(&hub, &replay).await;
    let ended = hub.end_of(text(&items(&replay, "runs")[0], "run")).await;
    assert_eq!((count(&ended, "read"), text(&ended, "state")), (40, "succeeded"), "{ended}");
    once_each(&kept, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_stays_so() {
    let (vendor, kept) = sink().await;
    let (hub, run) = refused("given-up", 10, &vendor.url("")).await;
    hub.define(&integration(MENDED)).await;
    let body = format!(r#"{{"run":"{}"}}"#, text(&run, "run"));
    let answer = hub.send(Method::POST, "/v1/discards", &body).await;
    assert_eq!(
        (answer.status, number(&answer.body, &["errors"])),
        (StatusCode::OK, 10),
        "{answer:?}"
    );
    let replay = replays(&hub, r#"{"all":true}"#, StatusCode::ACCEPTED).await;
    assert_eq!(number(&replay, &["errors"]), 0, "{replay}");
    assert!(kept.lock().unwrap().is_empty());
}
