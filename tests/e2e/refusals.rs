//! Bad input: each with a clear answer, and nothing lost.

use ferrule_core::Value;
use ferrule_testing::vendor::{Reply, Vendor};
use reqwest::{Method, StatusCode};

use crate::{
    hub::{Answer, Hub, count},
    incidents::definitions,
    sample::{csv, row},
};

const INTEGRATION: &str = r"apiVersion: ferrule/v1
kind: Integration
metadata: {name: copy}
source: {connection: hub, table: a}
output: {connection: hub, table: b, key: .id}
";

async fn hub(tenant: &str) -> Hub {
    let hub = Hub::of(tenant).await;
    hub.define(&definitions()).await;
    hub
}

fn says(answer: &Answer, status: u16, words: &[&str]) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    let text = answer.body.to_string();
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_with_a_mistake_is_refused_with_its_place_and_a_hint() {
    let hub = hub("mistakes").await;
    let misspelt = INTEGRATION.replace("output:", "outptu:");
    says(&hub.put(&misspelt).await, 422, &["outptu", "output", "\"line\":5"]);
    let wrong = format!("{INTEGRATION}limits: {{batch: many}}\n");
    says(&hub.put(&wrong).await, 422, &["limits.batch", "\"line\":6"]);
    let nobody = INTEGRATION.replace("connection: hub, table: a", "connection: hbu, table: a");
    says(&hub.put(&nobody).await, 422, &["hbu", "hub"]);
    let token = ["ghp_", "0123456789abcdefghijABCDEFGHIJ012345"].concat();
    let leaked = format!("{INTEGRATION}map: {{id: {{const: {token}}}}}\n");
    let answer = hub.put(&leaked).await;
    says(&answer, 422, &["secret"]);
    assert!(!answer.body.to_string().contains(&token), "the secret is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_unknown_revoked_or_missing_looks_the_same() {
    let hub = hub("keys").await;
    let unknown = hub.send_as("frl_nobody", Method::GET, "/v1/status", "").await;
    let missing = hub.send_as("", Method::GET, "/v1/status", "").await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    assert_eq!((unknown.status, unknown.body), (missing.status, missing.body));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_is_in_the_error_log_with_its_line_and_its_neighbours_are_loaded() {
    let hub = hub("rows").await;
    let mut bytes =
        csv([row(1, 0), "INC0000002,too,short".into(), row(3, 0)].into_iter()).into_bytes();
    bytes.extend(b"INC0000004,\xFF\xFE,TRUE\r\n");
    bytes.extend(row(5, 0).bytes());
    hub.upload("incidents/a.csv", &bytes).await;
    let run = hub.sync("incidents-in", false).await;
    assert_eq!((count(&run, "created"), count(&run, "refused")), (3, 2), "{run}");
    let mut lines: Vec<_> = hub
        .errors("incidents-in")
        .await
        .iter()
        .filter_map(|row| row.get("record")?.get("line")?.as_i64())
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [3, 5]);
}

async fn failed(hub: &Hub, source: &str, words: &[&str]) {
    let document = INTEGRATION.replace("source: {connection: hub, table: a}", source);
    hub.define(&document).await;
    let run = hub.sync("copy", false).await;
    assert_eq!(run.get("state").and_then(Value::as_str), Some("failed"), "{run}");
    let text = run.to_string();
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    assert!(!hub.errors("copy").await.is_empty(), "nothing in the error log");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_files_fail_their_run_with_a_sentence() {
    let hub = hub("hostile").await;
    hub.upload("x/doctype.xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a><r>&b;</r></a>").await;
    failed(
        &hub,
        "source: {connection: incident-export, path: x/doctype.xml, records: r}",
        &["DOCTYPE"],
    )
    .await;
    hub.upload("x/bomb.jsonl.gz", &bomb()).await;
    failed(
        &hub,
        "source: {connection: incident-export, path: x/bomb.jsonl.gz}",
        &["x/bomb.jsonl.gz"],
    )
    .await;
}

/// A gigabyte of zeros in a megabyte.
fn bomb() -> Vec<u8> {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b'0'; 1 << 20];
    for _ in 0..1024 {
        gzip.write_all(&zeros).unwrap();
    }
    gzip.finish().unwrap()
}

fn api(url: &str) -> String {
    format!(
        "apiVersion: ferrule/v1\nkind: Connection\nmetadata: {{name: api}}\nconnector: rest\n\
         settings: {{base_url: '{url}', profile: {{paging: {{link_in_body: {{from: .next}}}}}}}}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_inside_and_a_page_that_leads_back_fail_their_run() {
    let hub = hub("inside").await;
    let answer = hub.put(&api("http://169.254.169.254/")).await;
    if answer.status.is_success() {
        failed(&hub, "source: {connection: api, path: /latest}", &["169.254.169.254"]).await;
    } else {
        says(&answer, 422, &["169.254.169.254"]);
    }
    let circle =
        Vendor::start(|_, _| Reply::json(r#"{"items":[{"id":"1"}],"next":"/items?page=1"}"#)).await;
    hub.define(&api(&circle.url(""))).await;
    failed(
        &hub,
        "source: {connection: api, path: '/items?page=1', records: .items}",
        &["PAGING_LOOP", "same page"],
    )
    .await;
    assert!(circle.count("/items") <= 4, "it went round {} times", circle.count("/items"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_end_fails_its_run_at_the_cap_of_its_source() {
    let hub = hub("endless").await;
    let endless = Vendor::start(|_, number| {
        Reply::json(format!(r#"{{"items":[{{"id":"{number}"}}],"next":"/items?page={number}"}}"#))
    })
    .await;
    hub.define(&api(&endless.url(""))).await;
    failed(
        &hub,
        "source: {connection: api, path: '/items?page=first', records: .items, max_pages: 3}",
        &["PAGE_CAP", "3 pages"],
    )
    .await;
    assert_eq!(endless.count("/items"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_too_big_or_badly_signed_is_refused() {
    let hub = hub("hooks").await;
    hub.define(
        "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {name: hook}\n\
         trigger: {webhook: {recipe: github}}\noutput: {connection: hub, table: hooks, key: .id}",
    )
    .await;
    hub.secret("ingest", "hook", r#"{"secrets":["0123456789abcdef0123456789abcdef"]}"#).await;
    let path = "/webhooks/hooks/hook";
    let unsigned = hub.send(Method::POST, path, r#"{"id":"1"}"#).await;
    assert_eq!(unsigned.status, StatusCode::UNAUTHORIZED);
    let big = hub.send(Method::POST, path, &"x".repeat(2 << 20)).await;
    assert_eq!(big.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", big.body);
    assert!(hub.table("hooks").await.is_empty());
}
