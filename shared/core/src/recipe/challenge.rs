//! How a vendor asks whether an address is ours before, or while, it sends events there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Value;

/// A question of a vendor, and its answer. It is known by one of `header`, `query` and `field`, and
/// starts no run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// It comes before the vendor signs anything, by this method. Signed when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsigned: Option<Unsigned>,
    /// Header that it is known by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Name in the query that it is known by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Path in the body that it is known by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is there. Anything but nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Value>,
    /// Status of the answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// What the answer repeats. It is empty when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<Echo>,
}

/// How a challenge comes that nobody signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unsigned {
    /// By a GET.
    Get,
    /// By a POST.
    Post,
}

/// What an answer repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Echo {
    /// Path in the body. What the challenge is known by when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Key under which a JSON object holds it. Plain text when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What a challenge is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'a> {
    /// A header.
    Header(&'a str),
    /// A name in the query.
    Query(&'a str),
    /// A path in the body.
    Field(&'a str),
}

impl Challenge {
    /// Returns what it is known by; `None` when that is not one thing.
    pub fn asked(&self) -> Option<Asked<'_>> {
        match (&self.header, &self.query, &self.field) {
            (Some(header), None, None) => Some(Asked::Header(header)),
            (None, Some(query), None) => Some(Asked::Query(query)),
            (None, None, Some(field)) => Some(Asked::Field(field)),
            _ => None,
        }
    }
}

fn ok() -> u16 {
    200
}
