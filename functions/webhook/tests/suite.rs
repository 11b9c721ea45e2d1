//! The promises that every connector keeps.

use std::time::Duration;

use ferrule_testing::{
    suite::{Promise, Suite},
    vendor::Reply,
};
use serde_json::json;
use webhook::Webhook;

#[tokio::test]
async fn keeps_its_promises() {
    Suite::new(Webhook)
        .settings(json!({ "url": "{{vendor}}/hook" }))
        .secret(json!({ "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" }))
        .target(json!({}))
        .notify(json!({}))
        .answer("POST /hook", Reply::status(204))
        .answer("GET /hook", Reply::status(405))
        .throttled(Reply::status(429).header("retry-after", "7"), Duration::from_secs(7))
        .without(Promise::FalseSuccess, "a receiver says 2xx when it has the event, and no more")
        .without(Promise::Contract, "the contract is no OpenAPI; the crate's own tests check it")
        .run()
        .await;
}
