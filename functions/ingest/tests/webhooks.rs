//! Deliveries as senders see them: over the router, with the store in memory.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use axum::{Router, body::Body};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::{
    Counts, Message, Name, Note, Run, RunId, RunState, Task, Tenant, Timings,
    definition::Integration,
};
use ferrule_store::{Clock, Queues, Secrets, Store, When, memory::Fuse};
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, StatusCode};
use serde_json::Value;
use sha2::Sha256;
use tower::ServiceExt as _;

const NOW: i64 = 1_700_000_000;
const KEY: [u8; 24] = *b"twenty-four bytes of key";
const OLD_KEY: [u8; 24] = *b"the key that was before.";

struct Hub {
    store: Store,
    fuse: Fuse,
    app: Router,
}

impl Hub {
    async fn new() -> Self {
        let fuse = Fuse::default();
        let store = Store::memory_with(Clock::manual(NOW * 1000), &fuse);
        let hub = Self { app: ingest::app(store.clone()), store, fuse };
        hub.integrate("acme", "orders", r#"{"webhook": {"recipe": "standard_webhooks"}}"#).await;
        hub.keep_secret("acme", "orders", &[&OLD_KEY, &KEY]).await;
        hub
    }

    async fn integrate(&self, tenant: &str, name: &str, trigger: &str) {
        let text = format!(
            r#"{{"apiVersion": "ferrule/v1", "kind": "Integration", "metadata": {{"name": "{name}"}},
                "trigger": {trigger}, "output": {{"connection": "hub", "table": "orders"}}}}"#
        );
        let integration: Integration = serde_json::from_str(&text).unwrap();
        let tenant = Tenant::new(tenant).unwrap();
        self.store.put_integration(&tenant, &integration, When::Always).await.unwrap().unwrap();
    }

    async fn keep_secret(&self, tenant: &str, name: &str, keys: &[&[u8]]) {
        let keys: Vec<String> =
            keys.iter().map(|key| format!("\"whsec_{}\"", STANDARD.encode(key))).collect();
        let body = format!(r#"{{"secrets": [{}]}}"#, keys.join(","));
        let (owner, tenant) = (Name::new("ingest").unwrap(), Tenant::new(tenant).unwrap());
        let name = Name::new(name).unwrap();
        self.store.secrets.write(&owner, &tenant, &name, &body, None).await.unwrap();
    }

    /// Delivers; it takes a moment.
    async fn send(&self, delivery: Delivery<'_>) -> (StatusCode, Value) {
        self.store.clock.advance(Duration::from_millis(1));
        let response = self.app.clone().oneshot(delivery.request()).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Notes that the only batch of a run is done; returns the run when that ended it.
    async fn done(&self, run: &RunId) -> Option<Run> {
        let counts = Counts { created: 1, ..Counts::default() };
        let (others, timings) = (Vec::new(), Timings::default());
        let note = Note::Batch { seq: 0, others, counts, timings, failed: None };
        self.store.note(&acme(), run, &[note]).await.unwrap()
    }

    /// Returns the sync log.
    async fn runs(&self) -> Vec<Run> {
        self.store.runs(&acme(), None, 100, None).await.unwrap().0
    }

    /// Takes what is waiting for `transform`.
    async fn sent(&self) -> Vec<Message> {
        let Queues::Memory(queues, ..) = &self.store.queues else { unreachable!() };
        let mut messages = Vec::new();
        while let Some(received) = queues.receive("transform") {
            messages.push(self.store.read_message(&received.body).await.unwrap());
            queues.delete("transform", received.id);
        }
        messages
    }
}

fn acme() -> Tenant {
    Tenant::new("acme").unwrap()
}

#[derive(Clone, Copy)]
struct Delivery<'a> {
    path: &'a str,
    id: &'a str,
    sent_at: i64,
    key: &'a [u8],
    content_type: &'a str,
    body: &'a [u8],
}

const DELIVERY: Delivery<'static> = Delivery {
    path: "/webhooks/acme/orders",
    id: "msg_1",
    sent_at: NOW,
    key: &KEY,
    content_type: "application/json",
    body: br#"{"order":7,"total":12345678901234567890123}"#,
};

