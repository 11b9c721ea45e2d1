use ferrule_testing::vendor::Manner;

use super::*;

fn change() -> Notification {
    typed(json!({
        "id": "5d1fa3", "type": "config.changed", "at": NOW_MS, "subject": "app.database.host",
        "title": "app.database.host changed", "urgency": "high",
        "fields": [{"name": "New value", "value": 12.50}],
        "record": {"key": "app.database.host", "new": "db2"}
    }))
}

#[tokio::test]
async fn a_notification_is_a_signed_event() {
    let desk = willing().await;
    let receipt = desk.tell(&change()).await.unwrap();
    assert_eq!(receipt.reference.as_deref(), Some("5d1fa3"));
    let request = &desk.receiver.requests()[0];
    assert_eq!(request.header("webhook-id"), Some("5d1fa3"));
    assert_eq!(request.header("webhook-timestamp"), Some("1736334727"));
    assert_eq!(request.header("webhook-signature"), Some(expected(KEY, request).as_str()));
    let wanted = json!({
        "type": "config.changed", "timestamp": "2025-01-08T11:12:07.000Z",
        "data": {
            "subject": "app.database.host", "title": "app.database.host changed", "urgency": "high",
            "fields": [{"name": "New value", "value": 12.50}],
            "record": {"key": "app.database.host", "new": "db2"}
        }
    });
    assert_eq!(body(request), wanted);
    assert_standard(request);
}

#[tokio::test]
async fn a_digest_lists_what_it_is_about() {
    let desk = willing().await.with_target(json!({ "type": "config.digest" }));
    let digest: Notification = typed(json!({
        "id": "w.1", "type": "config.changed", "at": NOW_MS, "title": "2 changes",
        "digest": [change(), change()]
    }));
    desk.tell(&digest).await.unwrap();
    let request = &desk.receiver.requests()[0];
    assert_standard(request);
    let body = body(request);
    assert_eq!((&body["type"], &body["data"]["count"]), (&json!("config.digest"), &json!(2)));
    assert_eq!(body["data"]["digest"][1]["type"], "config.changed");
    assert_eq!(body["data"]["digest"][1]["id"], "5d1fa3");
    assert!(body["data"].get("record").is_none());
}

#[tokio::test]
async fn a_repeat_has_the_id_of_the_first_and_a_time_of_its_own() {
    let desk = willing().await;
    desk.tell(&change()).await.unwrap();
    desk.store.clock.advance(Duration::from_mins(1));
    desk.tell(&change()).await.unwrap();
    let seen = desk.receiver.requests();
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
    assert_ne!(seen[0].header("webhook-timestamp"), seen[1].header("webhook-timestamp"));
    assert_eq!(seen[0].body, seen[1].body);
}

#[tokio::test]
async fn the_secret_can_bring_headers_but_not_ours() {
    let secret = |name: &str| json!({ "secret": KEY, "headers": { name: "Bearer t0ken-t0ken" } });
    let desk = willing().await.with_secret(secret("authorization"));
    desk.tell(&change()).await.unwrap();
    assert_eq!(desk.receiver.requests()[0].header("authorization"), Some("Bearer t0ken-t0ken"));
    let desk = willing().await.with_secret(secret("Webhook-Id"));
    let failure = desk.tell(&change()).await.unwrap_err();
    assert_eq!(failure.code(), "SECRET");
    assert!(!failure.to_string().contains("t0ken"), "{failure}");
}

#[tokio::test]
async fn every_answer_is_a_decision() {
    for (status, code) in [
        (301, "rejected"),
        (400, "rejected"),
        (401, "unauthorized"),
        (404, "rejected"),
        (410, "TARGET_GONE"),
        (429, "throttled"),
        (500, "unavailable"),
        (502, "unavailable"),
        (503, "unavailable"),
        (504, "unavailable"),
    ] {
        let failure = answering(status).await.tell(&change()).await.unwrap_err();
        assert_eq!(failure.code(), code, "{status}");
    }
}

#[tokio::test]
async fn waits_as_long_as_the_receiver_asks() {
    for status in [429, 502, 503, 504] {
        let desk = Desk::new(move |_, _| Reply::status(status).header("retry-after", "120")).await;
        let (Failure::Throttled { retry_after, .. } | Failure::Unavailable { retry_after, .. }) =
            desk.tell(&change()).await.unwrap_err()
        else {
            panic!("{status}")
        };
        assert_eq!(retry_after, Some(Duration::from_mins(2)), "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let desk = Desk::new(|_, _| Reply::status(307).header("location", "/elsewhere")).await;
    let failure = desk.tell(&change()).await.unwrap_err();
    assert!(failure.to_string().contains("redirects are not followed"), "{failure}");
    assert_eq!(desk.receiver.count("/elsewhere"), 0);
}

#[tokio::test]
async fn an_address_in_the_secret_is_used_and_never_shown() {
    let say = |request: &Request, _| {
        let path = &request.path;
        Reply::json(format!(r#"{{"error": "no route {path}"}}"#)).with_status(404)
    };
    let desk = Desk::new(say).await;
    let url = desk.receiver.url("/T0K3N-T0K3N?sig=s1g-s1g-s1g");
    let desk = desk.with_secret(json!({ "secret": KEY, "url": url }));
    let failure = desk.tell(&change()).await.unwrap_err();
    let text = format!("{failure} {failure:?}");
    assert!(!text.contains("T0K3N") && !text.contains("s1g-s1g"), "{text}");
    assert!(text.contains("no route"), "{text}");
}

#[tokio::test]
async fn inside_addresses_are_not_called() {
    for url in ["http://169.254.169.254/latest", "http://127.0.0.1/", "http://10.0.0.8/hook"] {
        let mut desk = willing().await.with_settings(json!({ "url": url }));
        desk.local = false;
        assert_eq!(desk.tell(&change()).await.unwrap_err().code(), "URL_REFUSED", "{url}");
    }
    let desk = willing().await.with_settings(json!({}));
    assert_eq!(desk.tell(&change()).await.unwrap_err().code(), "SETTINGS");
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    let desk = Desk::new(|_, _| Reply::json(r#"{"ok": true}"#).manner(Manner::CutAfter(3))).await;
    assert_eq!(desk.tell(&change()).await.unwrap_err().code(), "unavailable");
}
