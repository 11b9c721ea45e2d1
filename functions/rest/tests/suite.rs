//! The promises of every connector.

use std::time::Duration;

use ferrule_testing::{
    suite::{Promise, Suite},
    vendor::Reply,
};
use rest::Rest;

#[tokio::test]
async fn keeps_its_promises() {
    Suite::new(Rest::default())
        .settings(
            r#"{"base_url": "{{vendor}}/v2", "check": "/me", "profile": {
                "auth": "bearer",
                "errors": [{"status": [200], "when": ".ok == false", "do": "retry"}]
            }}"#,
        )
        .secret(r#"{"token": "t0ken-of-the-suite/+"}"#)
        .source(r#"{"path": "/customers", "records": ".data", "page_size": 2}"#)
        .target(r#"{"path": "/customers/{key}"}"#)
        .without(Promise::Contract, "it speaks to any vendor")
        .answer("GET /v2/customers", Reply::json(r#"{"data": [{"id": "C-1001"}]}"#))
        .answer("PUT /v2/customers/*", Reply::json("{}"))
        .answer("DELETE /v2/customers/*", Reply::status(204))
        .answer("GET /v2/me", Reply::json(r#"{"name": "hub"}"#))
        .expect(404, "ok", "a record that is deleted and gone is as it should be")
        .case("extract", |setup| setup.expect(404, "rejected", "a source that is not there"))
        .throttled(Reply::status(429).header("retry-after", "7"), Duration::from_secs(7))
        .throttled(
            Reply::status(403)
                .header("x-ratelimit-remaining", "0")
                .header("x-ratelimit-reset", "1764000030"),
            Duration::from_secs(30),
        )
        .false_success(Reply::json(r#"{"ok": false}"#), "unavailable")
        .run()
        .await;
}
