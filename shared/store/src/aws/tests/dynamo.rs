//! Faults of DynamoDB.

use serde_json::{Value, json};

use super::{Aws, error, session};
use crate::{Clock, Item, Table, When, Write, Written, aws::Dynamo};

const PUT: &str = "DynamoDB_20120810.PutItem";
const GET: &str = "DynamoDB_20120810.GetItem";
const GET_MANY: &str = "DynamoDB_20120810.BatchGetItem";
const PUT_MANY: &str = "DynamoDB_20120810.BatchWriteItem";
const TRANSACT: &str = "DynamoDB_20120810.TransactWriteItems";

fn dynamo(aws: &Aws) -> Dynamo {
    Dynamo::new(aws.session(), "ferrule", Clock::manual(0))
}

fn row(sk: &str) -> Item {
    Item { pk: "acme".into(), sk: sk.into(), body: "{}".into(), ..Item::default() }
}

fn attributes(sk: &str) -> Value {
    json!({ "pk": {"S": "acme"}, "sk": {"S": sk}, "rev": {"N": "0"}, "body": {"S": "{}"} })
}

fn key(sk: &str) -> Value {
    json!({ "pk": {"S": "acme"}, "sk": {"S": sk} })
}

fn cancelled(codes: &[&str]) -> Value {
    let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
    let mut answer = error("TransactionCanceledException");
    answer["CancellationReasons"] = reasons.into();
    answer
}

#[tokio::test]
async fn recognises_its_own_write_when_the_answer_was_lost() {
    let aws = Aws::start().await;
    aws.answers(PUT, 500, error("InternalServerError")).await;
    let mut refusal = error("ConditionalCheckFailedException");
    refusal["Item"] = attributes("lease");
    aws.answers(PUT, 400, refusal).await;
    let written = dynamo(&aws).put(Table::State, row("lease"), When::Absent).await;
    assert_eq!(written.unwrap(), Written::Done);
}

#[tokio::test]
async fn shows_the_row_of_somebody_else_who_was_faster() {
    let aws = Aws::start().await;
    let mut refusal = error("ConditionalCheckFailedException");
    refusal["Item"] = attributes("lease");
    aws.answers(PUT, 400, refusal).await;
    let ours = Item { body: "ours".into(), ..row("lease") };
    let written = dynamo(&aws).put(Table::State, ours, When::Absent).await;
    assert_eq!(written.unwrap(), Written::Conflict(Some(row("lease"))));
}

#[tokio::test]
async fn survives_throttling_and_a_transaction_on_the_same_row() {
    let aws = Aws::start().await;
    aws.answers(PUT, 400, error("ProvisionedThroughputExceededException")).await;
    aws.answers(PUT, 400, error("ThrottlingException")).await;
    aws.answers(PUT, 400, error("TransactionConflictException")).await;
    aws.answers(PUT, 200, json!({})).await;
    let written = dynamo(&aws).put(Table::State, row("a"), When::Rev(1)).await;
    assert_eq!(written.unwrap(), Written::Done);
    assert_eq!(aws.calls().await.len(), 4);
}

#[tokio::test]
async fn writes_again_exactly_what_was_not_processed() {
    let aws = Aws::start().await;
    let left = json!([{ "PutRequest": { "Item": attributes("b") } }]);
    aws.answers(PUT_MANY, 200, json!({ "UnprocessedItems": { "ferrule-records": left } })).await;
    aws.answers(PUT_MANY, 200, json!({ "UnprocessedItems": {} })).await;
    dynamo(&aws).put_many(Table::Records, vec![row("a"), row("b")]).await.unwrap();
    let calls = aws.calls().await;
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["RequestItems"]["ferrule-records"].as_array().unwrap().len(), 2);
    assert_eq!(calls[1]["RequestItems"]["ferrule-records"], left);
}

