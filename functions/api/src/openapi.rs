//! The `OpenAPI` 3.1 document of the whole HTTP API, as it is committed; a test writes it from the types.

#[cfg(test)]
mod generate;
#[cfg(test)]
mod operations;

use axum::response::IntoResponse;
use http::header;

/// `UPDATE=1 cargo test -p api` writes the file.
const DOCUMENT: &str = include_str!("../../../infra/schema/openapi.json");

/// Answers `GET /v1/openapi.json`.
pub(crate) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}
