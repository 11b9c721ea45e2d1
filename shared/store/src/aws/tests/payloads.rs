//! Faults of S3.

use ferrule_core::{Failure, Tenant};
use wiremock::{Mock, ResponseTemplate, matchers::any};

use super::Aws;
use crate::aws::Bucket;

fn document(code: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>told so</Message></Error>")
}

/// Answers the next call so.
async fn answers(aws: &Aws, status: u16, body: &str) {
    let answer = ResponseTemplate::new(status).set_body_string(body);
    Mock::given(any()).respond_with(answer).up_to_n_times(1).mount(&aws.0).await;
}

async fn put(aws: &Aws, body: &str) -> Result<(), Failure> {
    let acme = Tenant::new("acme").unwrap();
    Bucket::new(aws.session(), "payloads").put(&acme, "a b", body.into()).await
}

async fn get(aws: &Aws) -> Result<Option<Vec<u8>>, Failure> {
    let acme = Tenant::new("acme").unwrap();
    Bucket::new(aws.session(), "payloads").get(&acme, "a b").await
}

#[tokio::test]
async fn writes_the_same_again_when_s3_is_busy() {
    let aws = Aws::start().await;
    answers(&aws, 503, &document("SlowDown")).await;
    answers(&aws, 500, "").await;
    answers(&aws, 200, "").await;
    put(&aws, "hello").await.unwrap();
    let calls = aws.0.received_requests().await.unwrap();
    assert_eq!(calls.len(), 3);
    for call in calls {
        assert_eq!((call.url.path(), &call.body[..]), ("/payloads/acme/a%20b", &b"hello"[..]));
        let header = |name| call.headers.get(name).unwrap().to_str().unwrap();
        let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(header("x-amz-content-sha256"), digest);
        assert!(header("authorization").contains("/eu-central-1/s3/aws4_request"));
    }
}

#[tokio::test]
async fn tells_an_absent_object_from_an_absent_bucket() {
    let aws = Aws::start().await;
    answers(&aws, 404, &document("NoSuchKey")).await;
    assert_eq!(get(&aws).await.unwrap(), None);
    answers(&aws, 404, &document("NoSuchBucket")).await;
    let failure = get(&aws).await.unwrap_err();
    assert_eq!(failure.code(), "unavailable");
    assert!(failure.to_string().contains("GetObject on payloads: NoSuchBucket"), "{failure}");
}

#[tokio::test]
async fn names_the_bucket_that_may_not_be_used() {
    let aws = Aws::start().await;
    for body in [document("AccessDenied"), String::new()] {
        answers(&aws, 403, &body).await;
        let failure = put(&aws, "hello").await.unwrap_err();
        assert_eq!(failure.code(), "rejected");
        assert!(failure.to_string().contains("s3:PutObject on payloads"), "{failure}");
    }
}

#[tokio::test]
async fn says_nothing_of_the_body_when_nobody_answers() {
    let aws = Aws::start().await;
    for _ in 0..5 {
        answers(&aws, 500, "internal").await;
    }
    let failure = put(&aws, "s3cret").await.unwrap_err();
    assert_eq!(failure.code(), "unavailable");
    assert!(failure.to_string().contains("PutObject on payloads: "), "{failure}");
    assert!(failure.to_string().contains("status 500"), "{failure}");
    assert!(!format!("{failure:?}").contains("s3cret"), "{failure:?}");
}
