//! What went wrong, as `application/problem+json` (RFC 9457).

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use ferrule_core::{Failure, RunId, definition};
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::error;

/// Seconds after which a caller may try again when something of ours does not work.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Why a request was not done.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Problem {
    /// Which kind: `urn:ferrule:` and a stable word.
    r#type: String,
    /// The status in words.
    title: &'static str,
    /// HTTP status.
    status: u16,
    /// What is wrong and what was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Of many changes: the one that is refused, from 0. None was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u8>,
    /// Everything that is wrong with a definition or a value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Fault>,
    /// The run that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    run: Option<RunId>,
}

/// One thing that is wrong with a definition or a value, and where.
#[derive(Debug, Serialize, JsonSchema)]
struct Fault {
    /// Path within the document, such as `source.cursor.kind`.
    path: String,
    /// Line in the text, from 1; 0 when unknown.
    line: u32,
    /// Column in the text, from 1; 0 when unknown.
    column: u32,
    /// What is wrong and what was expected.
    message: String,
    /// A likely intended spelling.
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<String>,
}

impl Problem {
    /// Says what is wrong; `kind` is a stable word.
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::bare(status, kind) }
    }

    fn bare(status: StatusCode, kind: &str) -> Self {
        Self {
            r#type: format!("urn:ferrule:{kind}"),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: None,
            index: None,
            problems: Vec::new(),
            run: None,
        }
    }

    /// Says that the key is missing, unknown or revoked, and not which of them.
    pub fn unauthorized() -> Self {
        Self::bare(StatusCode::UNAUTHORIZED, "unauthorized")
    }

    /// Says that there is no such thing, or none of this tenant.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what}"))
    }

    /// Says that a request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// Says what is wrong with a definition.
    pub fn invalid(found: Vec<definition::Problem>) -> Self {
        Self::unprocessable("invalid_definition", found)
    }

    /// Says what is wrong with a configuration value.
    pub fn invalid_value(found: Vec<definition::Problem>) -> Self {
        Self::unprocessable("invalid_value", found)
    }

    /// Says that it is about one of many changes, and so about all of them.
    #[must_use]
    pub fn of_change(self, index: usize) -> Self {
        let detail = self.detail.as_deref().unwrap_or(self.title);
        let detail = Some(format!("changes[{index}]: {detail}"));
        Self { index: u8::try_from(index).ok(), detail, ..self }
    }

    fn unprocessable(kind: &str, found: Vec<definition::Problem>) -> Self {
        let detail = found.first().map(ToString::to_string).unwrap_or_default();
        let problems = found.into_iter().map(Fault::from).collect();
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self { problems, ..Self::new(status, kind, detail) }
    }

    /// Says that another run holds the integration.
    pub fn running(run: RunId) -> Self {
        let detail = format!("run {run} of this integration is still going on");
        let problem = Self::new(StatusCode::CONFLICT, "running", detail);
        Self { run: Some(run), ..problem }
    }
}

impl From<definition::Problem> for Fault {
    fn from(problem: definition::Problem) -> Self {
        let definition::Problem { path, line, column, message, suggestion } = problem;
        Self { path, line, column, message, suggestion }
    }
}

/// Something of ours did not work. What it was is for our log, not for the caller.
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        error!(code = failure.code(), %failure, "could not answer a request");
        match failure {
            Failure::Throttled { .. } | Failure::Unavailable { .. } | Failure::Deferred { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "try again in a moment")
            }
            _ => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "this should not happen; the log has the request's id",
            ),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}
