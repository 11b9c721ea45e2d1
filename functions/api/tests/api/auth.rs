use std::time::Duration;

use ferrule_store::{Clock, Role, Store};
use http::StatusCode;

use crate::hub::{Answer, Door, Hub, INTEGRATION, tenant};

/// Everything a caller sees, but for the request's id.
fn seen(mut answer: Answer) -> Answer {
    assert!(answer.headers.remove("x-request-id").is_some(), "every answer has an id");
    answer
}

#[tokio::test]
async fn unknown_revoked_missing_and_repeated_keys_look_the_same() {
    let hub = Hub::new().await;
    let acme = tenant("acme");
    let (revoked, key) = hub.store.issue_key(&acme, Role::Admin, "").await.unwrap();
    hub.store.revoke_key(&acme, &key.id, hub.clock.now_ms()).await.unwrap();
    for path in ["/v1/runs", "/v1/integrations/tickets-in", "/v1/nothing"] {
        let missing = seen(hub.ask("", "GET", path, &[], "").await);
        assert_eq!(missing.status, StatusCode::UNAUTHORIZED);
        assert_eq!(missing.headers["content-type"], "application/problem+json");
        let twice = [("x-customer-key", &*hub.admin), ("x-customer-key", &*hub.admin)];
        for other in [
            hub.ask("frl_unknown", "GET", path, &[], "").await,
            hub.ask(&revoked, "GET", path, &[], "").await,
            hub.ask("", "GET", path, &twice, "").await,
        ] {
            assert_eq!(seen(other), missing);
        }
    }
}

#[tokio::test]
async fn a_key_may_do_what_its_role_says() {
    let hub = Hub::new().await;
    let (read, write) = (hub.reader.clone(), hub.writer.clone());
    let path = "/v1/integrations/tickets-in";
    for (key, method, path, allowed) in [
        (&read, "GET", path, true),
        (&read, "POST", "/v1/sync", false),
        (&read, "POST", "/v1/connections/hub/check", false),
        (&read, "PUT", path, false),
        (&read, "GET", "/v1/keys", false),
        (&write, "POST", "/v1/connections/hub/check", true),
        (&write, "PUT", path, false),
        (&write, "DELETE", path, false),
        (&write, "POST", "/v1/keys", false),
        (&hub.admin, "GET", "/v1/keys", true),
    ] {
        let answer = hub.ask(key, method, path, &[], "").await;
        assert_eq!(answer.status != StatusCode::FORBIDDEN, allowed, "{method} {path}");
    }
    assert_eq!(hub.get(path).await.status, StatusCode::OK, "nothing was removed");
}

#[tokio::test]
async fn every_use_of_a_key_is_one_row_of_the_audit_trail() {
    let hub = Hub::new().await;
    let acme = tenant("acme");
    let before = hub.store.audit_trail(&acme, 1000).await.unwrap().len();
    hub.get("/v1/records/people/ann@example.com?limit=1").await;
    hub.get("/v1/runs").await;
    hub.ask(&hub.reader, "PUT", "/v1/integrations/tickets-in", &[], "secret").await;
    hub.put("/v1/integrations/tickets-in", INTEGRATION).await;
    hub.get("/v1/nowhere").await;
    let mut rows = hub.store.audit_trail(&acme, 1000).await.unwrap();
    rows.truncate(rows.len() - before);
    let told: Vec<_> = rows.iter().rev().map(|row| (&*row.action, &*row.outcome)).collect();
    assert_eq!(
        told,
        [
            ("GET /v1/records/people/{key}", "404"),
            ("GET /v1/runs", "200"),
            ("PUT /v1/integrations/tickets-in", "403"),
            ("PUT /v1/integrations/tickets-in", "started"),
            ("GET (no such path)", "404"),
        ]
    );
    assert!(rows.iter().all(|row| row.hash == row.expected_hash()));
    assert!(rows.windows(2).all(|pair| pair[0].previous == pair[1].hash), "the chain holds");
    assert_ne!(rows[0].actor, rows[1].actor, "the key is named");
}

