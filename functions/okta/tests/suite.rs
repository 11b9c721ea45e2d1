//! The promises of every connector.

use std::time::Duration;

use ferrule_testing::{
    suite::{Promise, Suite},
    vendor::Reply,
};
use okta::Okta;
use serde_json::json;

#[tokio::test]
async fn keeps_its_promises() {
    let user = json!([{
        "id": "00ub0oNGTSWTBKOLGLNR", "status": "ACTIVE", "lastUpdated": "2025-11-20T08:15:00.000Z",
        "profile": {"login": "isaac.brock@example.com"},
    }])
    .to_string();
    let limited = |limit: &str, reset: &str| {
        Reply::json(r#"{"errorCode":"E0000047","errorSummary":"API call exceeded rate limit"}"#)
            .with_status(429)
            .header("x-rate-limit-limit", limit)
            .header("x-rate-limit-remaining", "0")
            .header("x-rate-limit-reset", reset)
    };
    Suite::new(Okta)
        .settings(json!({"org_url": "{{vendor}}"}))
        .secret(json!({"api_key": "t0ken-of-the-suite"}))
        .source(json!({"read": "users"}))
        .case("memberships", |setup| setup.source(json!({"read": "memberships"})))
        .contract("okta")
        .answer("GET /api/v1/users", Reply::json(user.clone()))
        .answer("GET /api/v1/groups/*/users", Reply::json(user))
        .answer("GET /api/v1/users/me", Reply::json(r#"{"id":"00u1"}"#))
        .throttled(limited("600", "1764000030"), Duration::from_secs(30))
        .throttled(limited("0", "1764003600"), Duration::from_secs(5))
        .without(Promise::FalseSuccess, "Okta decides by status; a list that is none is unreadable")
        .run()
        .await;
}
