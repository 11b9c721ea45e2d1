//! What happens in the hub itself is an event too, through the deployed stack.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::Value;
use ferrule_testing::vendor::{Reply, Vendor};
use reqwest::Method;

use crate::hub::{Hub, pause};
use crate::stack::complaints;
use crate::told::{PATIENCE, connection, data, integration, posted, quiet, subjects};

/// A tenant with a webhook connection for each of these names, all to one receiver.
async fn hub(tenant: &str, names: &[&str], receiver: &Vendor) -> Hub {
    let hub = Hub::of(tenant).await;
    let key = STANDARD.encode([7; 32]);
    for name in names {
        let settings = format!("{{url: \"{}\"}}", receiver.url(&format!("/{name}")));
        hub.define(&connection(name, "webhook", &settings)).await;
        hub.secret("webhook", name, &format!(r#"{{"secret":"whsec_{key}"}}"#)).await;
    }
    hub
}

/// The data of what came in at a path, when that is so much.
async fn received(receiver: &Vendor, path: &str, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all: Vec<Value> = posted(receiver, path).iter().map(data).collect();
        if all.len() >= count {
            return all;
        }
        let so_far = all.len();
        assert!(Instant::now() < deadline, "{path}: {so_far} of {count}\n{}", complaints());
        pause(Duration::from_millis(50)).await;
    }
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
    let answer = hub.send(Method::PUT, "/v1/config/app.x", r#"{"value":1}"#).await;
    assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
    assert_eq!(subjects(&received(&receiver, "/back", 1).await[0]), ["app.x"]);
    let alert = &received(&receiver, "/alerts", 1).await[0];
    assert_eq!(subjects(alert), ["watch"]);
    assert!(alert.get("title").and_then(Value::as_str).unwrap().contains("parked"), "{alert}");
    quiet(&hub).await;
    let errors = hub.errors("watch").await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].get("state").and_then(Value::as_str), Some("parked"));
}
