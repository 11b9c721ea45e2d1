//! What reaches people and receivers, through the deployed stack: a Slack message, a signed webhook,
//! and nothing more for a receiver that says so.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::{Value, json};
use ferrule_testing::vendor::{Reply, Request, Vendor};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use sha2::Sha256;

use crate::hub::{Hub, pause};
use crate::stack::complaints;
use crate::told::{PATIENCE, connection, integration, posted, quiet};

const SERVICES: &str = "/services/T024BE7LH/B024BE7LH/t0kenOfTheTest";

const OLD_KEY: [u8; 32] = [5; 32];
const NEW_KEY: [u8; 32] = [7; 32];

/// Takes everything but what is posted to `/gone`.
async fn outside() -> Vendor {
    Vendor::start(|request, _| match request.path.as_str() {
        "/gone" => Reply::status(410),
        SERVICES => Reply::ok("text/plain", "ok"),
        _ => Reply::status(204),
    })
    .await
}

/// A tenant with `chat` (Slack) and webhook connections for these names.
async fn hub(tenant: &str, outside: &Vendor, receivers: &[&str]) -> Hub {
    let hub = Hub::of(tenant).await;
    hub.define(&connection("chat", "slack", "{}")).await;
    let secret = format!(r#"{{"webhook_url":"{}"}}"#, outside.url(SERVICES));
    hub.secret("slack", "chat", &secret).await;
    let [new, old] = [NEW_KEY, OLD_KEY].map(|key| STANDARD.encode(key));
    let secret = format!(r#"{{"secrets":["whsec_{new}","whsec_{old}"]}}"#);
    for name in receivers {
        let settings = format!("{{url: \"{}\"}}", outside.url(&format!("/{name}")));
        hub.define(&connection(name, "webhook", &settings)).await;
        hub.secret("webhook", name, &secret).await;
    }
    hub
}

async fn set(hub: &Hub, key: &str, value: &str) {
    let body = format!(r#"{{"value":"{value}","reason":"a test"}}"#);
    let answer = hub.send(Method::PUT, &format!("/v1/config/{key}"), &body).await;
    assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
}

/// Waits until so much came in at a path.
async fn came(outside: &Vendor, path: &str, count: usize) -> Vec<Request> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let requests = posted(outside, path);
        if requests.len() >= count {
            return requests;
        }
        assert!(
            Instant::now() < deadline,
            "{path}: {} of {count}\n{}",
            requests.len(),
            complaints()
        );
        pause(Duration::from_millis(50)).await;
    }
}

/// Computes a signature from the standard's text, with none of our code.
fn signature(key: &[u8], request: &Request) -> String {
    let header = |name| request.header(name).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    for part in [header("webhook-id"), ".", header("webhook-timestamp"), "."] {
        mac.update(part.as_bytes());
    }
    mac.update(&request.body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_becomes_a_slack_message_and_a_signed_webhook() {
    let outside = outside().await;
    let hub = hub("notify", &outside, &["hook"]).await;
    let recipients = "[{connection: chat, mention: [{match: [\"*.host\"], who: [S0615G0KT]}]}, \
                      {connection: hook}]";
    let trigger = "{config_change: {match: [\"*.database.*\"], urgency: high}}";
    hub.define(&integration("database-changes", trigger, recipients)).await;
    set(&hub, "app.cache.ttl", "60").await;
    set(&hub, "app.database.host", "db1").await;
    // Each on its own way: nothing says which of two changes is told first.
    came(&outside, "/hook", 1).await;
    came(&outside, SERVICES, 1).await;
    set(&hub, "app.database.host", "<!channel> & db2").await;
    let posts = came(&outside, SERVICES, 2).await;
    let hooks = came(&outside, "/hook", 2).await;
    quiet(&hub).await;

    let text = posts[1].text();
    for wanted in ["db1", "&lt;!channel&gt; &amp; db2", "<!subteam^S0615G0KT>", "app.database.host"]
    {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
    assert!(!text.contains("<!channel>"), "{text}");
    for request in &hooks {
        let both = format!("{} {}", signature(&NEW_KEY, request), signature(&OLD_KEY, request));
        assert_eq!(request.header("webhook-signature"), Some(both.as_str()));
    }
    assert_ne!(hooks[0].header("webhook-id"), hooks[1].header("webhook-id"));
    let body = json::parse(&hooks[1].body).unwrap();
    assert_eq!(body.get("type").and_then(Value::as_str), Some("config.changed"));
    let record = body.get("data").and_then(|data| data.get("record")).unwrap();
    assert_eq!(record.get("old").and_then(Value::as_str), Some("db1"));
    assert_eq!(record.get("new").and_then(Value::as_str), Some("<!channel> & db2"));
    let came = [SERVICES, "/hook"].map(|path| posted(&outside, path).len());
    assert_eq!(came, [2, 2], "each once, no other key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_wants_no_more_gets_nothing_more_and_somebody_hears_of_it() {
    let outside = outside().await;
    let hub = hub("notifygone", &outside, &["gone", "standin"]).await;
    let trigger = "{config_change: {match: [\"*\"]}}";
    let recipients = "[{connection: gone, else: [{connection: standin}]}]";
    hub.define(&integration("all-changes", trigger, recipients)).await;
    let alerts = "{event: {type: target.disabled}}";
    hub.define(&integration("alerts", alerts, "[{connection: chat}]")).await;
    set(&hub, "app.banner", "one").await;
    came(&outside, "/standin", 1).await;
    let told = came(&outside, SERVICES, 1).await;
    assert!(told[0].text().contains("gone"), "{}", told[0].text());
    set(&hub, "app.banner", "two").await;
    came(&outside, "/standin", 2).await;
    quiet(&hub).await;
    assert_eq!(posted(&outside, "/gone").len(), 1, "it said that it is gone");
    assert_eq!(posted(&outside, SERVICES).len(), 1, "it is disabled once");
}