#[tokio::test]
async fn what_cannot_be_written_down_does_not_happen() {
    let hub = Hub::new().await;
    let path = "/v1/integrations/tickets-in";
    let tag = hub.get(path).await.etag();
    hub.ask(&hub.admin, "GET", path, &[], "").await;
    let changed = INTEGRATION.replace("it-ops", "somebody");
    hub.fuse.light(1);
    let put = hub.put(path, &changed).await;
    assert_eq!(put.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(put.headers.contains_key("retry-after"));
    hub.fuse.light(2);
    let shown = hub.get(path).await;
    assert_eq!(shown.status, StatusCode::SERVICE_UNAVAILABLE, "it was read, but is not shown");
    assert!(!shown.text.contains("it-ops"), "{}", shown.text);
    hub.fuse.mend();
    assert_eq!(hub.get(path).await.etag(), tag, "nothing was changed");
}

#[tokio::test]
async fn both_keys_are_good_during_a_rotation() {
    let hub = Hub::bare().await;
    let body = r#"{"role": "read", "label": "dashboard, new"}"#;
    let issued = hub.ask(&hub.admin, "POST", "/v1/keys", &[], body).await;
    assert_eq!(issued.status, StatusCode::CREATED);
    let new = issued.at("/key");
    let listed = hub.ask(&hub.admin, "GET", "/v1/keys", &[], "").await;
    assert!(listed.text.contains("dashboard, new") && !listed.text.contains(&new));
    let old = hub.store.key(&hub.reader).await.unwrap().unwrap().id;
    let path = format!("/v1/keys/{old}?after=1h");
    let revoked = hub.ask(&hub.admin, "DELETE", &path, &[], "").await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    let status = async |key: &str| hub.ask(key, "GET", "/v1/runs", &[], "").await.status;
    assert_eq!((status(&hub.reader).await, status(&new).await), (StatusCode::OK, StatusCode::OK));
    hub.clock.advance(Duration::from_hours(1));
    assert_eq!(status(&hub.reader).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&new).await, StatusCode::OK);
}

#[tokio::test]
async fn a_revoked_key_is_refused_here_at_once_and_elsewhere_in_ten_seconds() {
    let hub = Hub::bare().await;
    let elsewhere = Door::over(&hub.store);
    let elsewhere = Hub { app: elsewhere, ..Hub::bare().await };
    let status = async |at: &Hub| at.ask(&hub.reader, "GET", "/v1/runs", &[], "").await.status;
    assert_eq!((status(&hub).await, status(&elsewhere).await), (StatusCode::OK, StatusCode::OK));
    let id = hub.store.key(&hub.reader).await.unwrap().unwrap().id;
    hub.ask(&hub.admin, "DELETE", &format!("/v1/keys/{id}"), &[], "").await;
    assert_eq!(status(&hub).await, StatusCode::UNAUTHORIZED);
    hub.clock.advance(Duration::from_secs(10));
    assert_eq!(status(&elsewhere).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_tenant_cannot_lock_itself_out() {
    let hub = Hub::bare().await;
    let id = hub.store.key(&hub.admin).await.unwrap().unwrap().id;
    let path = format!("/v1/keys/{id}");
    let refused = hub.ask(&hub.admin, "DELETE", &path, &[], "").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    hub.ask(&hub.admin, "POST", "/v1/keys", &[], r#"{"role": "admin"}"#).await;
    let revoked = hub.ask(&hub.admin, "DELETE", &path, &[], "").await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_key_with_an_unknown_role_or_key_is_not_issued() {
    let hub = Hub::bare().await;
    for body in
        [r#"{"role": "root"}"#, r#"{"rol": "read"}"#, "", r#"{"role":"read","role":"admin"}"#]
    {
        let answer = hub.ask(&hub.admin, "POST", "/v1/keys", &[], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
}

#[tokio::test]
async fn the_time_scale_shortens_how_long_a_key_is_trusted() {
    let clock = Clock::manual(0);
    let store = Store { time_scale: 60, ..Store::memory(clock.clone()) };
    let (key, about) = store.issue_key(&tenant("acme"), Role::Read, "").await.unwrap();
    let hub = Hub { app: Door::over(&store), ..Hub::bare().await };
    assert_eq!(hub.ask(&key, "GET", "/v1/runs", &[], "").await.status, StatusCode::OK);
    store.revoke_key(&tenant("acme"), &about.id, 0).await.unwrap();
    clock.advance(Duration::from_millis(170));
    let refused = hub.ask(&key, "GET", "/v1/runs", &[], "").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}
