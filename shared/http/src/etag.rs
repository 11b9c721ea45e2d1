//! Entity tags: two editors do not overwrite each other.

use ferrule_core::Digest;
use ferrule_store::When;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::problem::Problem;

/// Names one state of a definition or a configuration value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// Makes the tag of a revision with this content.
    pub fn new(rev: u64, hash: &Digest) -> Self {
        Self(format!("\"{rev}-{hash}\""))
    }

    /// Makes the tag of a version that is never used again.
    pub fn version(version: u64) -> Self {
        Self(format!("\"{version}\""))
    }

    /// Returns the text, quotes included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the header `ETag`.
    pub fn header(&self) -> (http::HeaderName, HeaderValue) {
        let value = HeaderValue::from_str(&self.0);
        (header::ETAG, value.unwrap_or_else(|_| HeaderValue::from_static("\"\"")))
    }

    /// Tells whether a list such as `"1-a", "2-b"`, or `*`, names this tag.
    fn is_in(&self, list: &str) -> bool {
        list.split(',').map(str::trim).any(|tag| tag == "*" || tag == self.0)
    }
}

/// Tells whether the caller has this state already (`If-None-Match` of a read).
pub fn is_known(headers: &HeaderMap, tag: &ETag) -> bool {
    text(headers, &header::IF_NONE_MATCH).is_some_and(|list| tag.is_in(list))
}

/// Returns under which condition a write may happen, given what is there now.
pub fn condition(headers: &HeaderMap, there: Option<(u64, ETag)>) -> Result<When, Problem> {
    if let Some(list) = text(headers, &header::IF_NONE_MATCH) {
        return match there {
            Some((_, tag)) if tag.is_in(list) => Err(failed()),
            Some((rev, _)) => Ok(When::Rev(rev)),
            None => Ok(When::Absent),
        };
    }
    let Some(list) = text(headers, &header::IF_MATCH) else { return Ok(When::Always) };
    match there {
        Some((rev, tag)) if tag.is_in(list) => Ok(When::Rev(rev)),
        _ => Err(failed()),
    }
}

/// Says that what is there is not in the state that the caller expects.
pub fn failed() -> Problem {
    let detail = "this is not in the state you expect: get it again, and its ETag";
    Problem::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
}

fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}
