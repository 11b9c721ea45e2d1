use http::StatusCode;

use crate::hub::Hub;

/// Every method and path of the `OpenAPI` document.
pub(crate) fn operations() -> Vec<(String, String)> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/schema/openapi.json");
    let text = std::fs::read_to_string(file).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (method.to_uppercase(), path.clone()))
    });
    each.collect()
}

#[tokio::test]
async fn the_api_answers_exactly_what_the_document_lists() {
    let hub = Hub::new().await;
    let listed = operations();
    assert!(listed.len() >= 30, "{}", listed.len());
    for (_, path) in &listed {
        let asked = path.replace("{name}", "x").replace("{id}", "x");
        let asked = asked.replace("{table}", "x").replace("{key}", "x");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let answer = hub.ask(&hub.admin, method, &asked, &[], "").await;
            let is_listed = listed.contains(&(method.to_owned(), path.clone()));
            let is_known = answer.status != StatusCode::METHOD_NOT_ALLOWED
                && !answer.text.contains("there is no such path");
            assert_eq!(is_known, is_listed, "{method} {path}: {}", answer.text);
            if !is_listed {
                let allow = answer.headers["allow"].to_str().unwrap();
                assert!(!allow.is_empty() && !allow.contains(method), "{allow}");
                assert_eq!(answer.headers["content-type"], "application/problem+json");
            }
        }
    }
}

#[tokio::test]
async fn health_and_document_need_no_key() {
    let hub = Hub::bare().await;
    let health = hub.ask("", "GET", "/v1/health", &[], "").await;
    assert_eq!((health.status, &*health.text), (StatusCode::OK, r#"{"status":"ok"}"#));
    let document = hub.ask("", "GET", "/v1/openapi.json", &[], "").await;
    assert_eq!(document.headers["content-type"], "application/json");
    assert_eq!(document.at("/openapi"), "3.1.0");
    assert_eq!(document.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn the_sample_events_are_what_api_gateway_sends() {
    let hub = Hub::new().await;
    for (file, status) in [
        ("api/health", 200),
        ("api/no-key", 401),
        ("api/status", 200),
        ("api/sync", 202),
        ("config/put", 201),
        ("definitions/put-connection-base64", 200),
        ("definitions/misspelt", 422),
    ] {
        let path = format!("{}/../../events/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("PUT-AN-ADMIN-KEY-HERE", &hub.admin);
        let request = lambda_http::request::from_str(&text).unwrap();
        let (parts, body) = request.into_parts();
        let body = axum::body::Body::from(body.as_ref().to_vec());
        let answer = hub.send(http::Request::from_parts(parts, body)).await;
        assert_eq!(answer.status.as_u16(), status, "{file}: {}", answer.text);
    }
}