impl Delivery<'_> {
    fn request(&self) -> Request<Body> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key).unwrap();
        mac.update(format!("{}.{}.", self.id, self.sent_at).as_bytes());
        mac.update(self.body);
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        Request::post(self.path)
            .header("content-type", self.content_type)
            .header("webhook-id", self.id)
            .header("webhook-timestamp", self.sent_at)
            .header("webhook-signature", format!("v1,{signature}"))
            .body(Body::from(self.body.to_vec()))
            .unwrap()
    }
}

#[tokio::test]
async fn a_signed_delivery_becomes_one_run_with_one_message() {
    let hub = Hub::new().await;
    let (status, answer) = hub.send(DELIVERY).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let sent = hub.sent().await;
    let [Message { envelope, task: Task::Transform(batch) }] = &sent[..] else {
        panic!("{sent:?}");
    };
    assert_eq!(answer["run"], envelope.run.as_str());
    assert_eq!((envelope.tenant.as_str(), envelope.integration.as_str()), ("acme", "orders"));
    assert_eq!((&*batch.origin, batch.records.len()), ("webhook", 1));
    assert_eq!(batch.records[0].value.to_string().as_bytes(), DELIVERY.body);
}

#[tokio::test]
async fn a_record_of_another_hub_has_come_as_far_as_that_says() {
    let hub = Hub::new().await;
    for (id, header, hops) in [("msg_1", "5", 5), ("msg_2", "1000", 255), ("msg_3", "none", 0)] {
        let mut request = Delivery { id, ..DELIVERY }.request();
        request.headers_mut().insert("ferrule-hops", header.parse().unwrap());
        let response = hub.app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let sent = hub.sent().await;
        let [Message { envelope, task: Task::Transform(batch) }] = &sent[..] else {
            panic!("{sent:?}");
        };
        assert_eq!(batch.hops().number(), hops, "{header}");
        let run = hub.store.run(&envelope.tenant, &envelope.run).await.unwrap().unwrap();
        assert_eq!(run.hops, batch.hops(), "what is told of its failure has come as far");
    }
}

#[tokio::test]
async fn its_run_is_found_from_the_start_and_is_in_the_sync_log_when_its_batch_is_noted() {
    let hub = Hub::new().await;
    let (_, answer) = hub.send(DELIVERY).await;
    let id = RunId::new(answer["run"].as_str().unwrap());
    let run = hub.store.run(&acme(), &id).await.unwrap().unwrap();
    assert_eq!((run.state, run.counts.read, &*run.trigger), (RunState::Running, 1, "webhook"));
    assert!(hub.runs().await.is_empty());
    let closed = hub.done(&id).await.unwrap();
    assert_eq!((closed.state, closed.counts.created), (RunState::Succeeded, 1));
    let standing = hub.store.standing(&acme(), &closed.integration).await.unwrap();
    assert_eq!(Some(standing.success_ms), closed.ended_at, "silence is noticed for webhooks too");
    assert_eq!(hub.runs().await, [closed]);
}

#[tokio::test]
async fn a_repeat_gets_the_same_run_and_sends_nothing() {
    let hub = Hub::new().await;
    let (_, first) = hub.send(DELIVERY).await;
    for sent_at in [NOW, NOW + 5] {
        let (status, again) = hub.send(Delivery { sent_at, ..DELIVERY }).await;
        assert_eq!((status, &again), (StatusCode::ACCEPTED, &first));
    }
    assert_eq!(hub.sent().await.len(), 1);
    let (_, other) = hub.send(Delivery { id: "msg_2", ..DELIVERY }).await;
    assert_ne!(other, first);
    assert_eq!(hub.sent().await.len(), 1);
}

#[tokio::test]
async fn a_process_that_dies_at_any_moment_loses_nothing() {
    for calls in 0..12 {
        let hub = Hub::new().await;
        hub.fuse.light(calls);
        let (status, _) = hub.send(DELIVERY).await;
        hub.fuse.mend();
        let (again, answer) = hub.send(DELIVERY).await;
        assert_eq!(again, StatusCode::ACCEPTED, "the sender repeats after {status}");
        let sent = hub.sent().await;
        assert!((1..=2).contains(&sent.len()), "{calls}: {} messages", sent.len());
        assert!(sent.iter().all(|message| message.envelope.run.as_str() == answer["run"]));
        hub.done(&sent[0].envelope.run).await.unwrap();
        assert_eq!(hub.runs().await.len(), 1, "{calls}: one delivery is one run");
        hub.send(DELIVERY).await;
        assert!(hub.sent().await.is_empty(), "and it is known as sent then");
        if status == StatusCode::ACCEPTED {
            return assert!(calls > 2, "every call of a delivery was tried");
        }
    }
    panic!("a delivery makes more calls than were tried");
}

