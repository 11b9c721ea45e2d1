use ferrule_core::Value;
use http::StatusCode;

use crate::hub::{CONNECTIONS, Hub, INTEGRATION, name};

const PATH: &str = "/v1/integrations/tickets-in";

#[tokio::test]
async fn what_is_put_can_be_got_changed_and_removed() {
    let hub = Hub::new().await;
    let first = hub.get(PATH).await;
    assert_eq!(first.at("/metadata/owner"), "it-ops");
    let changed = hub.put(PATH, &INTEGRATION.replace("it-ops", "crm")).await;
    assert_eq!((changed.status, &*changed.at("/name")), (StatusCode::OK, "tickets-in"));
    assert_eq!(changed.etag(), changed.at("/etag"));
    let second = hub.get(PATH).await;
    assert_eq!(second.etag(), changed.etag());
    assert_eq!(second.at("/metadata/owner"), "crm");
    let again = hub.put(PATH, &second.text).await;
    assert_eq!(again.at("/hash"), changed.at("/hash"), "what is shown can be put as it is");
    let gone = hub.ask(&hub.admin, "DELETE", PATH, &[], "").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(hub.get(PATH).await.status, StatusCode::NOT_FOUND);
    let gone = hub.ask(&hub.admin, "DELETE", PATH, &[], "").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn two_editors_do_not_overwrite_each_other() {
    let hub = Hub::new().await;
    let tag = hub.get(PATH).await.etag();
    let edit = async |owner: &str| {
        let body = INTEGRATION.replace("it-ops", owner);
        hub.ask(&hub.admin, "PUT", PATH, &[("if-match", &tag)], &body).await
    };
    let (ann, bob) = (edit("ann").await, edit("bob").await);
    assert_eq!((ann.status, bob.status), (StatusCode::OK, StatusCode::PRECONDITION_FAILED));
    assert_eq!(hub.get(PATH).await.at("/metadata/owner"), "ann");
    let gone = hub.ask(&hub.admin, "DELETE", PATH, &[("if-match", &tag)], "").await;
    assert_eq!(gone.status, StatusCode::PRECONDITION_FAILED);
    let new = ann.etag();
    let list = format!("\"0-x\", {new}");
    let gone = hub.ask(&hub.admin, "DELETE", PATH, &[("if-match", &list)], "").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn editors_at_the_very_same_moment_do_not_either() {
    let hub = Hub::new().await;
    let tag = hub.get(PATH).await.etag();
    hub.fuse.interleave();
    let edit = async |owner: &str| {
        let body = INTEGRATION.replace("it-ops", owner);
        hub.ask(&hub.admin, "PUT", PATH, &[("if-match", &tag)], &body).await.status
    };
    let (one, two, three) = tokio::join!(edit("ann"), edit("bob"), edit("eve"));
    let mut statuses = [one, two, three].map(|status| status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412]);
}

#[tokio::test]
async fn create_only_and_change_only_are_kept() {
    let hub = Hub::new().await;
    let put = async |path: &str, header| {
        let body = INTEGRATION.replace("tickets-in", path.rsplit('/').next().unwrap());
        hub.ask(&hub.admin, "PUT", path, &[(header, "*")], &body).await.status
    };
    assert_eq!(put(PATH, "if-none-match").await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(put(PATH, "if-match").await, StatusCode::OK);
    assert_eq!(put("/v1/integrations/new", "if-match").await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(put("/v1/integrations/new", "if-none-match").await, StatusCode::CREATED);
}

#[tokio::test]
async fn a_reader_who_has_it_already_gets_no_body() {
    let hub = Hub::new().await;
    let tag = hub.get(PATH).await.etag();
    let same = hub.ask(&hub.reader, "GET", PATH, &[("if-none-match", &tag)], "").await;
    assert_eq!((same.status, &*same.text), (StatusCode::NOT_MODIFIED, ""));
}

#[tokio::test]
async fn a_misspelt_key_is_named_with_line_column_and_suggestion() {
    let hub = Hub::new().await;
    let answer = hub.put(PATH, &INTEGRATION.replace("output:", "ouptut:")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let problems = answer.json();
    let problems = problems.get("problems").and_then(Value::as_array).unwrap();
    let named = |problem: &&Value| problem.get("suggestion") == Some(&"output".into());
    let problem = problems.iter().find(named).unwrap_or_else(|| panic!("{}", answer.text));
    assert_eq!(problem.get("line").and_then(Value::as_i64), Some(8), "{}", answer.text);
    assert_eq!(problem.get("column").and_then(Value::as_i64), Some(1));
}

#[tokio::test]
async fn bad_definitions_are_refused_with_what_is_wrong() {
    let hub = Hub::new().await;
    for (from, to, says) in [
        ("lower: true", "lower: maybe", "lower"),
        ("connection: export", "connection: exprot", "there is export, hub"),
        ("owner: it-ops", "owner: ghp_0123456789abcdefghijABCDEFGHIJ012345", "owner"),
        ("tickets-in", "tickets-out", "the path says tickets-in"),
        ("ferrule/v1", "ferrule/v9", "ferrule/v1"),
        ("owner: it-ops", "owner: a, owner: b", "owner"),
    ] {
        let body = INTEGRATION.replacen(from, to, 1);
        let answer = hub.put(PATH, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{to}: {}", answer.text);
        assert!(answer.text.contains(says), "{to}: {}", answer.text);
        assert!(!answer.text.contains("ghp_"), "a secret is not repeated");
    }
    let other_kind = CONNECTIONS[1].1.replace("name: hub", "name: tickets-in");
    let answer = hub.put(PATH, &other_kind).await;
    assert!(answer.text.contains("this path takes definitions with kind: Integration"));
    let two = format!("{INTEGRATION}---\n{INTEGRATION}");
    assert_eq!(hub.put(PATH, &two).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(hub.put(PATH, "").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(hub.get(PATH).await.at("/metadata/owner"), "it-ops", "nothing was changed");
}

#[tokio::test]
async fn a_webhook_that_proves_nothing_is_refused_when_it_is_saved() {
    let hub = Hub::new().await;
    for (trigger, says) in [
        ("recipe: standard_webhook", "standard_webhooks"),
        ("signature: {header: X-A, signed: hello}", "{body} must be signed"),
    ] {
        let body = crate::hub::WEBHOOK.replace("recipe: github", trigger);
        let answer = hub.put("/v1/integrations/orders-in", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{trigger}");
        assert!(answer.text.contains(says), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_definition_must_fit_the_connectors_that_are_deployed() {
    let hub = Hub::new().await;
    let schema = r#"{"settings": {"type": "object", "properties": {"root": {"type": "string"}},
        "additionalProperties": false}, "source": {"type": "object"}}"#;
    let schema = ferrule_core::json::parse(schema.as_bytes()).unwrap();
    hub.store.put_connector(&name("files"), &schema).await.unwrap();
    let (path, text) = ("/v1/connections/export", CONNECTIONS[0].1);
    assert_eq!(
        hub.put(path, &format!("{text}settings: {{root: a}}\n")).await.status,
        StatusCode::OK
    );
    let misspelt = hub.put(path, &format!("{text}settings: {{rot: a}}\n")).await;
    assert_eq!(misspelt.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(misspelt.text.contains("rot"), "{}", misspelt.text);
    let unknown = hub.put(path, &text.replace("files", "fils")).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unknown.text.contains("there is files"), "{}", unknown.text);
}

#[tokio::test]
async fn a_connection_in_use_stays() {
    let hub = Hub::new().await;
    let remove = async |path: &str| hub.ask(&hub.admin, "DELETE", path, &[], "").await;
    let answer = remove("/v1/connections/export").await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.text.contains("tickets-in"), "{}", answer.text);
    assert_eq!(remove(PATH).await.status, StatusCode::NO_CONTENT);
    assert_eq!(remove("/v1/connections/export").await.status, StatusCode::NO_CONTENT);
    assert_eq!(remove("/v1/connections/export").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn definitions_are_listed_in_pages() {
    let hub = Hub::new().await;
    let first = hub.get("/v1/integrations?limit=1").await;
    assert_eq!(first.at("/items/0/name"), "orders-in");
    let next = first.at("/next");
    let second = hub.get(&format!("/v1/integrations?limit=1&cursor={next}")).await;
    assert_eq!((&*second.at("/items/0/name"), &*second.at("/next")), ("tickets-in", "null"));
    let elsewhere = hub.get(&format!("/v1/connections?limit=1&cursor={next}")).await;
    assert_eq!(elsewhere.status, StatusCode::BAD_REQUEST);
    assert_eq!(hub.get("/v1/connections").await.at("/items/0/connector"), "files");
}

#[tokio::test]
async fn a_body_that_is_too_large_or_no_text_is_refused() {
    let hub = Hub::new().await;
    let large = hub.put(PATH, &"#".repeat(256 * 1024 + 1)).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(large.text.contains("262144 bytes"), "{}", large.text);
    let request = http::Request::put(PATH)
        .header("x-customer-key", &*hub.admin)
        .body(axum::body::Body::from(vec![b'a', 0xff]))
        .unwrap();
    let answer = hub.send(request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("not UTF-8 at byte 1"), "{}", answer.text);
}

#[tokio::test]
async fn a_name_that_is_none_is_refused() {
    let hub = Hub::new().await;
    assert_eq!(
        hub.put("/v1/integrations/No%20Name", INTEGRATION).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(hub.get("/v1/integrations/No%20Name").await.status, StatusCode::NOT_FOUND);
}
