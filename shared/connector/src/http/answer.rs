//! What came back.

use std::sync::Arc;

use bytes::Bytes;
use ferrule_core::{Failure, Value, json};
use http::{HeaderMap, header};

/// An answer that was read to its end and means success (or what the call accepts).
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, as they came.
    pub headers: HeaderMap,
    /// The body, unpacked.
    pub body: Bytes,
    /// A rule says `ignore`: leave the record out, without an error.
    pub is_ignored: bool,
    /// The call accepts this status ([`crate::Call::accept`]), and no rule says what it means.
    pub is_accepted: bool,
    /// Status and the vendor's words, with secrets removed; empty when the status is a success.
    pub reason: String,
    pub(crate) service: Arc<str>,
}

impl Answer {
    /// Returns a header when it is there and is text.
    pub fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Reads the body as JSON.
    ///
    /// A login page, half a document or nothing at all is [`Failure::Unavailable`]: the source
    /// could not be read, which is not the same as having no records.
    pub fn json(&self) -> Result<Value, Failure> {
        if self.is_html() {
            return Err(self.unreadable("answered with HTML, not JSON"));
        }
        json::parse(&self.body)
            .map_err(|error| self.unreadable(&format!("the answer is not JSON: {error}")))
    }

    /// Reads the body as XML; see [`crate::xml`].
    pub fn xml(&self) -> Result<Value, Failure> {
        if self.is_html() {
            return Err(self.unreadable("answered with HTML, not XML"));
        }
        crate::xml::parse(&self.body).map_err(|failure| match failure {
            Failure::Invalid { code: "XML", reason } => self.unreadable(&reason),
            other => other,
        })
    }

    /// Reads the body as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Tells whether a person's page came instead of data.
    pub fn is_html(&self) -> bool {
        is_html(&self.headers, &self.body)
    }

    /// Says that this answer could not be read.
    pub fn unreadable(&self, reason: &str) -> Failure {
        Failure::unavailable(self.service.as_ref(), format!("{} {reason}", self.status))
    }
}

pub(crate) fn is_html(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html")) {
        return true;
    }
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii_start();
    let start = body[..body.len().min(14)].to_ascii_lowercase();
    start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
}