#[tokio::test]
async fn reads_again_exactly_what_was_not_processed() {
    let aws = Aws::start().await;
    let half = json!({
        "Responses": { "ferrule-records": [attributes("a")] },
        "UnprocessedKeys": { "ferrule-records": { "Keys": [key("b")], "ConsistentRead": true } }
    });
    aws.answers(GET_MANY, 200, half).await;
    aws.answers(GET_MANY, 200, json!({ "Responses": { "ferrule-records": [attributes("b")] } }))
        .await;
    let keys = ["a".to_owned(), "b".to_owned()];
    let rows = dynamo(&aws).get_many(Table::Records, "acme", &keys).await.unwrap();
    assert_eq!(rows, [row("a"), row("b")]);
    let again = &aws.calls().await[1]["RequestItems"]["ferrule-records"];
    assert_eq!(again["Keys"], json!([key("b")]));
    assert_eq!(again["ConsistentRead"], json!(true));
}

#[tokio::test]
async fn repeats_a_transaction_that_met_another_and_says_when_a_condition_failed() {
    let aws = Aws::start().await;
    aws.answers(TRANSACT, 500, error("InternalServerError")).await;
    aws.answers(TRANSACT, 400, cancelled(&["None", "TransactionConflict"])).await;
    aws.answers(TRANSACT, 200, json!({})).await;
    aws.answers(TRANSACT, 400, cancelled(&["ConditionalCheckFailed", "None"])).await;
    let dynamo = dynamo(&aws);
    let writes = ["a", "b"].map(|sk| Write::Put(Table::State, row(sk), When::Absent)).to_vec();
    assert!(dynamo.transact(writes.clone()).await.unwrap());
    assert!(!dynamo.transact(writes).await.unwrap());
    let calls = aws.calls().await;
    let token = |at: usize| calls[at]["ClientRequestToken"].as_str().unwrap();
    assert_eq!(token(0), token(1), "the same token when the answer may have been lost");
    assert_ne!(token(1), token(2), "a new token when nothing was written");
}

#[tokio::test]
async fn a_row_alone_is_written_without_the_price_of_a_transaction() {
    let aws = Aws::start().await;
    aws.answers(PUT, 200, json!({})).await;
    aws.answers(PUT, 400, error("ConditionalCheckFailedException")).await;
    let write = vec![Write::Put(Table::State, row("a"), When::Absent)];
    assert!(dynamo(&aws).transact(write.clone()).await.unwrap());
    assert!(!dynamo(&aws).transact(write).await.unwrap());
}

#[tokio::test]
async fn names_the_permission_that_is_missing() {
    let aws = Aws::start().await;
    aws.answers(GET, 400, error("AccessDeniedException")).await;
    let failure = dynamo(&aws).get(Table::Audit, "acme", "a").await.unwrap_err();
    assert_eq!(failure.code(), "rejected");
    let text = failure.to_string();
    assert!(text.contains("dynamodb:GetItem on ferrule-audit"), "{text}");
}

#[tokio::test]
async fn says_what_is_wrong_without_showing_what_is_stored() {
    let aws = Aws::start().await;
    let mut answer = error("ValidationException");
    answer["secret"] = "hunter2".into();
    aws.answers(PUT, 400, answer).await;
    let secret = Item { body: "hunter2".into(), ..row("a") };
    let failure = dynamo(&aws).put(Table::State, secret, When::Always).await.unwrap_err();
    let text = format!("{failure} {failure:?}");
    assert!(text.contains("PutItem on ferrule-state: ValidationException: told so"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn says_that_nobody_answers() {
    let nobody = session("http://127.0.0.1:1".into());
    let dynamo = Dynamo::new(nobody, "ferrule", Clock::manual(0));
    let failure = dynamo.get(Table::State, "acme", "a").await.unwrap_err();
    assert_eq!(failure.code(), "unavailable");
    assert!(failure.to_string().contains("GetItem on ferrule-state"), "{failure}");
}
