//! Faults of SQS and Secrets Manager.

use std::time::Duration;

use ferrule_core::{Failure, Name, Tenant};
use serde_json::{Value, json};

use super::{Aws, error};
use crate::{
    Clock, Outgoing, Secret,
    aws::{SecretsManager, Sqs},
};

const SEND: &str = "AmazonSQS.SendMessageBatch";
const READ: &str = "secretsmanager.GetSecretValue";
const WRITE: &str = "secretsmanager.PutSecretValue";

fn sent(ids: &[&str], failed: &[&str], is_our_fault: bool) -> Value {
    let sent = ids.iter().map(|id| json!({ "Id": id, "MessageId": "1", "MD5OfMessageBody": "" }));
    let failed = failed.iter().map(
        |id| json!({ "Id": id, "SenderFault": is_our_fault, "Code": "Told", "Message": "so" }),
    );
    json!({ "Successful": sent.collect::<Vec<_>>(), "Failed": failed.collect::<Vec<_>>() })
}

async fn send(aws: &Aws, bodies: &[&str]) -> Result<(), Failure> {
    let sqs = Sqs::new(aws.session(), &format!("{}/1/ferrule-", aws.0.uri()));
    let message =
        |body: &&str| Outgoing { body: (*body).into(), delay: Duration::from_millis(1500) };
    sqs.send("rest", bodies.iter().map(message).collect()).await
}