#[tokio::test]
async fn everyone_who_cannot_prove_who_he_is_gets_the_same_answer() {
    let hub = Hub::new().await;
    hub.integrate("acme", "pulled", r#"{"schedule": {"every": "15m"}}"#).await;
    hub.integrate("acme", "unset", r#"{"webhook": {"recipe": "standard_webhooks"}}"#).await;
    hub.integrate("acme", "weak", r#"{"webhook": {"recipe": "standard_webhooks"}}"#).await;
    hub.keep_secret("acme", "weak", &[b"short"]).await;
    hub.integrate("acme", "open", r#"{"webhook": {}}"#).await;
    hub.keep_secret("acme", "open", &[&KEY]).await;
    let bad = [
        Delivery { key: b"a key that nobody knows.", ..DELIVERY },
        Delivery { sent_at: NOW - 301, ..DELIVERY },
        Delivery { sent_at: NOW + 301, ..DELIVERY },
        Delivery { path: "/webhooks/acme/nothing", ..DELIVERY },
        Delivery { path: "/webhooks/nobody/orders", ..DELIVERY },
        Delivery { path: "/webhooks/ACME/orders", ..DELIVERY },
        Delivery { path: "/webhooks/acme/%ff", ..DELIVERY },
        Delivery { path: "/webhooks/acme/pulled", ..DELIVERY },
        Delivery { path: "/webhooks/acme/unset", ..DELIVERY },
        Delivery { path: "/webhooks/acme/weak", key: b"short", ..DELIVERY },
        Delivery { path: "/webhooks/acme/open", ..DELIVERY },
    ];
    let mut answers = Vec::new();
    for delivery in bad {
        let (status, answer) = hub.send(delivery).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{}", delivery.path);
        answers.push(answer);
    }
    answers.dedup();
    let expected = serde_json::json!(
        {"type": "about:blank", "title": "Unauthorized", "status": 401}
    );
    assert_eq!(answers, [expected]);
    assert!(hub.sent().await.is_empty());
}

#[tokio::test]
async fn both_keys_are_good_during_a_rotation_and_only_the_new_one_after() {
    let hub = Hub::new().await;
    let old = |id| Delivery { key: &OLD_KEY, id, ..DELIVERY };
    assert_eq!(hub.send(old("a")).await.0, StatusCode::ACCEPTED);
    assert_eq!(hub.send(Delivery { id: "b", ..DELIVERY }).await.0, StatusCode::ACCEPTED);
    hub.keep_secret("acme", "orders", &[&KEY]).await;
    assert_eq!(hub.send(old("c")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(hub.send(Delivery { id: "d", ..DELIVERY }).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_body_of_two_mebibytes_is_refused_with_the_limit() {
    let hub = Hub::new().await;
    let huge = vec![b' '; 2 << 20];
    for path in ["/webhooks/acme/orders", "/webhooks/nobody/orders"] {
        let (status, answer) = hub.send(Delivery { path, body: &huge, ..DELIVERY }).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer["detail"], "a delivery has at most 1048576 bytes");
    }
}

#[tokio::test]
async fn a_body_at_the_limit_gets_through_and_one_over_an_own_limit_does_not() {
    let hub = Hub::new().await;
    let full = format!("\"{}\"", "x".repeat((1 << 20) - 2));
    let (status, _) = hub.send(Delivery { body: full.as_bytes(), ..DELIVERY }).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let sent = hub.sent().await;
    let Task::Transform(batch) = &sent[0].task else { panic!("{sent:?}") };
    assert_eq!(batch.records[0].value.as_str().unwrap().len(), full.len() - 2);

    let small = r#"{"webhook": {"recipe": "standard_webhooks", "max_bytes": 10}}"#;
    hub.integrate("acme", "small", small).await;
    hub.keep_secret("acme", "small", &[&KEY]).await;
    let (status, answer) = hub.send(Delivery { path: "/webhooks/acme/small", ..DELIVERY }).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer["detail"], "a delivery has at most 10 bytes");
}

#[tokio::test]
async fn a_verified_sender_is_told_what_is_wrong_with_the_body() {
    let hub = Hub::new().await;
    let twice = Delivery { body: br#"{"a":1,"a":2}"#, ..DELIVERY };
    let (status, answer) = hub.send(twice).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["detail"].as_str().unwrap().contains("duplicate key"), "{answer}");
    let xml = Delivery { content_type: "application/xml", body: b"<order/>", ..DELIVERY };
    assert_eq!(hub.send(xml).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(hub.sent().await.is_empty());
    assert_eq!(hub.send(DELIVERY).await.0, StatusCode::ACCEPTED, "the id was not used up");
}

#[tokio::test]
async fn a_form_becomes_a_record_of_texts() {
    let hub = Hub::new().await;
    let form = "application/x-www-form-urlencoded";
    hub.send(Delivery { content_type: form, body: b"command=%2Fdeploy&text=", ..DELIVERY }).await;
    let sent = hub.sent().await;
    let Task::Transform(batch) = &sent[0].task else { panic!("{sent:?}") };
    assert_eq!(batch.records[0].value.to_string(), r#"{"command":"/deploy","text":""}"#);
}

#[tokio::test]
async fn one_tenants_key_opens_nothing_of_another() {
    let hub = Hub::new().await;
    hub.integrate("globex", "orders", r#"{"webhook": {"recipe": "standard_webhooks"}}"#).await;
    hub.keep_secret("globex", "orders", &[b"globex has its own key.."]).await;
    let theirs = Delivery { path: "/webhooks/globex/orders", ..DELIVERY };
    assert_eq!(hub.send(theirs).await.0, StatusCode::UNAUTHORIZED);
    let (_, ours) = hub.send(DELIVERY).await;
    let theirs = Delivery { key: b"globex has its own key..", ..theirs };
    let (status, other) = hub.send(theirs).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_ne!(ours, other, "the same id of another tenant is another delivery");
}

#[tokio::test]
async fn only_the_right_path_is_answered_and_a_get_as_if_nothing_were_there() {
    let hub = Hub::new().await;
    let ask = |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        hub.app.clone().oneshot(request)
    };
    for path in ["/webhooks/acme/orders", "/webhooks/acme/nothing"] {
        assert_eq!(ask("GET", path).await.unwrap().status(), StatusCode::UNAUTHORIZED);
        let put = ask("PUT", path).await.unwrap();
        assert_eq!(put.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(put.headers()["allow"], "GET,HEAD,POST");
    }
    assert_eq!(ask("POST", "/webhooks/acme").await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_sample_events_are_what_api_gateway_sends() {
    let hub = Hub::new().await;
    for (file, status) in [("signed", 202), ("signed-base64", 202), ("bad-signature", 401)] {
        let path = format!("{}/../../events/ingest/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        let request = lambda_http::request::from_str(&text).unwrap();
        let response = hub.app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{file}");
    }
    assert_eq!(hub.sent().await.len(), 1, "both encodings are the same delivery");
}

#[tokio::test]
async fn a_key_that_was_rotated_meanwhile_is_read_at_the_first_signature_by_it() {
    let hub = Hub::new().await;
    let Secrets::Memory(secrets) = &hub.store.secrets else { unreachable!() };
    let new: [u8; 24] = *b"the key that comes next.";
    let body = format!(r#"{{"secrets": ["whsec_{}"]}}"#, STANDARD.encode(new));
    let (owner, tenant) = (Name::new("ingest").unwrap(), Tenant::new("acme").unwrap());
    secrets.rotate_elsewhere(&owner, &tenant, &Name::new("orders").unwrap(), &body);
    assert_eq!(hub.send(DELIVERY).await.0, StatusCode::ACCEPTED, "nobody asks without need");
    let forged = Delivery { key: b"a key that nobody knows.", id: "msg_2", ..DELIVERY };
    let by_new = Delivery { key: &new, id: "msg_3", ..DELIVERY };
    let by_old = Delivery { id: "msg_4", ..DELIVERY };
    assert_eq!(hub.send(by_new).await.0, StatusCode::ACCEPTED);
    assert_eq!(hub.send(forged).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(hub.send(by_old).await.0, StatusCode::UNAUTHORIZED);
}
