//! What each vendor sends, as it sends it: its events, its questions, and what is no event of its.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "it says what it cannot try")]

use std::path::PathBuf;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::{Router, body::Body};
use ferrule_core::{Message, Name, Record, Task, Tenant, definition::Integration};
use ferrule_store::{Clock, Queues, Store, When, memory::Fuse};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method, Request, StatusCode};
use sha2::Sha256;
use tower::ServiceExt as _;

const NOW: i64 = 1_700_000_000;
const KEY: &str = "a secret of this vendor";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

struct Hub {
    store: Store,
    app: Router,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

type Headers<'a> = &'a [(&'a str, &'a str)];

impl Hub {
    /// A hub with one integration, `events`, of tenant `acme`.
    async fn new(webhook: &str, key: &str) -> Self {
        let store = Store::memory_with(Clock::manual(NOW * 1000), &Fuse::default());
        let hub = Self { app: ingest::app(store.clone()), store };
        hub.integrate("events", webhook, key).await;
        hub
    }

    async fn integrate(&self, name: &str, webhook: &str, key: &str) {
        let text = format!(
            r#"{{"apiVersion": "ferrule/v1", "kind": "Integration", "metadata": {{"name": "{name}"}},
                "trigger": {{"webhook": {webhook}}}, "output": {{"connection": "hub", "table": "t"}}}}"#
        );
        let integration: Integration = serde_json::from_str(&text).unwrap();
        let (tenant, owner) = (Tenant::new("acme").unwrap(), Name::new("ingest").unwrap());
        self.store.put_integration(&tenant, &integration, When::Always).await.unwrap().unwrap();
        if !key.is_empty() {
            let (name, body) = (Name::new(name).unwrap(), format!(r#"{{"secret": "{key}"}}"#));
            self.store.secrets.write(&owner, &tenant, &name, &body, None).await.unwrap();
        }
    }

    async fn ask(&self, method: Method, path: &str, headers: Headers<'_>, body: &[u8]) -> Answer {
        let request = Request::builder().method(method).uri(format!("/webhooks/acme/{path}"));
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Body::from(body.to_vec())).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn post(&self, headers: Headers<'_>, body: &[u8]) -> Answer {
        self.ask(Method::POST, "events", headers, body).await
    }

    /// Takes the records of the messages that wait for `transform`, message by message.
    async fn sent(&self) -> Vec<Vec<Record>> {
        let Queues::Memory(queues, ..) = &self.store.queues else { unreachable!() };
        let mut sent = Vec::new();
        while let Some(received) = queues.receive("transform") {
            let message = self.store.read_message(&received.body).await.unwrap();
            let Message { task: Task::Transform(batch), .. } = message else {
                panic!("{message:?}")
            };
            sent.push(batch.records);
            queues.delete("transform", received.id);
        }
        sent
    }
}

impl Answer {
    fn kind(&self) -> &str {
        self.headers["content-type"].to_str().unwrap()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn mac(parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    for part in parts {
        mac.update(part);
    }
    hex(&mac.finalize().into_bytes())
}

async fn github(hub: &Hub, (id, kind): (&str, &str), signed: &[u8], body: &[u8]) -> Answer {
    let signature = format!("sha256={}", mac(&[signed]));
    let media = if body.starts_with(b"payload=") { FORM } else { JSON };
    let headers = [
        ("content-type", media),
        ("x-github-delivery", id),
        ("x-github-event", kind),
        ("x-hub-signature-256", &*signature),
    ];
    hub.post(&headers, body).await
}

async fn slack(hub: &Hub, sent: i64, signed: &[u8], body: &[u8]) -> Answer {
    let time = sent.to_string();
    let signature = format!("v0={}", mac(&[b"v0:", time.as_bytes(), b":", signed]));
    let media = if body.starts_with(b"{") { JSON } else { FORM };
    let headers = [
        ("content-type", media),
        ("x-slack-request-timestamp", &*time),
        ("x-slack-signature", &*signature),
    ];
    hub.post(&headers, body).await
}

/// The vendor's payloads, each with the name of its file; what comes first is ours.
fn payloads(vendor: &str, ours: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/payloads");
    let mut all = vec![("ours.json".to_owned(), ours.as_bytes().to_vec())];
    let Ok(files) = std::fs::read_dir(folder.join(vendor)) else {
        println!("skipped: the payloads of {vendor} are not at hand");
        return all;
    };
    for file in files.map(Result::unwrap) {
        let name = file.file_name().into_string().unwrap();
        // `api.*` is what the vendor answers, not what it sends.
        if name != "SOURCES.json" && !name.starts_with("api.") {
            all.push((name, std::fs::read(file.path()).unwrap()));
        }
    }
    all
}

fn form(payload: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(payload).unwrap();
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", text).finish().into_bytes()
}

#[tokio::test]
async fn every_event_of_github_is_taken_once_and_none_that_is_not_signed() {
    let hub = Hub::new(r#"{"recipe": "github", "headers": ["X-GitHub-Event"]}"#, KEY).await;
    for (file, body) in payloads("github", r#"{"ref": "refs/heads/main"}"#) {
        let kind = file.split('.').next().unwrap();
        let delivery = (&*file, kind);
        let mut changed = body.clone();
        *changed.last_mut().unwrap() ^= 1;
        let tampered = github(&hub, delivery, &body, &changed).await;
        let unsigned = hub.post(&[("x-github-delivery", &*file)], &body).await;
        assert_eq!([tampered.status, unsigned.status], [StatusCode::UNAUTHORIZED; 2], "{file}");
        assert_eq!(tampered.body, unsigned.body);

        let first = github(&hub, delivery, &body, &body).await;
        let again = github(&hub, delivery, &body, &body).await;
        assert_eq!(first.body, again.body, "{file}");
        let in_form = form(&body);
        let in_form = github(&hub, (&format!("{file}-form"), kind), &in_form, &in_form).await;
        let sent = hub.sent().await;
        if kind == "ping" {
            assert_eq!((first.status, &*first.body), (StatusCode::OK, "{}"));
            assert!(sent.is_empty(), "a ping starts nothing");
            continue;
        }
        assert_eq!([first.status, in_form.status], [StatusCode::ACCEPTED; 2], "{file}");
        let [by_json, by_form] = &sent[..] else { panic!("{file}: {} messages", sent.len()) };
        assert_eq!(by_json, by_form, "{file}");
        let event = by_json[0].value.get("headers").unwrap().get("x-github-event").unwrap();
        assert_eq!(event.as_str(), Some(kind));
    }
}

#[tokio::test]
async fn pings_of_github_are_records_where_an_integration_says_so() {
    let hub = Hub::new(r#"{"recipe": "github", "signature": {"challenges": []}}"#, KEY).await;
    let ping = github(&hub, ("1", "ping"), b"{}", b"{}").await;
    assert_eq!((ping.status, hub.sent().await.len()), (StatusCode::ACCEPTED, 1));
}

#[tokio::test]
async fn every_event_of_slack_is_taken_once_and_none_that_is_not_signed() {
    let hub = Hub::new(r#"{"recipe": "slack"}"#, KEY).await;
    for (file, body) in payloads("slack", r#"{"type": "event_callback", "event_id": "Ev1"}"#) {
        let mut changed = body.clone();
        *changed.last_mut().unwrap() ^= 1;
        let tampered = slack(&hub, NOW, &body, &changed).await;
        let old = slack(&hub, NOW - 301, &body, &body).await;
        let unsigned = hub.post(&[("content-type", JSON)], &body).await;
        let refused = [tampered.status, old.status, unsigned.status];
        assert_eq!(refused, [StatusCode::UNAUTHORIZED; 3], "{file}");

        let first = slack(&hub, NOW, &body, &body).await;
        let again = slack(&hub, NOW, &body, &body).await;
        assert_eq!(first.body, again.body, "{file}");
        let sent = hub.sent().await;
        if file == "url_verification.json" {
            assert!(sent.is_empty(), "a question starts nothing");
            continue;
        }
        assert_eq!((first.status, sent.len()), (StatusCode::ACCEPTED, 1), "{file}");
        let text = form(&body);
        let in_form = slack(&hub, NOW, &text, &text).await;
        assert_eq!(in_form.status, StatusCode::ACCEPTED, "{file}");
        for records in hub.sent().await {
            assert_eq!(records[0].value, sent[0][0].value, "{file}");
        }
    }
}

#[tokio::test]
async fn slack_gets_its_challenge_back_when_it_is_signed() {
    let hub = Hub::new(r#"{"recipe": "slack"}"#, KEY).await;
    let body = br#"{"token": "t", "challenge": "3eZbrw1a", "type": "url_verification"}"#;
    let answer = slack(&hub, NOW, body, body).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, r#"{"challenge":"3eZbrw1a"}"#));
    let forged = slack(&hub, NOW, b"{}", body).await;
    assert_eq!(forged.status, StatusCode::UNAUTHORIZED);
    assert!(!forged.body.contains("3eZbrw1a"), "{}", forged.body);
}

#[tokio::test]
async fn okta_asks_once_by_get_and_sends_a_list_of_events() {
    let hub = Hub::new(r#"{"recipe": "okta"}"#, KEY).await;
    let asked = [("x-okta-verification-challenge", "ySwHwTyT-LK7UuoS")];
    let answer = hub.ask(Method::GET, "events", &asked, b"").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!((answer.kind(), &*answer.body), (JSON, r#"{"verification":"ySwHwTyT-LK7UuoS"}"#));
    let by_post = hub.post(&asked, b"{}").await;
    assert_eq!(by_post.status, StatusCode::UNAUTHORIZED);

    let body = br#"{"eventId": "e-1", "data": {"events": [{"uuid": "a"}, {"uuid": "b"}]}}"#;
    let headers = [("authorization", KEY), ("content-type", JSON)];
    assert_eq!(hub.post(&headers, body).await.status, StatusCode::ACCEPTED);
    assert_eq!(hub.post(&headers, body).await.status, StatusCode::ACCEPTED);
    let sent = hub.sent().await;
    assert_eq!(sent.len(), 1, "the second is a repeat");
    let uuids: Vec<_> =
        sent[0].iter().map(|record| (record.line, record.value.to_string())).collect();
    assert_eq!(uuids, [(1, r#"{"uuid":"a"}"#.to_owned()), (2, r#"{"uuid":"b"}"#.to_owned())]);
    let elsewhere = hub.post(&headers, br#"{"eventId": "e-2"}"#).await;
    assert_eq!(elsewhere.status, StatusCode::BAD_REQUEST, "{}", elsewhere.body);
    let none = hub.post(&headers, br#"{"eventId": "e-3", "data": {"events": []}}"#).await;
    assert_eq!((none.status, hub.sent().await.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn graph_gets_its_token_back_as_text_and_must_show_ours() {
    let hub = Hub::new(r#"{"recipe": "graph"}"#, KEY).await;
    let ask = async |query: String| {
        let path = format!("events?{query}");
        hub.ask(Method::POST, &path, &[("content-type", "text/plain")], b"").await
    };
    let answer = ask("validationToken=Validation%3A+Testing+%3Cb%3E+%C3%BC".to_owned()).await;
    assert_eq!((answer.status, answer.kind()), (StatusCode::OK, "text/plain"));
    assert_eq!(answer.body, "Validation: Testing <b> ü");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    for bad in [
        format!("validationToken={}", "a".repeat(1025)),
        "validationToken=a%0d%0ab".to_owned(),
        "validationToken=".to_owned(),
        "validationToken=a&validationToken=b".to_owned(),
        "other=a".to_owned(),
    ] {
        assert_eq!(ask(bad.clone()).await.status, StatusCode::UNAUTHORIZED, "{bad}");
    }

    let of = |state: &str| format!(r#"{{"value": [{{"id": "1", "clientState": "{state}"}}]}}"#);
    let forged = hub.post(&[], of("a guess of somebody else").as_bytes()).await;
    assert_eq!(forged.status, StatusCode::UNAUTHORIZED);
    assert_eq!(hub.post(&[], of(KEY).as_bytes()).await.status, StatusCode::ACCEPTED);
    let sent = hub.sent().await;
    assert_eq!(sent[0][0].value.to_string(), r#"{"id":"1"}"#, "no record holds the secret");
}

#[tokio::test]
async fn a_question_finds_out_nothing_about_what_does_not_answer_it() {
    let hub = Hub::new(r#"{"recipe": "github"}"#, KEY).await;
    hub.integrate("unset", r#"{"recipe": "okta"}"#, "").await;
    hub.integrate("weak", r#"{"recipe": "graph"}"#, "short").await;
    let okta = [("x-okta-verification-challenge", "question")];
    let mut answers = Vec::new();
    for path in ["events", "unset", "weak", "nothing", "UPPER"] {
        for method in [Method::GET, Method::POST] {
            let path = format!("{path}?validationToken=question");
            let answer = hub.ask(method, &path, &okta, b"").await;
            assert!(!answer.body.contains("question"), "{path}");
            answers.push((answer.status, answer.body, answer.headers));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn discord_is_answered_as_it_insists_and_believed_by_its_key() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let key = hex(pair.public_key().as_ref());
    let hub = Hub::new(r#"{"recipe": "discord"}"#, &key).await;
    let time = NOW.to_string();
    let signature = |body: &str| hex(pair.sign(format!("{time}{body}").as_bytes()).as_ref());
    let send = async |body: &str, signature: &str| {
        let headers = [
            ("content-type", JSON),
            ("x-signature-ed25519", signature),
            ("x-signature-timestamp", &*time),
        ];
        hub.post(&headers, body.as_bytes()).await
    };
    let ping = r#"{"version":1,"application_id":"1","type":0}"#;
    let answer = send(ping, &signature(ping)).await;
    assert_eq!((answer.status, answer.kind(), &*answer.body), (StatusCode::NO_CONTENT, JSON, ""));
    assert_eq!(send(ping, &signature("{}")).await.status, StatusCode::UNAUTHORIZED);
    assert!(hub.sent().await.is_empty());

    let event = r#"{"version":1,"type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}"#;
    assert_eq!(send(event, &signature(event)).await.status, StatusCode::ACCEPTED);
    assert_eq!(send(event, &signature(event)).await.status, StatusCode::ACCEPTED);
    assert_eq!(hub.sent().await.len(), 1, "the second is a repeat");
}

#[tokio::test]
async fn more_than_a_thousand_items_become_several_runs_once() {
    let hub = Hub::new(r#"{"recipe": "auth0"}"#, KEY).await;
    let items: Vec<String> = (0..2001).map(|n| format!(r#"{{"log_id":"{n}"}}"#)).collect();
    let body = format!("[{}]", items.join(","));
    for sizes in [vec![1, 1000, 1000], vec![]] {
        let answer = hub.post(&[("authorization", KEY)], body.as_bytes()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        let mut sent: Vec<usize> = hub.sent().await.iter().map(Vec::len).collect();
        sent.sort_unstable();
        assert_eq!(sent, sizes);
    }
}

#[tokio::test]
async fn the_sample_challenges_are_what_api_gateway_sends() {
    for (vendor, answer) in [
        ("slack", r#"{"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}"#),
        ("okta", r#"{"verification":"ySwHwTyT-LK7UuoS"}"#),
        ("graph", "Validation: Testing"),
    ] {
        let hub = Hub::new("{\"recipe\": \"static_header\"}", KEY).await;
        hub.integrate(vendor, &format!(r#"{{"recipe": "{vendor}"}}"#), KEY).await;
        let file = format!("../../events/ingest/{vendor}-challenge.json");
        let text = std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR")));
        let request = lambda_http::request::from_str(&text.unwrap()).unwrap();
        let response = hub.app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{vendor}");
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert_eq!(body, answer.as_bytes(), "{vendor}");
        assert!(hub.sent().await.is_empty(), "{vendor}");
    }
}
