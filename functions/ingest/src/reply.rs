//! What senders are told: little, and the same to everyone who cannot prove who he is.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use ferrule_core::{Object, RunId, Value};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// The answer to a delivery.
#[derive(Debug)]
pub(crate) enum Reply {
    /// It is on its way, as this run.
    Accepted(RunId),
    /// The answer to a challenge, or to a delivery with nothing in it; no run.
    Answer(u16, Answer),
    /// Unknown integration, bad signature, old timestamp, missing secret: all the same.
    Unauthorized,
    /// It is larger than this many bytes.
    TooLarge(usize),
    /// Neither JSON nor a form.
    MediaType,
    /// It cannot be read; one sentence.
    Unreadable(String),
    /// Something of ours does not work: the sender should try again.
    Unavailable,
}

/// What a challenge is answered with.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Nothing: `{}`, or no body at all with 204. It has a content type, on which Discord insists.
    Nothing,
    /// Text as it stands.
    Text(String),
    /// An object.
    Json(Object),
}

impl Answer {
    fn response(self, status: u16) -> Response {
        let status = StatusCode::from_u16(status).unwrap_or_default();
        let json = "application/json";
        let (kind, body) = match self {
            Self::Nothing if status == StatusCode::NO_CONTENT => (json, String::new()),
            Self::Nothing => (json, "{}".to_owned()),
            Self::Text(text) => ("text/plain", text),
            Self::Json(object) => (json, Value::Object(object).to_string()),
        };
        // What is repeated came from outside: nobody may take it for a page of ours.
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        (status, headers, body).into_response()
    }
}

#[derive(Serialize)]
struct Accepted {
    run: RunId,
}

#[derive(Serialize)]
struct Problem {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

fn problem(status: StatusCode, detail: Option<String>) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = Problem { r#type: "about:blank", title, status: status.as_u16(), detail };
    let mut response = (status, Json(body)).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Accepted(run) => (StatusCode::ACCEPTED, Json(Accepted { run })).into_response(),
            Self::Answer(status, answer) => answer.response(status),
            Self::Unauthorized => problem(StatusCode::UNAUTHORIZED, None),
            Self::TooLarge(limit) => {
                let detail = format!("a delivery has at most {limit} bytes");
                problem(StatusCode::PAYLOAD_TOO_LARGE, Some(detail))
            }
            Self::MediaType => {
                let detail = "send application/json or application/x-www-form-urlencoded";
                problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, Some(detail.to_owned()))
            }
            Self::Unreadable(detail) => problem(StatusCode::BAD_REQUEST, Some(detail)),
            Self::Unavailable => {
                let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, None);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
                response
            }
        }
    }
}

/// Answers other methods.
pub(crate) async fn not_allowed() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, None)
}

/// Answers other paths.
pub(crate) async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, None)
}
