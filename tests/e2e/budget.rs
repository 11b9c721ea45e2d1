//! A budget of the day through the deployed stack: what is not urgent waits when it is spent, and goes
//! on when there is more of it.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::Value;
use ferrule_store::DAY_MS;
use ferrule_testing::vendor::{Reply, Vendor};
use reqwest::{Method, StatusCode};

use crate::hub::{Hub, count, pause};
use crate::stack::complaints;
use crate::told::{PATIENCE, connection, data, integration, posted, quiet, subjects};

/// Less than a single run costs: it is spent before the run is over.
const TINY: &str = "\nlimits: {budget: {usd_per_day: 0.000001}}";
const AMPLE: &str = "\nlimits: {budget: {usd_per_day: 5}}";

const PULL: &str = "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {name: people}\n\
                    source: {connection: export, path: 'people/*.csv'}\n\
                    output: {connection: hub, table: people, key: .id}";

/// A tenant with a webhook connection for each of these names, all to one receiver. A day ends no sooner
/// than in five minutes.
async fn hub(tenant: &str, names: &[&str], receiver: &Vendor) -> Hub {
    let hub = Hub::of(tenant).await;
    let left_ms = DAY_MS - hub.store.clock.now_ms().rem_euclid(DAY_MS);
    if left_ms < 300_000 {
        pause(Duration::from_millis(left_ms.unsigned_abs())).await;
    }
    let key = STANDARD.encode([7; 32]);
    for name in names {
        let settings = format!("{{url: \"{}\"}}", receiver.url(&format!("/{name}")));
        hub.define(&connection(name, "webhook", &settings)).await;
        hub.secret("webhook", name, &format!(r#"{{"secret":"whsec_{key}"}}"#)).await;
    }
    hub.define(&connection("export", "files", "{bucket: default}")).await;
    hub.define(&connection("hub", "records", "{}")).await;
    hub
}

async fn set(hub: &Hub, keys: std::ops::Range<u32>) {
    for key in keys {
        let path = format!("/v1/config/app.k{key}");
        let answer = hub.send(Method::PUT, &path, r#"{"value":1}"#);
        let answer = answer.await;
        assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
    }
}

/// Waits until this holds.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}\n{}", complaints());
        pause(Duration::from_millis(100)).await;
    }
}

/// What the API says about why an integration waits, when it says so at both places.
async fn paused(hub: &Hub, integration: &str) -> Option<String> {
    let cost = hub.get(&format!("/v1/cost?integration={integration}")).await;
    let by_cost = cost.get("budget").and_then(|budget| budget.get("paused").cloned());
    let status = hub.get(&format!("/v1/status?integration={integration}")).await;
    let all = status.get("integrations").and_then(Value::as_array);
    let by_status = all.and_then(|all| all[0].get("paused").cloned());
    // Urgent work goes on to cost something between the two.
    by_cost.and(by_status).and_then(|text| text.as_str().map(str::to_owned))
}

/// What came in at a path, sorted by what it is about.
fn told(receiver: &Vendor, path: &str) -> Vec<String> {
    let requests = posted(receiver, path);
    let mut all: Vec<String> =
        requests.iter().flat_map(|request| subjects(&data(request))).collect();
    all.sort_unstable();
    all
}

async fn waiting(hub: &Hub, integration: &str) -> usize {
    let text = |run: &Value, key: &str| run.get(key).and_then(Value::as_str).map(str::to_owned);
    let is_open = |run: &&Value| {
        text(run, "integration").as_deref() == Some(integration)
            && text(run, "state").as_deref() == Some("running")
    };
    hub.runs().await.iter().filter(is_open).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_holds_back_what_is_not_urgent_until_it_is_raised_and_loses_nothing() {
    let receiver = Vendor::start(|_, _| Reply::status(204)).await;
    let hub = hub("budget", &["usual", "urgent", "alerts"], &receiver).await;
    let usual =
        integration("usual", "{config_change: {match: [\"app.*\"]}}", "[{connection: usual}]");
    let urgent = "{config_change: {match: [\"app.*\"], urgency: high}}";
    let urgent = integration("urgent", urgent, "[{connection: urgent}]");
    hub.define(&format!("{usual}{TINY}")).await;
    hub.define(&format!("{urgent}{TINY}")).await;
    let alerts = "{event: {type: [budget.spent]}}";
    hub.define(&integration("alerts", alerts, "[{connection: alerts}]")).await;

    set(&hub, 0..1).await;
    for name in ["usual", "urgent"] {
        until("it is not spent", async || paused(&hub, name).await.is_some()).await;
    }
    let why = paused(&hub, "usual").await.unwrap();
    assert!(why.contains("today's budget of $0.000001 is spent"), "{why}");

    set(&hub, 1..6).await;
    until("urgent work waits", async || told(&receiver, "/urgent").len() == 6).await;
    // The first may have come through before it was spent.
    let held = async || waiting(&hub, "usual").await + told(&receiver, "/usual").len();
    until("no run waits", async || held().await == 6).await;
    let before = told(&receiver, "/usual");
    // Longer than a message waits until it is looked at again.
    pause(Duration::from_secs(12)).await;
    assert!(told(&receiver, "/usual") == before && before.len() <= 1, "{before:?}");
    assert_eq!(waiting(&hub, "usual").await, 6 - before.len());

    hub.define(&format!("{usual}{AMPLE}")).await;
    until("it waits for midnight", async || told(&receiver, "/usual").len() >= 6).await;
    let runs = quiet(&hub).await;
    let all: Vec<String> = (0..6).map(|key| format!("app.k{key}")).collect();
    assert_eq!((told(&receiver, "/usual"), told(&receiver, "/urgent")), (all.clone(), all));
    assert_eq!(told(&receiver, "/alerts"), ["urgent", "usual"], "once for each");
    let is_good = |run: &Value| run.get("state").and_then(Value::as_str) == Some("succeeded");
    assert!(runs.iter().all(is_good), "{runs:?}");
    assert_eq!(paused(&hub, "usual").await, None);
    assert!(paused(&hub, "urgent").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_under_way_waits_and_another_is_refused_until_the_budget_is_raised() {
    let receiver = Vendor::start(|_, _| Reply::status(204)).await;
    let hub = hub("budgetpull", &[], &receiver).await;
    hub.upload("people/a.csv", b"id,name\n1,Ada\n2,Grace\n").await;
    hub.define(&format!("{PULL}{TINY}")).await;
    let run = hub.start("people", false).await;
    until("it is not spent", async || paused(&hub, "people").await.is_some()).await;
    let refused = hub.send(Method::POST, "/v1/sync", r#"{"integration":"people"}"#).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    assert!(refused.body.to_string().contains("until midnight UTC"), "{}", refused.body);

    hub.define(&format!("{PULL}{AMPLE}")).await;
    assert_eq!(count(&hub.end_of(&run).await, "created"), 2);
    assert_eq!(count(&hub.sync("people", false).await, "unchanged"), 2);
    assert_eq!(hub.table("people").await.len(), 2);
}
