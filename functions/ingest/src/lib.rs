#![doc = include_str!("../README.md")]

mod body;
mod challenge;
mod hex;
mod receive;
mod record;
mod reply;
mod secret;
mod verify;

use axum::{Router, extract::DefaultBodyLimit, routing::get};
use ferrule_core::recipe::MAX_WEBHOOK_BYTES;
use ferrule_store::Store;

/// Serves `POST /webhooks/{tenant}/{integration}`, and the GET by which some vendors ask first.
pub fn app(store: Store) -> Router {
    Router::new()
        .route("/webhooks/{tenant}/{integration}", get(receive::receive).post(receive::receive))
        .method_not_allowed_fallback(reply::not_allowed)
        .fallback(reply::not_found)
        .layer(DefaultBodyLimit::max(MAX_WEBHOOK_BYTES))
        .with_state(store)
}