#[tokio::test]
async fn sends_again_exactly_what_was_not_taken() {
    let aws = Aws::start().await;
    aws.answers(SEND, 200, sent(&["0", "2"], &["1", "3"], false)).await;
    aws.answers(SEND, 200, sent(&["0"], &["1"], false)).await;
    aws.answers(SEND, 200, sent(&["0"], &[], false)).await;
    send(&aws, &["a", "b", "c", "d"]).await.unwrap();
    let bodies = |call: &Value| {
        let entries = call["Entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["MessageBody"].as_str().unwrap().to_owned()).collect::<String>()
    };
    let calls = aws.calls().await;
    assert_eq!(calls.iter().map(bodies).collect::<Vec<_>>(), ["abcd", "bd", "d"]);
    assert_eq!(calls[0]["Entries"][0]["DelaySeconds"], json!(2));
    assert!(calls[0]["QueueUrl"].as_str().unwrap().ends_with("/1/ferrule-rest"));
}

#[tokio::test]
async fn does_not_repeat_what_sqs_calls_our_fault() {
    let aws = Aws::start().await;
    aws.answers(SEND, 200, sent(&["0"], &["1"], true)).await;
    assert_eq!(send(&aws, &["a", "b"]).await.unwrap_err().code(), "rejected");
    assert_eq!(aws.calls().await.len(), 1);
}

#[tokio::test]
async fn who_sends_at_the_same_time_shares_a_request_and_not_what_is_refused() {
    let aws = Aws::start().await;
    aws.answers(SEND, 200, sent(&["0", "1", "2"], &[], true)).await;
    let sqs = Sqs::new(aws.session(), &format!("{}/1/ferrule-", aws.0.uri()));
    let one = |body: &str| {
        let message = Outgoing { body: body.into(), delay: Duration::ZERO };
        sqs.send("rest", vec![message])
    };
    let (a, b, c) = tokio::join!(one("a"), one("b"), one("c"));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(aws.calls().await.len(), 1);

    aws.answers(SEND, 200, sent(&["0"], &["1"], true)).await;
    aws.answers(SEND, 200, sent(&["0"], &[], true)).await;
    aws.answers(SEND, 200, sent(&[], &["0"], true)).await;
    let (good, bad) = tokio::join!(one("good"), one("bad"));
    assert!(good.is_ok(), "it is sent once more, alone");
    assert_eq!(bad.unwrap_err().code(), "rejected");
    let bodies = |call: &Value| call["Entries"].as_array().unwrap().len();
    assert_eq!(aws.calls().await[1..].iter().map(bodies).collect::<Vec<_>>(), [2, 1, 1]);
}

#[tokio::test]
async fn names_the_queue_that_may_not_be_sent_to() {
    let aws = Aws::start().await;
    aws.answers(SEND, 403, error("AccessDenied")).await;
    let failure = send(&aws, &["a"]).await.unwrap_err();
    assert!(failure.to_string().contains("sqs:SendMessage on rest"), "{failure}");
}

struct Vault {
    secrets: SecretsManager,
    clock: Clock,
}

impl Vault {
    fn new(aws: &Aws) -> Self {
        let clock = Clock::manual(1_700_000_000_000);
        Self { secrets: SecretsManager::new(aws.session(), "prod", clock.clone()), clock }
    }

    async fn read(&self, fresh: bool) -> Result<Option<String>, Failure> {
        let (rest, acme, jira) = place();
        let secret = self.secrets.read(&rest, &acme, &jira, fresh).await?;
        Ok(secret.as_ref().map(Secret::expose).map(str::to_owned))
    }

    async fn newest(&self) -> Option<String> {
        let (rest, acme, jira) = place();
        let secret = self.secrets.read_newest(&rest, &acme, &jira).await.unwrap();
        secret.as_ref().map(Secret::expose).map(str::to_owned)
    }

    async fn write(&self, body: &str, expected: &str) -> Result<bool, Failure> {
        let (rest, acme, jira) = place();
        self.secrets.write(&rest, &acme, &jira, body, Some(expected)).await
    }
}

fn place() -> (Name, Tenant, Name) {
    let name = |text: &str| Name::new(text).unwrap();
    (name("rest"), Tenant::new("acme").unwrap(), name("jira"))
}

fn version(version: &str) -> Value {
    json!({ "Name": "n", "VersionId": version, "SecretString": format!("body of {version}") })
}

fn body(version: &str) -> String {
    format!("body of {version}")
}

#[tokio::test]
async fn who_is_refused_again_and_again_makes_it_ask_once_in_ten_seconds() {
    let aws = Aws::start().await;
    for answer in ["v1", "v2", "v3"] {
        aws.answers(READ, 200, version(answer)).await;
    }
    let vault = Vault::new(&aws);
    assert_eq!(vault.read(false).await.unwrap().unwrap(), body("v1"));
    vault.clock.advance(Duration::from_secs(30));
    for _ in 0..1000 {
        assert_eq!(vault.newest().await.unwrap(), body("v2"));
    }
    vault.clock.advance(Duration::from_secs(10));
    assert_eq!(vault.newest().await.unwrap(), body("v3"));
    assert_eq!(aws.calls().await.len(), 3);
}

#[tokio::test]
async fn asks_once_a_minute_and_when_it_must() {
    let aws = Aws::start().await;
    for answer in ["v1", "v2", "v3"] {
        aws.answers(READ, 200, version(answer)).await;
    }
    let vault = Vault::new(&aws);
    assert_eq!(vault.read(false).await.unwrap().unwrap(), body("v1"));
    assert_eq!(vault.read(false).await.unwrap().unwrap(), body("v1"));
    assert_eq!(vault.read(true).await.unwrap().unwrap(), body("v2"));
    vault.clock.advance(Duration::from_secs(61));
    assert_eq!(vault.read(false).await.unwrap().unwrap(), body("v3"));
    let calls = aws.calls().await;
    assert_eq!(calls.len(), 3);
    assert_eq!(calls[0]["SecretId"], json!("ferrule/prod/rest/acme/jira"));
}

#[tokio::test]
async fn serves_what_it_knows_while_nobody_answers_but_not_when_asked_for_fresh() {
    let aws = Aws::start().await;
    aws.answers(READ, 200, version("v1")).await;
    let vault = Vault::new(&aws);
    vault.read(false).await.unwrap();
    vault.clock.advance(Duration::from_mins(59));
    assert_eq!(vault.read(false).await.unwrap().unwrap(), body("v1"));
    assert_eq!(vault.read(true).await.unwrap_err().code(), "unavailable");
    vault.clock.advance(Duration::from_mins(1));
    assert_eq!(vault.read(false).await.unwrap_err().code(), "unavailable");
}

#[tokio::test]
async fn never_hides_a_missing_permission_behind_the_cache() {
    let aws = Aws::start().await;
    aws.answers(READ, 200, version("v1")).await;
    aws.answers(READ, 400, error("AccessDeniedException")).await;
    let vault = Vault::new(&aws);
    vault.read(false).await.unwrap();
    vault.clock.advance(Duration::from_secs(61));
    assert_eq!(vault.read(false).await.unwrap_err().code(), "rejected");
}

#[tokio::test]
async fn replaces_only_the_version_that_was_read() {
    let aws = Aws::start().await;
    aws.answers(READ, 200, version("v2")).await;
    aws.answers(READ, 200, version("v2")).await;
    aws.answers(WRITE, 200, json!({ "VersionId": "v3" })).await;
    let vault = Vault::new(&aws);
    assert!(!vault.write("lost", "v1").await.unwrap());
    assert_eq!(vault.read(false).await.unwrap().unwrap(), body("v2"), "what was found is kept");
    assert!(vault.write("body of v3", "v2").await.unwrap());
    assert_eq!(vault.read(false).await.unwrap().unwrap(), body("v3"), "what was written is kept");
    assert_eq!(aws.calls().await.len(), 3);
}

#[tokio::test]
async fn asks_once_for_many_who_ask_at_the_same_time() {
    let aws = Aws::start().await;
    aws.answers(READ, 200, version("v1")).await;
    let vault = Vault::new(&aws);
    let reads = futures_util::future::join_all((0..10).map(|_| vault.read(false))).await;
    assert!(reads.into_iter().all(|read| read.unwrap().unwrap() == body("v1")));
    assert_eq!(aws.calls().await.len(), 1);
}
