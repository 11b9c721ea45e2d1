//! Which path leads where.

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, Request},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use ferrule_store::Store;
use http::{HeaderName, HeaderValue, StatusCode, header};
use lambda_http::RequestExt as _;
use serde::Serialize;
use tracing::{Instrument, info_span};

use crate::{
    auth::{self, Keys},
    checks, definitions, errors,
    input::MAX_BODY_BYTES,
    keys, openapi,
    problem::Problem,
    records, runs, status,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What handlers work with.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    store: Store,
    keys: Keys,
}

impl FromRef<Api> for Store {
    fn from_ref(api: &Api) -> Self {
        api.store.clone()
    }
}

impl FromRef<Api> for Keys {
    fn from_ref(api: &Api) -> Self {
        api.keys.clone()
    }
}

/// Serves the HTTP API under `/v1`.
pub fn app(store: Store) -> Router {
    let api = Api { keys: Keys::new(store.clone()), store };
    let guarded = guarded().layer(middleware::from_fn_with_state(api.keys.clone(), auth::guard));
    let open = Router::new()
        .route("/v1/health", get(health))
        .route("/v1/openapi.json", get(openapi::document))
        .method_not_allowed_fallback(not_allowed);
    guarded
        .merge(open)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(stamp))
        .with_state(api)
}

fn guarded() -> Router<Api> {
    Router::new()
        .route("/v1/sync", post(runs::sync))
        .route("/v1/status", get(status::status))
        .route("/v1/runs", get(runs::list))
        .route("/v1/runs/{id}", get(runs::one))
        .route("/v1/records/{table}", get(records::list))
        .route("/v1/records/{table}/{key}", get(records::one))
        .route("/v1/errors", get(errors::list))
        .route("/v1/errors/{id}", get(errors::one))
        .route("/v1/integrations", get(definitions::integrations))
        .route(
            "/v1/integrations/{name}",
            get(definitions::integration)
                .put(definitions::put_integration)
                .delete(definitions::delete_integration),
        )
        .route("/v1/connections", get(definitions::connections))
        .route(
            "/v1/connections/{name}",
            get(definitions::connection)
                .put(definitions::put_connection)
                .delete(definitions::delete_connection),
        )
        .route("/v1/connections/{name}/check", post(checks::start))
        .route("/v1/connections/{name}/check/{id}", get(checks::answer))
        .route("/v1/keys", get(keys::list).post(keys::issue))
        .route("/v1/keys/{id}", delete(keys::revoke))
        .method_not_allowed_fallback(not_allowed)
        .fallback(not_found)
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn health() -> impl IntoResponse {
    axum::Json(Health { status: "ok" })
}

async fn not_found() -> Problem {
    Problem::not_found("such path")
}

async fn not_allowed() -> Problem {
    let detail = "the Allow header lists what this path takes";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

/// Gives every answer a request id, the one that the log lines carry, and keeps it out of caches.
async fn stamp(request: Request, next: Next) -> Response {
    let lambda = request.lambda_context_ref().map(|context| context.request_id.clone());
    let id = lambda.filter(|id| !id.is_empty());
    let id = id.unwrap_or_else(|| uuid::Uuid::now_v7().simple().to_string());
    let span = info_span!("request", id);
    let mut response = next.run(request).instrument(span).await;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
