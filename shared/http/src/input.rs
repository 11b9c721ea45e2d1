//! Reads what callers send, and answers with a [`Problem`] when it cannot be read.

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Query, Request,
        rejection::{BytesRejection, PathRejection},
    },
};
use ferrule_core::{Name, json};
use http::{StatusCode, request::Parts};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Largest body. A definition that is larger would not fit its row.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// Query parameters; unknown ones are refused, so that a misspelt filter is not no filter.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::try_from_uri(&parts.uri);
        query
            .map(|Query(asked)| Self(asked))
            .map_err(|error| Problem::bad_request(error.body_text()))
    }
}

/// The variable parts of the path, decoded.
#[derive(Debug)]
pub struct Steps<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Steps<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        let unreadable = |_: PathRejection| Problem::not_found("such path");
        path.map(|axum::extract::Path(steps)| Self(steps)).map_err(unreadable)
    }
}

/// A body, capped, as text.
#[derive(Debug)]
pub struct Text(pub String);

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await.map_err(|error| too_large(&error))?;
        let text = String::from_utf8(body.into());
        text.map(Self).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Problem::bad_request(format!("the body is not UTF-8 at byte {at}"))
        })
    }
}

fn too_large(error: &BytesRejection) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("a body has at most {MAX_BODY_BYTES} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
        }
        _ => Problem::bad_request("the body cannot be read"),
    }
}

/// A JSON body of a known shape; unknown and duplicate keys are refused.
#[derive(Debug)]
pub struct Sent<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Text(text) = Text::from_request(request, state).await?;
        let value = json::parse(text.as_bytes());
        let value = value.map_err(|error| Problem::bad_request(error.to_string()))?;
        value.to().map(Self).map_err(|error| Problem::bad_request(error.to_string()))
    }
}

/// Reads a name out of a path; what is not a name names nothing.
pub fn name(what: &str, text: &str) -> Result<Name, Problem> {
    Name::new(text).map_err(|_| Problem::not_found(format!("{what} {text:?}")))
}
