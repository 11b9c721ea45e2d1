//! Which path leads where.

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, Request},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use ferrule_core::definition::{Connection, Integration};
use ferrule_store::Store;
use http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use lambda_http::RequestExt as _;
use serde::Serialize;
use tracing::{Instrument, info_span};

use crate::{
    auth::{self, Keys},
    checks,
    config::{self, Service},
    definitions, errors, health,
    input::MAX_BODY_BYTES,
    keys, openapi,
    problem::Problem,
    records, replays, runs, status,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What handlers work with.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    store: Store,
    keys: Keys,
    config: Service,
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

impl FromRef<Api> for Service {
    fn from_ref(api: &Api) -> Self {
        api.config.clone()
    }
}

/// Serves the HTTP API under `/v1`.
pub fn app(store: Store) -> Router {
    let api = Api { keys: Keys::new(store.clone()), config: Service::new(store.clone()), store };
    let guarded = guarded().layer(middleware::from_fn_with_state(api.keys.clone(), auth::guard));
    let open = Router::new()
        .route("/v1/health", get(health))
        .route("/v1/openapi.json", get(openapi::document))
        .method_not_allowed_fallback(not_allowed);
    let routed = guarded
        .merge(open)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(stamp))
        .with_state(api);
    Router::new().fallback_service(routed).layer(middleware::map_request(join_key))
}

/// Makes the key of a configuration value one step of the path, whether or not its slashes came
/// encoded: what stands in front of us decodes some of them.
async fn join_key(mut request: Request) -> Request {
    if let Some(path) = joined(request.uri().path()) {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = format!("{path}{query}").parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

fn joined(path: &str) -> Option<String> {
    let rest = path.strip_prefix("/v1/config/")?;
    let (key, last) = match rest.rsplit_once('/') {
        Some((key, "history")) => (key, "/history"),
        Some((key, "rollback")) => (key, "/rollback"),
        _ => (rest, ""),
    };
    key.contains('/').then(|| format!("/v1/config/{}{last}", key.replace('/', "%2F")))
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
        .route("/v1/errors/{id}/replay", post(errors::replay))
        .route("/v1/parked", get(replays::parked))
        .route("/v1/replays", get(replays::list).post(replays::start))
        .route("/v1/replays/{id}", get(replays::one))
        .route("/v1/discards", post(replays::discard))
        .route("/v1/integrations", get(definitions::list::<Integration>))
        .route(
            "/v1/integrations/{name}",
            get(definitions::one::<Integration>)
                .put(definitions::put::<Integration>)
                .delete(definitions::remove::<Integration>),
        )
        .route("/v1/connections", get(definitions::list::<Connection>))
        .route(
            "/v1/connections/{name}",
            get(definitions::one::<Connection>)
                .put(definitions::put::<Connection>)
                .delete(definitions::remove::<Connection>),
        )
        .route("/v1/connections/{name}/health", get(health::connection))
        .route("/v1/connections/{name}/check", post(checks::start))
        .route("/v1/connections/{name}/check/{id}", get(checks::answer))
        .route("/v1/config", get(config::list).post(config::batch))
        .route("/v1/config/{key}", get(config::one).put(config::put).delete(config::remove))
        .route("/v1/config/{key}/history", get(config::history))
        .route("/v1/config/{key}/rollback", post(config::rollback))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_step_however_its_slashes_came() {
        for (path, is) in [
            ("/v1/config/a/b.c", Some("/v1/config/a%2Fb.c")),
            ("/v1/config/a/b/history", Some("/v1/config/a%2Fb/history")),
            ("/v1/config/a%2Fb/c/rollback", Some("/v1/config/a%2Fb%2Fc/rollback")),
            ("/v1/config/a/history", None),
            ("/v1/config/a%2Fb", None),
            ("/v1/records/a/b", None),
        ] {
            assert_eq!(joined(path).as_deref(), is, "{path}");
        }
    }
}
