use http::StatusCode;

use super::{HOST, at};
use crate::hub::{Answer, Hub, tenant};

impl Hub {
    async fn change(&self, changes: &str) -> Answer {
        let body = format!(r#"{{"changes": [{changes}], "reason": "release 7"}}"#);
        self.ask(&self.writer, "POST", "/v1/config", &[], &body).await
    }
}

#[tokio::test]
async fn many_changes_are_made_together_and_told_in_one_message() {
    let hub = Hub::bare().await;
    hub.set(HOST, r#"{"value": "old"}"#).await;
    hub.set("/v1/config/app.name", r#"{"value": 1}"#).await;
    hub.told().await;
    let done = hub
        .change(
            r#"{"key": "app.database.host", "value": "new", "if_version": 1},
               {"key": "app.name", "delete": true, "reason": "unused"},
               {"key": "app.new", "value": null, "environment": "staging", "if_version": 0}"#,
        )
        .await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert_eq!((&*done.at("/items/0/value"), &*done.at("/items/1/action")), ("new", "delete"));
    assert_eq!(hub.sent("dispatch").await.len(), 1);
    let back = hub.change(r#"{"key": "app.database.host", "rollback": 1}"#).await;
    assert_eq!(back.at("/items/0/value"), "old");
    let told = hub.told().await;
    assert_eq!(at(&told[0].0, "reason"), "release 7");
    let trail = hub.store.audit_trail(&tenant("acme"), 9).await.unwrap();
    let of = |action: &str| trail.iter().any(|row| row.action == action);
    let all = "set default app.database.host, delete default app.name, set staging app.new";
    assert!(of(&format!("POST /v1/config {all}")), "{trail:?}");
    assert!(of("POST /v1/config rollback default app.database.host"), "{trail:?}");
}

#[tokio::test]
async fn one_that_is_refused_is_named_and_none_is_made() {
    let hub = Hub::bare().await;
    hub.set(HOST, r#"{"value": 1}"#).await;
    hub.told().await;
    let good = r#"{"key": "a", "value": 1}"#;
    for (bad, status) in [
        (r#"{"key": "app.database.host", "value": 2, "if_version": 7}"#, 412),
        (r#"{"key": "app.database.host", "value": 2, "if_version": 0}"#, 412),
        (r#"{"key": "b", "delete": true}"#, 404),
        (r#"{"key": "b", "rollback": 1}"#, 404),
        (r#"{"key": "app.database.host", "rollback": 9}"#, 404),
        (r#"{"key": "b", "value": 1, "schema": {"type": "string"}}"#, 422),
        (r#"{"key": "a", "value": 2}"#, 422),
        (r#"{"key": "b c", "value": 2}"#, 400),
        (r#"{"key": "b"}"#, 400),
        (r#"{"key": "b", "value": 2, "delete": true}"#, 400),
    ] {
        let refused = hub.change(&format!("{good}, {bad}")).await;
        assert_eq!(refused.status.as_u16(), status, "{bad}: {}", refused.text);
        assert_eq!(refused.at("/index"), "1", "{bad}");
        assert!(refused.at("/detail").starts_with("changes[1]: "), "{}", refused.text);
    }
    assert_eq!(hub.get("/v1/config/a").await.status, StatusCode::NOT_FOUND);
    assert!(hub.told().await.is_empty());
}

#[tokio::test]
async fn there_are_one_to_forty_of_them() {
    let hub = Hub::bare().await;
    let many = |count: usize| {
        let one = |n| format!(r#"{{"key": "app.k{n}", "value": "{}"}}"#, "x".repeat(3000));
        (0..count).map(one).collect::<Vec<_>>().join(",")
    };
    assert_eq!(hub.change("").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(hub.change(&many(41)).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(hub.change(&many(40)).await.status, StatusCode::OK);
    assert_eq!(hub.told().await.len(), 40);
    assert_eq!(hub.get("/v1/config").await.keys().len(), 40);
}
