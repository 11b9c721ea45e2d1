//! Every route with what nobody should send: an answer in words, and never a failure of ours.

use std::time::{Duration, Instant};

use axum::body::Body;
use http::Request;

use crate::{document::operations, hub::Hub};

/// Bodies that are no JSON, more than JSON, or JSON made to hurt.
fn bodies() -> Vec<Vec<u8>> {
    let keys = (0..20_000).fold(String::new(), |keys, at| keys + &format!("\"k{at}\":1,"));
    let many = format!("{{{keys}\"a\":1}}");
    let texts = [
        String::new(),
        "null".into(),
        "[]".into(),
        "{}".into(),
        "{".into(),
        "\u{feff}{}".into(),
        "1e400".into(),
        "\"\\ud800\"".into(),
        "{\"value\":1,\"value\":2}".into(),
        "{\"value\":\"\\u0000\"}".into(),
        "{\"value\":12345678901234567890123}".into(),
        "{\"integration\":{\"a\":[]}}".into(),
        "{\"changes\":[{}]}".into(),
        "{\"changes\":[{\"key\":\"../x\",\"value\":1}]}".into(),
        "<?xml version='1.0'?><!DOCTYPE a><a/>".into(),
        "[".repeat(100_000),
        format!("{{\"value\":{}1{}}}", "[".repeat(126), "]".repeat(126)),
        format!("a: {}", "[".repeat(100_000)),
        many,
        "x".repeat(1 << 20),
    ];
    let mut bodies: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    bodies.push(b"\xff\xfe{\0}\0".to_vec());
    bodies.push(b"{\"value\":\"\xff\"}".to_vec());
    bodies.push(vec![b' '; 3 << 20]);
    bodies
}

/// What stands where a name, a key or an id should.
const STEPS: [&str; 14] = [
    "x",
    "..",
    "%2e%2e",
    "%2e%2e%2fkeys",
    "a%2fb",
    "%00",
    "%ff",
    "%25",
    "'%20or%201=1",
    "%23",
    "%c2%85",
    "*",
    "a%7cb%23c",
    "app.%f0%9f%98%80",
];

const QUERIES: [&str; 8] = [
    "limit=-1",
    "limit=99999999999999999999",
    "limit=1&limit=2",
    "cursor=AAAA",
    "cursor=%ff&since=x",
    "since=-1&until=9223372036854775807",
    "match=%2a%2a&environment=%00",
    "state=%27;drop&integration=..&code=%ff&id=1,2,3",
];

fn filled(path: &str, step: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { step } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn ask(hub: &Hub, method: &str, path: &str, body: Vec<u8>) {
    let shown: String = String::from_utf8_lossy(&body).chars().take(40).collect();
    let request = Request::builder().method(method).uri(path).header("X-Customer-Key", &hub.admin);
    let Ok(request) = request.body(Body::from(body)) else { return };
    let started = Instant::now();
    let answer = hub.send(request).await;
    let took = started.elapsed();
    let what = format!("{method} {path} {shown:?}: {} {}", answer.status, answer.text);
    assert!(!answer.status.is_server_error(), "{what}");
    assert!(took < Duration::from_secs(5), "{took:?} for {what}");
    assert!(
        answer.text.len() < 200_000,
        "{} bytes for {method} {path} {shown:?}",
        answer.text.len()
    );
    if answer.status.is_client_error() {
        let problem: serde_json::Value = serde_json::from_str(&answer.text).unwrap_or_default();
        assert_eq!(problem["status"], answer.status.as_u16(), "{what}");
    }
}

#[tokio::test]
async fn no_body_breaks_a_route() {
    let hub = Hub::new().await;
    for (method, path) in operations() {
        if method == "GET" {
            continue;
        }
        for body in bodies() {
            ask(&hub, &method, &filled(&path, "x"), body).await;
        }
    }
}

#[tokio::test]
async fn no_name_and_no_query_breaks_a_route() {
    let hub = Hub::new().await;
    for (method, path) in operations() {
        for step in STEPS {
            ask(&hub, &method, &filled(&path, step), b"{}".to_vec()).await;
        }
        for query in QUERIES {
            ask(&hub, &method, &format!("{}?{query}", filled(&path, "x")), b"{}".to_vec()).await;
        }
    }
}
