//! What goes wrong, on every k-th call, so that a run repeats exactly.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
    response::Response,
};
use serde_json::json;

use super::answer::{Answer, json_answer};

/// What goes wrong on every k-th call (0: never). Calls are counted from 1, token calls apart.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// 429 with `Retry-After`.
    pub too_many_every: u64,
    /// What `Retry-After` says then.
    pub retry_after_secs: u64,
    /// 500, nothing done.
    pub error_500_every: u64,
    /// The work is done, and the connection is reset in the middle of the answer.
    pub reset_every: u64,
    /// The work is done, and the answer is 200 or 201 with half of its JSON.
    pub cut_json_every: u64,
    /// Writes only: the write is done, and the answer is 500.
    pub lost_ack_every: u64,
    /// Every call takes this long.
    pub delay: Duration,
}

pub(super) fn hits(call: u64, every: u64) -> bool {
    every > 0 && call.is_multiple_of(every)
}

impl Faults {
    /// Answers instead of doing the work.
    pub(super) fn instead(&self, call: u64) -> Option<Answer> {
        if hits(call, self.too_many_every) {
            let body = json!({
                "error": {
                    "message": "Rate limit exceeded",
                    "detail": "Rate limit of 100 requests per hour for Table API exceeded"
                },
                "status": "failure"
            });
            let wait = self.retry_after_secs.to_string();
            return Some(
                json_answer(StatusCode::TOO_MANY_REQUESTS, &body).with("retry-after", wait),
            );
        }
        hits(call, self.error_500_every).then(|| Answer::failure(500, "injected", "nothing done"))
    }

    /// Spoils the answer after the work is done.
    pub(super) fn spoil(&self, call: u64, writes: bool, answer: Answer) -> Response {
        if writes && hits(call, self.lost_ack_every) {
            return Answer::failure(500, "injected", "the acknowledgement is lost").into_response();
        }
        let half = answer.body.slice(..answer.body.len() / 2);
        if hits(call, self.reset_every) {
            return reset(answer, half);
        }
        if hits(call, self.cut_json_every) {
            return Answer { body: half, ..answer }.into_response();
        }
        answer.into_response()
    }
}

/// Promises the whole body, sends half of it and drops the connection.
fn reset(answer: Answer, half: Bytes) -> Response {
    let length = answer.body.len().max(1).to_string();
    let (mut parts, _) = answer.with("content-length", length).into_response().into_parts();
    parts.status = if parts.status == 204 { StatusCode::OK } else { parts.status };
    Response::from_parts(parts, Body::from_stream(Broken { half: Some(half), is_sent: false }))
}

/// Half an answer, and an error once it is on its way.
struct Broken {
    half: Option<Bytes>,
    is_sent: bool,
}

impl futures_util::Stream for Broken {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(half)));
        }
        if !std::mem::replace(&mut self.is_sent, true) {
            // What is ready is sent while nothing more is.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(std::io::Error::other("injected: connection reset"))))
    }
}
