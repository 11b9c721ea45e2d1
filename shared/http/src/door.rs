//! The door that the functions of the HTTP API have in common: keys, sizes, request ids, and what is no path.

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, Request},
    middleware::{self, Next},
    response::Response,
};
use ferrule_store::Store;
use http::{HeaderName, HeaderValue, StatusCode, header};
use lambda_http::RequestExt as _;
use tracing::{Instrument, info_span};

use crate::{
    auth::{self, Keys},
    input::MAX_BODY_BYTES,
    problem::Problem,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What handlers of every function work with.
#[derive(Debug, Clone)]
pub struct Hub {
    store: Store,
    keys: Keys,
}

impl Hub {
    /// A hub over a store, which has seen no key yet.
    pub fn new(store: Store) -> Self {
        Self { keys: Keys::new(store.clone()), store }
    }
}

impl FromRef<Hub> for Store {
    fn from_ref(hub: &Hub) -> Self {
        hub.store.clone()
    }
}

impl FromRef<Hub> for Keys {
    fn from_ref(hub: &Hub) -> Self {
        hub.keys.clone()
    }
}

/// Puts routes behind the door. Only `open` ones are answered without a key; what is no path needs one, so that
/// nobody learns without a key what there is.
pub fn door<S>(guarded: Router<S>, open: Router<S>, state: S) -> Router
where
    S: Clone + Send + Sync + 'static,
    Keys: FromRef<S>,
{
    let keys = Keys::from_ref(&state);
    let guarded = guarded
        .method_not_allowed_fallback(not_allowed)
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(keys, auth::guard));
    guarded
        .merge(open.method_not_allowed_fallback(not_allowed))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(stamp))
        .with_state(state)
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
