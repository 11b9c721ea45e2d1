use ferrule_core::{Digest, RunId};
use ferrule_store::{Affected, ErrorRow, ErrorState};
use http::StatusCode;

use crate::{
    document::operations,
    hub::{Hub, INTEGRATION, NOW_MS, name, tenant},
};

/// Fills acme's part of the hub, and returns what stands for each variable step of a path.
async fn fill(hub: &Hub) -> Vec<(&'static str, String)> {
    let run = hub.sync(r#"{"integration": "tickets-in"}"#).await.at("/run");
    hub.keep("tickets", &[("INC1", r#"{"n":1}"#, false)]).await;
    let check = hub.ask(&hub.writer, "POST", "/v1/connections/export/check", &[], "").await;
    let error = ErrorRow {
        id: "error-7f3a9c51d2".into(),
        at: NOW_MS,
        code: "TYPE".into(),
        message: "acme's".into(),
        integration: name("tickets-in"),
        run: RunId::new(&*run),
        definition: Digest::of(&[]),
        stage: "transform".into(),
        attempt: 1,
        record: Affected::default(),
        trace: vec![],
        payload: None,
        part: None,
        guarded: false,
        state: ErrorState::Parked,
        done: None,
    };
    hub.store.park_errors(&tenant("acme"), &[error]).await.unwrap();
    let body = r#"{"code": "NONE"}"#;
    let replay = hub.ask(&hub.admin, "POST", "/v1/replays", &[], body).await.at("/id");
    let key = hub.store.key(&hub.reader).await.unwrap().unwrap().id;
    hub.put("/v1/config/app.secret.host", r#"{"value": "acmes-own"}"#).await;
    hub.sent("dispatch").await;
    vec![
        ("/v1/config/{key}", "app.secret.host".into()),
        ("/v1/runs/{id}", run),
        ("/v1/errors/{id}", "error-7f3a9c51d2".into()),
        ("/v1/replays/{id}", replay),
        ("/v1/keys/{id}", key),
        ("/v1/integrations/{name}", "tickets-in".into()),
        ("/v1/connections/{name}", "export".into()),
        ("/v1/records/{table}/{key}", "INC1".into()),
        ("/check/{id}", check.at("/check")),
    ]
}

fn concrete(path: &str, of: &[(&'static str, String)]) -> String {
    let mut made = path.to_owned();
    for (template, value) in of {
        if path.contains(template) {
            let step = template.rsplit('/').next().unwrap();
            made = match step {
                "{id}" if template.starts_with("/check") => {
                    made.replace("check/{id}", &format!("check/{value}"))
                }
                _ => made.replacen(step, value, 1),
            };
        }
    }
    made.replace("{table}", "tickets")
}

#[tokio::test]
async fn a_stranger_finds_nothing_by_any_route_and_verb() {
    let hub = Hub::new().await;
    let ids = fill(&hub).await;
    let before = everything(&hub).await;
    for (method, template) in operations() {
        if matches!(&*template, "/v1/health" | "/v1/openapi.json") {
            continue;
        }
        let mut path = concrete(&template, &ids);
        if template == "/v1/cost" {
            path += "?integration=tickets-in";
        }
        assert!(!path.contains('{'), "{path}");
        let body = match (&*method, &*template) {
            ("POST", "/v1/sync") => r#"{"integration": "tickets-in"}"#,
            ("POST", "/v1/keys") => r#"{"role": "read"}"#,
            ("PUT", "/v1/config/{key}") => r#"{"sensitive": true}"#,
            ("POST", "/v1/config") => r#"{"changes": [{"key": "other", "delete": true}]}"#,
            ("POST", "/v1/config/{key}/rollback") => r#"{"version": 1}"#,
            ("POST", "/v1/replays" | "/v1/discards") => r#"{"ids": ["error-7f3a9c51d2"]}"#,
            ("PUT", _) => "kind: Something",
            _ => "",
        };
        let own = hub.ask(&hub.admin, "GET", &path, &[], "").await;
        let answer = hub.ask(&hub.stranger, &method, &path, &[], body).await;
        let has_id =
            path.contains('?') || template.contains('{') && !template.ends_with("/{table}");
        match &*method {
            "GET" if has_id => {
                assert_eq!(own.status, StatusCode::OK, "{path} is there");
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
            }
            "GET" => assert_eq!(answer.status, StatusCode::OK, "{path}"),
            "PUT" => assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}"),
            _ if template == "/v1/keys" => assert_eq!(answer.status, StatusCode::CREATED),
            _ if template == "/v1/replays" || template == "/v1/discards" => {
                assert!(answer.status.is_success(), "{path}: {}", answer.text);
                assert_eq!((answer.at("/errors"), answer.at("/records")), ("0".into(), "0".into()));
            }
            _ => assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}"),
        }
        for (_, id) in ids.iter().filter(|(_, id)| !format!("{path} {body}").contains(id.as_str()))
        {
            assert!(!answer.text.contains(id.as_str()), "{path} tells {id}: {}", answer.text);
        }
        assert!(!answer.text.contains("acme"), "{path}: {}", answer.text);
    }
    assert_eq!(everything(&hub).await, before, "acme has everything as it was");
    assert_eq!(hub.sent("files").await.len(), 2, "acme's sync and acme's check");
}

/// Everything that acme sees.
async fn everything(hub: &Hub) -> Vec<String> {
    let mut seen = Vec::new();
    for path in [
        "/v1/runs",
        "/v1/errors",
        "/v1/parked",
        "/v1/replays",
        "/v1/records/tickets",
        "/v1/records/configuration",
        "/v1/status",
        "/v1/keys",
        "/v1/config",
        "/v1/config/app.secret.host/history",
    ] {
        seen.push(hub.ask(&hub.admin, "GET", path, &[], "").await.text);
    }
    seen
}

#[tokio::test]
async fn a_cursor_of_one_tenant_shows_another_nothing() {
    let hub = Hub::new().await;
    hub.keep("tickets", &[("a", "1", false), ("b", "1", false)]).await;
    let next = hub.get("/v1/records/tickets?limit=1").await.at("/next");
    let path = format!("/v1/records/tickets?limit=1&cursor={next}");
    assert_eq!(hub.get(&path).await.keys(), ["b"]);
    assert_eq!(hub.ask(&hub.stranger, "GET", &path, &[], "").await.at("/items"), "[]");
}

#[tokio::test]
async fn the_same_names_are_two_things() {
    let hub = Hub::new().await;
    let as_stranger = async |method: &str, path: &str, body: &str| {
        hub.ask(&hub.stranger, method, path, &[], body).await
    };
    let early = as_stranger("PUT", "/v1/integrations/tickets-in", INTEGRATION).await;
    assert!(early.text.contains("there is none"), "acme's connections are acme's: {}", early.text);
    for (name, text) in crate::hub::CONNECTIONS {
        as_stranger("PUT", &format!("/v1/connections/{name}"), text).await;
    }
    let theirs = INTEGRATION.replace("it-ops", "globex");
    let put = as_stranger("PUT", "/v1/integrations/tickets-in", &theirs).await;
    assert_eq!(put.status, StatusCode::CREATED);
    assert_eq!(hub.get("/v1/integrations/tickets-in").await.at("/metadata/owner"), "it-ops");
    let ours = hub.sync(r#"{"integration": "tickets-in"}"#).await;
    let theirs = as_stranger("POST", "/v1/sync", r#"{"integration": "tickets-in"}"#).await;
    assert_eq!((ours.status, theirs.status), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    as_stranger("DELETE", "/v1/integrations/tickets-in", "").await;
    assert_eq!(hub.get("/v1/integrations/tickets-in").await.status, StatusCode::OK);
}
