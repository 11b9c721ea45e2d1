//! A target that is down for the whole schedule of retries, on the deployed template: the change is
//! stored, somebody else is told, and a replay delivers what was parked.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::Value;
use ferrule_testing::vendor::{Reply, Request, Vendor};
use reqwest::Method;

use crate::{
    hub::{Hub, pause},
    stack::complaints,
    told::{PATIENCE, connection, data, integration, posted, quiet, subjects},
};

/// A receiver that can be down, and one that never is.
struct Outside {
    vendor: Vendor,
    is_down: Arc<AtomicBool>,
}

impl Outside {
    async fn start() -> Self {
        let is_down = Arc::new(AtomicBool::new(true));
        let down = Arc::clone(&is_down);
        let vendor = Vendor::start(move |request, _| {
            let is_refused = request.path == "/main" && down.load(Ordering::Relaxed);
            Reply::status(if is_refused { 503 } else { 204 })
        })
        .await;
        Self { vendor, is_down }
    }

    /// What came in at a path, when that is so much.
    async fn came(&self, path: &str, count: usize) -> Vec<Request> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let requests = posted(&self.vendor, path);
            if requests.len() >= count {
                return requests;
            }
            let so_far = requests.len();
            assert!(Instant::now() < deadline, "{path}: {so_far} of {count}\n{}", complaints());
            pause(Duration::from_millis(50)).await;
        }
    }
}

async fn hub(outside: &Outside) -> Hub {
    let hub = Hub::of("down").await;
    let key = STANDARD.encode([7; 32]);
    for name in ["main", "standby"] {
        let settings = format!("{{url: \"{}\"}}", outside.vendor.url(&format!("/{name}")));
        hub.define(&connection(name, "webhook", &settings)).await;
        hub.secret("webhook", name, &format!(r#"{{"secret":"whsec_{key}"}}"#)).await;
    }
    let trigger = "{config_change: {match: [\"*\"]}}";
    let recipients = "[{connection: main, else: [{connection: standby}]}]";
    hub.define(&integration("all-changes", trigger, recipients)).await;
    hub
}

async fn set(hub: &Hub, key: &str, value: &str) {
    let body = format!(r#"{{"value":"{value}"}}"#);
    let answer = hub.send(Method::PUT, &format!("/v1/config/{key}"), &body).await;
    assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
}

/// The only row of the error log.
async fn error(hub: &Hub) -> (String, String) {
    let errors = hub.errors("all-changes").await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    let text = |key| errors[0].get(key).and_then(Value::as_str).unwrap().to_owned();
    (text("id"), text("state"))
}

async fn replay(hub: &Hub, id: &str) {
    let answer = hub.send(Method::POST, &format!("/v1/errors/{id}/replay"), "{}").await;
    assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
}

/// Takes the id that a receiver knows repeats by.
fn id(request: &Request) -> &str {
    request.header("webhook-id").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_target_missed_that_was_down_all_the_time_is_delivered_once_by_a_replay() {
    let outside = Outside::start().await;
    let hub = hub(&outside).await;
    set(&hub, "app.banner", "hello").await;
    let stored = hub.get("/v1/config/app.banner").await;
    assert_eq!(stored.get("value").and_then(Value::as_str), Some("hello"), "{stored}");
    assert!(posted(&outside.vendor, "/standby").is_empty(), "the change waited for nobody");

    let instead = outside.came("/standby", 1).await;
    assert_eq!(subjects(&data(&instead[0])), ["app.banner"]);
    quiet(&hub).await;
    let tries = outside.came("/main", 4).await;
    assert_eq!(tries.len(), 4, "the first attempt and three more");
    assert!(tries.iter().all(|request| id(request) == id(&tries[0])));
    let (parked, state) = error(&hub).await;
    assert_eq!(state, "parked");

    outside.is_down.store(false, Ordering::Relaxed);
    replay(&hub, &parked).await;
    let delivered = outside.came("/main", 5).await;
    assert_eq!(subjects(&data(&delivered[4])), ["app.banner"]);
    assert_eq!(id(&delivered[4]), id(&tries[0]), "a receiver that took it drops it");
    replay(&hub, &parked).await;
    set(&hub, "app.banner", "goodbye").await;
    let after = outside.came("/main", 6).await;
    let runs = quiet(&hub).await;
    assert_ne!(id(&after[5]), id(&tries[0]), "what was replayed is delivered once");
    let came = ["/main", "/standby"].map(|path| posted(&outside.vendor, path).len());
    assert_eq!(came, [6, 1]);
    assert_eq!(error(&hub).await, (parked, "replayed".to_owned()));
    assert_eq!(runs.len(), 2, "a replay belongs to the run that failed: {runs:?}");
}
