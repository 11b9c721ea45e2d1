//! What the functions behind the HTTP API under `/v1` share: who may ask, what is read and how it is answered.
//!
//! Which of them answers a path is said by the routes of `infra/template.yaml`; to a caller they are one API. None of
//! them knows more than its own paths: what is not one of them is a 404 that looks the same everywhere.

pub mod auth;
mod door;
pub mod etag;
pub mod input;
pub mod page;
pub mod problem;

pub use door::{Hub, door};

/// Writes milliseconds since 1970 as RFC 3339; what no calendar has is empty.
pub fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_default()
}
