//! The promises that every connector keeps, for both ways into Slack.

use std::time::Duration;

use ferrule_testing::{suite::Suite, vendor::Reply};
use serde_json::json;
use slack::Slack;

const POSTED: &str = r#"{"ok": true, "channel": "C0123456789", "ts": "1764000000.000100",
    "message": {"text": "posted"}}"#;
const CHANGED: &str = r#"{"ok": true, "channel": "C0123456789", "ts": "1764000000.000100"}"#;
const ME: &str = r#"{"ok": true, "url": "https://acme.slack.com/", "team": "Acme",
    "user": "ferrule", "team_id": "T024BE7LH", "user_id": "U024BE7LH"}"#;

fn no(error: &str) -> Reply {
    Reply::json(json!({ "ok": false, "error": error }).to_string())
}

#[tokio::test]
async fn keeps_its_promises_with_a_token() {
    let update = json!({ "channel": "C0123456789", "update": true });
    Suite::new(Slack)
        .cases(&["critical", "thread", "resolved", "check"])
        .settings(json!({ "api_url": "{{vendor}}/api" }))
        .secret(json!({ "bot_token": "xoxb-t0ken-of-the-suite" }))
        .notify(json!({ "channel": "C0123456789" }))
        .case("resolved", move |setup| setup.notify(update))
        .contract("slack")
        .answer("POST /api/chat.postMessage", Reply::json(POSTED))
        .answer("POST /api/chat.update", Reply::json(CHANGED))
        .answer("POST /api/auth.test", Reply::json(ME))
        .throttled(no("ratelimited").with_status(429).header("retry-after", "7"), secs(7))
        .throttled(no("ratelimited").header("retry-after", "9"), secs(9))
        .false_success(no("channel_not_found"), "rejected")
        .false_success(no("invalid_auth"), "unauthorized")
        .false_success(no("fatal_error"), "unavailable")
        .false_success(Reply::ok("text/html", "<html>sign in</html>"), "unavailable")
        .bad_credential(no("invalid_auth"))
        .run()
        .await;
}

#[tokio::test]
async fn keeps_its_promises_with_a_webhook() {
    let no_text = || Reply::ok("text/plain", "no_text").with_status(400);
    Suite::new(Slack)
        .cases(&["routine", "digest", "check_webhook"])
        .secret(json!({ "webhook_url": "{{vendor}}/services/T024BE7LH/B024BE7LH/t0kenOfTheSuite" }))
        .notify(json!({}))
        .case("check_webhook", move |setup| setup.answer("POST /services/*", no_text()))
        .contract("slack")
        .answer("POST /services/*", Reply::ok("text/plain", "ok"))
        .throttled(Reply::status(429).header("retry-after", "7"), secs(7))
        .false_success(Reply::ok("text/html", "<html>sign in</html>"), "unavailable")
        .bad_credential(Reply::ok("text/plain", "no_service").with_status(404))
        .run()
        .await;
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
