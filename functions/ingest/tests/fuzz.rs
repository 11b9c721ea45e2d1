//! Made-up deliveries: without a signature nothing gets in, and with one nothing breaks.
//! `FERRULE_FUZZ_SECS=60` tries each for a minute.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it tried"
)]

#[path = "../../../tests/fuzz/mod.rs"]
mod run;

use axum::{Router, body::Body};
use ferrule_core::{Name, Tenant, definition::Integration, json};
use ferrule_store::{Clock, Queues, Store, When, memory::Fuse};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use run::{fuzz, piece, spoilt};
use sha2::Sha256;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

const NOW: i64 = 1_700_000_000;
const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Vendors that are told apart by what they sign and where they put it.
const RECIPES: [&str; 9] = [
    "github",
    "slack",
    "stripe",
    "okta",
    "graph",
    "gitlab",
    "zendesk",
    "sendgrid",
    "standard_webhooks",
];

struct Hub {
    runtime: Runtime,
    store: Store,
    app: Router,
}

impl Hub {
    /// A hub with an integration for every recipe, named after it.
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = Store::memory_with(Clock::manual(NOW * 1000), &Fuse::default());
        for recipe in RECIPES {
            runtime.block_on(integrate(&store, recipe));
        }
        Self { runtime, app: ingest::app(store.clone()), store }
    }

    fn ask(&self, request: Request<Body>) -> (StatusCode, Vec<u8>) {
        self.runtime.block_on(async {
            let response = self.app.clone().oneshot(request).await.unwrap();
            let status = response.status();
            (status, axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap().to_vec())
        })
    }

    /// Takes what is waiting for `transform`; returns how many messages there were.
    fn sent(&self) -> usize {
        let Queues::Memory(queues, ..) = &self.store.queues else { unreachable!() };
        let mut count = 0;
        while let Some(received) = queues.receive("transform") {
            queues.delete("transform", received.id);
            count += 1;
        }
        count
    }
}

