//! Which path leads where.

use axum::{
    Router,
    response::IntoResponse,
    routing::{delete, get, post},
};
use ferrule_http::{Hub, door};
use ferrule_store::Store;
use serde::Serialize;

use crate::{cost, errors, keys, openapi, records, replays, runs, status};

/// Serves what there is to see and to start under `/v1`.
pub fn app(store: Store) -> Router {
    let open = Router::new()
        .route("/v1/health", get(health))
        .route("/v1/openapi.json", get(openapi::document));
    door(guarded(), open, Hub::new(store))
}

fn guarded() -> Router<Hub> {
    Router::new()
        .route("/v1/sync", post(runs::sync))
        .route("/v1/status", get(status::status))
        .route("/v1/cost", get(cost::cost))
        .route("/v1/runs", get(runs::list))
        .route("/v1/runs/{id}", get(runs::one))
        .route("/v1/runs/{id}/approve", post(runs::approve))
        .route("/v1/runs/{id}/reject", post(runs::reject))
        .route("/v1/records/{table}", get(records::list))
        .route("/v1/records/{table}/{key}", get(records::one))
        .route("/v1/errors", get(errors::list))
        .route("/v1/errors/{id}", get(errors::one))
        .route("/v1/errors/{id}/replay", post(errors::replay))
        .route("/v1/parked", get(replays::parked))
        .route("/v1/replays", get(replays::list).post(replays::start))
        .route("/v1/replays/{id}", get(replays::one))
        .route("/v1/discards", post(replays::discard))
        .route("/v1/keys", get(keys::list).post(keys::issue))
        .route("/v1/keys/{id}", delete(keys::revoke))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn health() -> impl IntoResponse {
    axum::Json(Health { status: "ok" })
}
