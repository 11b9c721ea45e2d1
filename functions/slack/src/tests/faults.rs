use ferrule_testing::vendor::{Reply, Vendor};

use super::*;

async fn with_token(reply: Reply) -> Desk {
    let vendor = Vendor::start(move |_, _| reply.clone()).await;
    Desk::new(vendor, &json!({ "bot_token": TOKEN }), json!({ "channel": "#ops" }))
}

async fn with_webhook(reply: Reply) -> Desk {
    let vendor = Vendor::start(move |_, _| reply.clone()).await;
    let secret = json!({ "webhook_url": "{{vendor}}/services/T024BE7LH/B024BE7LH/s3cr3tt0k3n" });
    Desk::new(vendor, &secret, json!({}))
}

async fn said(error: &str) -> Failure {
    let body = json!({
        "ok": false, "error": error, "needed": "chat:write", "provided": "users:read",
        "response_metadata": {"messages": ["[ERROR] too many blocks"]}
    });
    let desk = with_token(Reply::json(body.to_string()).header("retry-after", "30")).await;
    desk.tell(&notification("a", None)).await.unwrap_err()
}

#[tokio::test]
async fn an_ok_that_is_false_is_a_decision() {
    for (code, errors) in [
        ("throttled", &["ratelimited", "rate_limited"][..]),
        (
            "unavailable",
            &["internal_error", "fatal_error", "service_unavailable", "request_timeout"],
        ),
        ("unauthorized", &["invalid_auth", "token_revoked", "account_inactive", "not_authed"]),
        ("rejected", &["channel_not_found", "not_in_channel", "missing_scope", "msg_too_long"]),
        ("rejected", &["invalid_blocks", "something_new"]),
        ("TARGET_GONE", &["is_archived"]),
    ] {
        for error in errors {
            assert_eq!(said(error).await.code(), code, "{error}");
        }
    }
}

#[tokio::test]
async fn a_failure_says_what_to_do() {
    let text = said("missing_scope").await.to_string();
    assert!(text.contains("it needs chat:write and has users:read"), "{text}");
    assert!(said("channel_not_found").await.to_string().contains("/invite the app"));
    assert!(said("invalid_blocks").await.to_string().contains("too many blocks"));
    let Failure::Throttled { retry_after, .. } = said("ratelimited").await else { panic!() };
    assert_eq!(retry_after, Some(Duration::from_secs(30)));
}

#[tokio::test]
async fn a_webhook_says_it_in_a_word() {
    for (status, word, code) in [
        (400, "invalid_blocks", "rejected"),
        (403, "action_prohibited", "rejected"),
        (403, "invalid_token", "unauthorized"),
        (404, "channel_not_found", "rejected"),
        (404, "no_service", "unauthorized"),
        (410, "channel_is_archived", "TARGET_GONE"),
        (500, "rollup_error", "unavailable"),
        (200, "fatal_error", "unavailable"),
        (200, "", "unavailable"),
        (200, "<html>sign in</html>", "unavailable"),
        (200, "Hello!", "unavailable"),
        (200, r#"{"ok": false, "error": "invalid_auth"}"#, "unauthorized"),
    ] {
        let desk = with_webhook(Reply::ok("text/plain", word).with_status(status)).await;
        let failure = desk.tell(&notification("a", None)).await.unwrap_err();
        assert_eq!(failure.code(), code, "{status} {word}");
        let text = format!("{failure} {failure:?}");
        assert!(!text.contains("s3cr3t") && !text.contains("B024BE7LH"), "{text}");
    }
}

#[tokio::test]
async fn a_webhook_has_neither_channels_nor_changes() {
    for target in [json!({ "channel": "#ops" }), json!({ "update": true })] {
        let mut desk = with_webhook(Reply::ok("text/plain", "ok")).await;
        desk.target = typed(target);
        let failure = desk.tell(&notification("a", None)).await.unwrap_err();
        assert_eq!(failure.code(), "SETTINGS");
        assert_eq!(desk.vendor.requests().len(), 0);
    }
    let mut desk = with_token(Reply::json("{}")).await;
    desk.target = Target::default();
    assert_eq!(desk.tell(&notification("a", None)).await.unwrap_err().code(), "SETTINGS");
    desk.secret = Secret::default();
    assert_eq!(desk.tell(&notification("a", None)).await.unwrap_err().code(), "SECRET");
}

#[tokio::test]
async fn who_may_not_look_for_his_message_posts_it_again() {
    let vendor = Vendor::start(|request, _| match request.path.as_str() {
        "/api/conversations.history" => {
            Reply::json(r#"{"ok": false, "error": "missing_scope", "needed": "channels:history"}"#)
        }
        _ => Reply::json(r#"{"ok": true, "channel": "C0123456789", "ts": "1.2", "message": {}}"#),
    });
    let target = json!({ "channel": "C0123456789" });
    let desk = Desk::new(vendor.await, &json!({ "bot_token": TOKEN }), target);
    desk.tell_again(&notification("a", None)).await.unwrap();
    assert_eq!(desk.vendor.count("/api/chat.postMessage"), 1);
}

#[tokio::test]
async fn a_check_of_a_webhook_posts_nothing() {
    let desk = with_webhook(Reply::ok("text/plain", "no_text").with_status(400)).await;
    let health = Slack.check(&desk.context()).await.unwrap();
    assert!(health.message.contains("nothing was posted"), "{}", health.message);
    assert_eq!(desk.vendor.requests()[0].text(), "{}");
    let desk = with_webhook(Reply::ok("text/plain", "no_service").with_status(404)).await;
    assert_eq!(Slack.check(&desk.context()).await.unwrap_err().code(), "unauthorized");
}

#[tokio::test]
async fn a_check_of_a_token_says_who_it_is_and_what_it_may() {
    let me = r#"{"ok": true, "user": "ferrule", "team": "Acme", "team_id": "T1", "user_id": "U1"}"#;
    let reply = |scopes: &str| Reply::json(me).header("x-oauth-scopes", scopes);
    let desk = with_token(reply("chat:write,channels:history")).await;
    let health = Slack.check(&desk.context()).await.unwrap();
    assert_eq!(health.message, "signed in as ferrule of Acme, may post");
    let desk = with_token(reply("chat:write")).await;
    let message = Slack.check(&desk.context()).await.unwrap().message;
    assert!(message.contains("can double"), "{message}");
    let desk = with_token(reply("users:read")).await;
    assert_eq!(Slack.check(&desk.context()).await.unwrap_err().code(), "rejected");
}
