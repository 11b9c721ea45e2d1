//! What goes out to S3, seen by a fake one. The local stack proves the rest.

use ferrule_connector::Tenant;
use object_store::ObjectStoreExt as _;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request as Seen, ResponseTemplate};

use super::{read, source};
use crate::settings::{Secret, Settings};
use crate::store::{Depot, Own, Request};

fn open(uri: &str, more: &str) -> Depot {
    let json =
        format!(r#"{{"bucket": "exports", "region": "eu-west-1", "endpoint": "{uri}"{more}}}"#);
    let settings: Settings = serde_json::from_str(&json).unwrap();
    let keys =
        r#"{"access_key_id": "AKID", "secret_access_key": "s3cret", "session_token": "tok"}"#;
    let secret: Secret = serde_json::from_str(keys).unwrap();
    let (tenant, own) = (Tenant::new("acme").unwrap(), Own::default());
    let (settings, secret) = (&settings, Some(&secret));
    Request { tenant: &tenant, settings, secret, local: true, own: &own }.open().unwrap()
}

fn header<'s>(seen: &'s Seen, name: &str) -> &'s str {
    seen.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn encryption_and_acl_go_out_signed_with_a_write_only() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).insert_header("etag", "\"1\"");
    Mock::given(method("PUT")).respond_with(answer).mount(&server).await;
    let missing = ResponseTemplate::new(404);
    Mock::given(method("GET")).respond_with(missing).mount(&server).await;
    let more = r#", "acl": "bucket-owner-full-control", "server_side_encryption": "aws:kms"
        , "kms_key": "key-1""#;
    let depot = open(&server.uri(), more);
    depot.writer.put(&"a.txt".into(), "x".into()).await.unwrap();
    depot.store.get(&"a.txt".into()).await.unwrap_err();
    let seen = server.received_requests().await.unwrap();
    let [put, get] = &seen[..] else { panic!("{} requests", seen.len()) };
    assert_eq!(header(put, "x-amz-acl"), "bucket-owner-full-control");
    assert_eq!(header(put, "x-amz-server-side-encryption"), "aws:kms");
    assert_eq!(header(put, "x-amz-server-side-encryption-aws-kms-key-id"), "key-1");
    assert!(header(put, "authorization").contains("x-amz-acl;"), "{put:?}");
    assert_eq!(header(get, "x-amz-acl"), "");
}

#[tokio::test]
async fn what_s3_answers_decides_what_happens_next() {
    for (status, body, code) in [
        (
            403,
            "<Error><Code>InvalidAccessKeyId</Code><Message>no</Message></Error>",
            "unauthorized",
        ),
        (403, "<Error><Code>AccessDenied</Code></Error>", "unauthorized"),
        (404, "<Error><Code>NoSuchBucket</Code></Error>", "FILE_MISSING"),
        (400, "<Error><Code>AuthorizationHeaderMalformed</Code></Error>", "rejected"),
        (503, "<Error><Code>SlowDown</Code></Error>", "throttled"),
        (500, "<Error><Code>InternalError</Code></Error>", "unavailable"),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_string(body);
        Mock::given(method("GET")).respond_with(answer).mount(&server).await;
        let depot = open(&server.uri(), "");
        for path in ["a.csv", "*.csv"] {
            let source = source(&format!(r#"{{"path": "{path}"}}"#));
            let failure = read(&depot, &source, 1).await.unwrap_err();
            assert_eq!(failure.code(), code, "{path}: {failure}");
            let shown = format!("{failure} {failure:?}");
            assert!(!["s3cret", "AKID", "tok\""].iter().any(|s| shown.contains(s)), "{shown}");
        }
    }
}

#[tokio::test]
async fn nobody_listening_is_unavailable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let depot = open(&uri, "");
    let failure = read(&depot, &source(r#"{"path": "*.csv"}"#), 1).await.unwrap_err();
    assert_eq!(failure.code(), "unavailable");
}
