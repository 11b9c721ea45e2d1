//! Answers before they are sent: they can still be checked, and spoilt.

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
    response::Response,
};
use serde_json::{Value, json};

/// One answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

/// Makes an answer with a JSON body.
pub(super) fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let headers = vec![("content-type", "application/json;charset=UTF-8".to_owned())];
    Answer { status, headers, body: body.to_string().into() }
}

impl Answer {
    pub(super) fn ok(body: &Value) -> Self {
        json_answer(StatusCode::OK, body)
    }

    pub(super) fn created(body: &Value) -> Self {
        json_answer(StatusCode::CREATED, body)
    }

    /// An error in the documented form.
    pub(super) fn failure(status: u16, message: &str, detail: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = json!({"error": {"message": message, "detail": detail}, "status": "failure"});
        json_answer(status, &body)
    }

    pub(super) fn no_record() -> Self {
        let detail = "Record doesn't exist or ACL restricts the record retrieval";
        Self::failure(404, "No Record found", detail)
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// What a hibernating instance says to everything.
    pub(super) fn asleep() -> Self {
        let page = "<html><head><title>Instance Hibernating page</title></head>\
                    <body>Your instance is hibernating. Sign in to wake it.</body></html>";
        let headers = vec![("content-type", "text/html;charset=UTF-8".to_owned())];
        Self { status: StatusCode::OK, headers, body: page.into() }
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn into_response(self) -> Response {
        let mut builder = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        builder.body(Body::from(self.body)).unwrap()
    }
}