async fn integrate(store: &Store, recipe: &str) {
    let name = recipe.replace('_', "-");
    let text = format!(
        r#"{{"apiVersion": "ferrule/v1", "kind": "Integration", "metadata": {{"name": "{name}"}},
            "trigger": {{"webhook": {{"recipe": "{recipe}", "headers": ["x-a"]}}}},
            "output": {{"connection": "hub", "table": "t"}}}}"#
    );
    let integration: Integration = serde_json::from_str(&text).unwrap();
    let (tenant, owner) = (Tenant::new("acme").unwrap(), Name::new("ingest").unwrap());
    store.put_integration(&tenant, &integration, When::Always).await.unwrap().unwrap();
    let (name, body) = (Name::new(name).unwrap(), format!(r#"{{"secret": "{KEY}"}}"#));
    store.secrets.write(&owner, &tenant, &name, &body, None).await.unwrap();
}

fn mac(text: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

const HEADERS: &str = "x-hub-signature-256¦x-slack-signature¦x-slack-request-timestamp¦stripe-signature¦\
    authorization¦x-okta-verification-challenge¦x-gitlab-token¦x-zendesk-webhook-signature¦\
    x-zendesk-webhook-signature-timestamp¦webhook-id¦webhook-timestamp¦webhook-signature¦content-type¦\
    x-github-event¦x-github-delivery¦x-a¦content-encoding¦transfer-encoding";

const VALUES: &str = "sha256=¦v0=¦v1=¦v1,¦t=1700000000¦1700000000¦-1¦9223372036854775808¦,¦ ¦application/json¦\
    application/x-www-form-urlencoded¦text/plain; charset=utf-16¦gzip¦chunked¦AAAA¦00¦=¦é¦2023-11-14T22:13:20Z";

const BODY: &str = "{¦}¦[¦]¦\"a\":1¦,¦\"value\":[{\"clientState\":\"x\"}]¦null¦payload=¦%7B¦&¦=¦a=1¦\"¦\\u0000¦é¦<a/>¦\
    \"type\":\"url_verification\",\"challenge\":\"c\"¦\"data\":{\"events\":[]}";

/// Case 40: what nobody signed starts nothing, whatever it looks like.
#[test]
fn what_is_not_signed_starts_nothing_and_breaks_nothing() {
    let hub = Hub::new();
    let value = vec(piece(VALUES), 0..5).prop_map(|pieces| pieces.concat().into_bytes());
    let value = prop_oneof![4 => value, 1 => vec(any::<u8>(), 0..20)];
    let headers = vec((piece(HEADERS), value), 0..8);
    let path = prop_oneof![
        8 => select(&RECIPES[..]).prop_map(|recipe| format!("acme/{}", recipe.replace('_', "-"))),
        1 => "[a-zA-Z%/.]{0,20}",
    ];
    let query = prop_oneof![3 => Just(String::new()), 1 => "(validationToken|hub.challenge|a)=[a-z%0-9<>]{0,9}"];
    let method = select(vec![Method::GET, Method::POST, Method::PUT, Method::HEAD]);
    let body = spoilt(vec![b"{}".to_vec(), b"{\"a\":[{\"b\":1}]}".to_vec(), Vec::new()], BODY);
    fuzz(
        "unsigned",
        (method, path, query, headers, body),
        |(method, path, query, headers, body)| {
            let mut request =
                Request::builder().method(method).uri(format!("/webhooks/{path}?{query}"));
            for (name, value) in headers {
                let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
                request = request.header(HeaderName::from_static(name), value);
            }
            let Ok(request) = request.body(Body::from(body)) else { return Ok(()) };
            let (status, answer) = hub.ask(request);
            prop_assert!(!status.is_server_error(), "{}", status);
            prop_assert_ne!(status, StatusCode::ACCEPTED);
            prop_assert_eq!(hub.sent(), 0);
            prop_assert!(answer.len() < 4096 && !String::from_utf8_lossy(&answer).contains(KEY));
            Ok(())
        },
    );
}

/// Case 31: what is signed is read as one thing, or refused in words.
#[test]
fn what_is_signed_is_read_or_refused_in_words() {
    let hub = Hub::new();
    let types = select(vec![
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/xml",
        "",
        "x/y+json",
    ]);
    let good =
        ["{\"a\":[{\"b\":1.10}]}", "payload=%7B%22n%22%3A1.10%7D&b=2", "[1,2]", "a=1+2&b=%C3%BC"];
    let good = good.map(|text| text.as_bytes().to_vec()).to_vec();
    fuzz("signed", (types, spoilt(good, BODY)), |(content_type, body)| {
        let request = Request::post("/webhooks/acme/github")
            .header("x-hub-signature-256", format!("sha256={}", mac(&body)))
            .header("x-github-event", "push")
            .header("x-github-delivery", format!("{body:?}"))
            .header("content-type", content_type);
        let Ok(request) = request.body(Body::from(body.clone())) else { return Ok(()) };
        let (status, answer) = hub.ask(request);
        let sent = hub.sent();
        match status {
            StatusCode::ACCEPTED => prop_assert!(sent <= 1 && json::parse(&answer).is_ok()),
            StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::OK => {
                prop_assert_eq!(sent, 0);
            }
            other => prop_assert!(false, "{}: {}", other, String::from_utf8_lossy(&answer)),
        }
        if body.starts_with(b"{") && json::parse(&body).is_err() && content_type.ends_with("json") {
            prop_assert_eq!(status, StatusCode::BAD_REQUEST, "{:?}", body);
        }
        Ok(())
    });
}

/// A form of a mebibyte: its fields are compared with each other.
#[test]
fn a_form_has_only_so_many_fields() {
    let hub = Hub::new();
    let form = (0..150_000).fold(String::new(), |form, at| form + &at.to_string() + "&");
    assert!(form.len() < 1 << 20);
    let started = std::time::Instant::now();
    let request = Request::post("/webhooks/acme/slack")
        .header("x-slack-request-timestamp", NOW)
        .header("x-slack-signature", format!("v0={}", mac(format!("v0:{NOW}:{form}").as_bytes())))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();
    let (status, answer) = hub.ask(request);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    assert!(answer.contains("at most 1000 fields"), "{answer}");
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}
