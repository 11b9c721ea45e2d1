//! Webhooks through the deployed ingest: what is signed comes in once, what is not stays out.

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::Value;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::StatusCode;
use sha2::Sha256;

use crate::hub::{Answer, Hub, count};

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

fn integration(recipe: &str) -> String {
    format!(
        "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {{name: {recipe}}}\n\
         trigger: {{webhook: {{recipe: {recipe}}}}}\nmap: {{id: .id, total: .total}}\n\
         output: {{connection: hub, table: orders, key: .id}}"
    )
}

const CONNECTION: &str = "apiVersion: ferrule/v1\nkind: Connection\nmetadata: {name: hub}\n\
                          connector: records\nsettings: {}";

/// A tenant that takes deliveries by this recipe.
async fn hub(tenant: &str, recipe: &str, secret: &str) -> Hub {
    let hub = Hub::of(tenant).await;
    hub.define(CONNECTION).await;
    hub.define(&integration(recipe)).await;
    hub.secret("ingest", recipe, &format!(r#"{{"secrets":["{secret}"]}}"#)).await;
    hub
}

fn mac(parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[expect(clippy::disallowed_methods, reason = "senders of webhooks sign the real time")]
fn now_secs() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// Delivers as Standard Webhooks says: signed are the id, the time and the body.
async fn standard(hub: &Hub, id: &str, sent: u64, signed: &str, body: &str) -> Answer {
    let sent = sent.to_string();
    let signature = mac(&[format!("{id}.{sent}.").as_bytes(), signed.as_bytes()]);
    let signature = format!("v1,{}", STANDARD.encode(signature));
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", id),
        ("webhook-timestamp", &*sent),
        ("webhook-signature", &*signature),
    ];
    hub.deliver("standard_webhooks", &headers, body.as_bytes()).await
}

/// Delivers as GitHub does: signed is the body.
async fn github(hub: &Hub, id: &str, kind: &str, signed: &str, body: &str) -> Answer {
    let signature = format!("sha256={}", hex(&mac(&[signed.as_bytes()])));
    let headers = [
        ("content-type", kind),
        ("x-github-delivery", id),
        ("x-github-event", "push"),
        ("x-hub-signature-256", &*signature),
    ];
    hub.deliver("github", &headers, body.as_bytes()).await
}

/// The run of a delivery that was taken, when it is over.
async fn taken(hub: &Hub, answer: &Answer) -> Value {
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let run = hub.end_of(answer.text("run")).await;
    assert_eq!(run.get("state").and_then(Value::as_str), Some("succeeded"), "{run}");
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standard_webhook_becomes_one_record_however_often_it_is_delivered() {
    let secret = format!("whsec_{}", STANDARD.encode(KEY));
    let hub = hub("standardhooks", "standard_webhooks", &secret).await;
    let body = r#"{"id":"o-1","total":12345678901234567890123}"#;
    let first = standard(&hub, "msg_1", now_secs(), body, body).await;
    assert_eq!(count(&taken(&hub, &first).await, "created"), 1);
    let repeat = standard(&hub, "msg_1", now_secs(), body, body).await;
    assert_eq!((repeat.status, repeat.text("run")), (StatusCode::ACCEPTED, first.text("run")));
    let other = standard(&hub, "msg_2", now_secs(), body, body).await;
    assert_eq!(count(&taken(&hub, &other).await, "unchanged"), 1);

    let changed = body.replace("o-1", "o-2");
    let old = now_secs() - 600;
    for refused in [
        standard(&hub, "msg_3", old, &changed, &changed).await,
        standard(&hub, "msg_3", now_secs() + 600, &changed, &changed).await,
        standard(&hub, "msg_3", now_secs(), body, &changed).await,
    ] {
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.body);
    }
    let orders = hub.table("orders").await;
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert!(orders[0].to_string().contains("12345678901234567890123"), "{}", orders[0]);
    assert_eq!(
        hub.runs().await.len(),
        2,
        "one for each delivery that was taken, none for a repeat"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_github_delivery_becomes_one_record_whatever_it_is_written_in() {
    let hub = hub("githubhooks", "github", std::str::from_utf8(KEY).unwrap()).await;
    let (json, form) = ("application/json", "application/x-www-form-urlencoded");
    let body = r#"{"id":"ünï","total":1.10}"#;
    let first = github(&hub, "d-1", json, body, body).await;
    assert_eq!(count(&taken(&hub, &first).await, "created"), 1);
    let repeat = github(&hub, "d-1", json, body, body).await;
    assert_eq!((repeat.status, repeat.text("run")), (StatusCode::ACCEPTED, first.text("run")));
    let text = "id=a+b&total=7";
    taken(&hub, &github(&hub, "d-2", form, text, text).await).await;
    let body = r#"{"id":"third","total":3}"#;
    for (id, kind) in [("d-3", "application/json; charset=utf-8"), ("d-4", "application/yaml")] {
        taken(&hub, &github(&hub, id, kind, body, body).await).await;
    }

    let tampered = github(&hub, "d-5", json, body, &body.replace('3', "4")).await;
    assert_eq!(tampered.status, StatusCode::UNAUTHORIZED, "{}", tampered.body);
    let xml = github(&hub, "d-6", "application/xml", "<id/>", "<id/>").await;
    assert_eq!(xml.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{}", xml.body);
    let mut orders: Vec<String> = hub.table("orders").await.iter().map(key).collect();
    orders.sort_unstable();
    assert_eq!(orders, ["a b", "third", "ünï"]);
    assert_eq!(hub.runs().await.len(), 4);
}

fn key(row: &Value) -> String {
    let record = row.get("value").unwrap_or(row);
    record.get("id").and_then(Value::as_str).unwrap().to_owned()
}

/// What a vendor sends, by file; nothing when that is not at hand.
fn payloads(vendor: &str) -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/payloads/");
    let Ok(files) = std::fs::read_dir(format!("{folder}{vendor}")) else {
        println!("skipped: the payloads of {vendor} are not at hand");
        return Vec::new();
    };
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    // `api.*` is what the vendor answers, not what it sends.
    let names = names.filter(|name| name != "SOURCES.json" && !name.starts_with("api."));
    let read = |name: String| {
        let text = std::fs::read_to_string(format!("{folder}{vendor}/{name}")).unwrap();
        (name, text)
    };
    names.map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_github_becomes_a_row_once_by_an_example_without_code() {
    let payloads = payloads("github");
    if payloads.is_empty() {
        return;
    }
    let hub = Hub::of("githubevents").await;
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/examples/github-events.yaml");
    hub.define(&std::fs::read_to_string(example).unwrap()).await;
    let secret = format!(r#"{{"secret":"{}"}}"#, std::str::from_utf8(KEY).unwrap());
    hub.secret("ingest", "github-events", &secret).await;
    let mut expected = Vec::new();
    for (file, body) in &payloads {
        let event = file.split('.').next().unwrap();
        let headers = [
            ("content-type", "application/json"),
            ("x-github-delivery", &**file),
            ("x-github-event", event),
        ];
        let deliver = async |signed: Option<&str>| {
            let signature = signed.map(|text| format!("sha256={}", hex(&mac(&[text.as_bytes()]))));
            let mut headers = headers.to_vec();
            headers.extend(signature.as_deref().map(|text| ("x-hub-signature-256", text)));
            hub.deliver("github-events", &headers, body.as_bytes()).await
        };
        for refused in [deliver(None).await, deliver(Some("{}")).await] {
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{file}: {}", refused.body);
        }
        let first = deliver(Some(body)).await;
        let again = deliver(Some(body)).await;
        assert_eq!((again.status, again.text("run")), (StatusCode::ACCEPTED, first.text("run")));
        assert_eq!(count(&taken(&hub, &first).await, "created"), 1, "{file}");
        expected.push(format!("{file} {event}"));
    }
    let text = |row: &Value, key: &str| {
        let record = row.get("value").unwrap_or(row);
        record.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let rows = hub.table("github_events").await;
    assert!(rows.iter().all(|row| !text(row, "repository").is_empty()), "{rows:?}");
    let mut found: Vec<String> =
        rows.iter().map(|row| format!("{} {}", text(row, "id"), text(row, "kind"))).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(hub.runs().await.len(), payloads.len());
}

const SLACK: &str = "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {name: slack}\n\
                     trigger: {webhook: {recipe: slack, headers: [x-slack-request-timestamp]}}\n\
                     map: {type: .type, id: '.headers[\"x-slack-request-timestamp\"]'}\n\
                     output: {connection: hub, table: said, \
                     key: '.headers[\"x-slack-request-timestamp\"]'}";

/// Delivers as Slack does: signed are the time and the body.
async fn slack(hub: &Hub, sent: u64, signed: &str, body: &str) -> Answer {
    let sent = sent.to_string();
    let signature = mac(&[b"v0:", sent.as_bytes(), b":", signed.as_bytes()]);
    let signature = format!("v0={}", hex(&signature));
    let headers = [
        ("content-type", "application/json"),
        ("x-slack-request-timestamp", &*sent),
        ("x-slack-signature", &*signature),
    ];
    hub.deliver("slack", &headers, body.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_slack_becomes_a_row_once_and_its_question_is_answered() {
    let hub = Hub::of("slackevents").await;
    hub.define(CONNECTION).await;
    hub.define(SLACK).await;
    let secret = format!(r#"{{"secret":"{}"}}"#, std::str::from_utf8(KEY).unwrap());
    hub.secret("ingest", "slack", &secret).await;
    let mut taken_types = Vec::new();
    let now = now_secs();
    for (sent, (file, body)) in (now - 60..).zip(payloads("slack")) {
        let tampered = slack(&hub, sent, "{}", &body).await;
        let old = slack(&hub, sent - 600, &body, &body).await;
        let unsigned = hub.deliver("slack", &[], body.as_bytes()).await;
        for refused in [tampered, old, unsigned] {
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{file}: {}", refused.body);
        }
        let first = slack(&hub, sent, &body, &body).await;
        let said = ferrule_core::json::parse(body.as_bytes()).unwrap();
        if let Some(challenge) = said.get("challenge") {
            assert_eq!(
                (first.status, first.body.get("challenge")),
                (StatusCode::OK, Some(challenge))
            );
            continue;
        }
        let again = slack(&hub, sent, &body, &body).await;
        assert_eq!((again.status, again.text("run")), (StatusCode::ACCEPTED, first.text("run")));
        assert_eq!(count(&taken(&hub, &first).await, "created"), 1, "{file}");
        taken_types.push(file);
    }
    assert_eq!(hub.table("said").await.len(), taken_types.len());
    assert_eq!(hub.runs().await.len(), taken_types.len());
}
