//! What callers send.

use ferrule_core::{Name, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::problem::Problem;

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

/// Body of `PUT /v1/config/{key}`. It may hold a secret: it cannot be printed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// Any JSON of at most 64 KiB. The value that is there stays when this is left out.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Value")]
    pub(super) value: Option<Value>,
    /// Why.
    #[serde(default)]
    pub(super) reason: Option<String>,
    /// Such as `production`; `default` when left out.
    #[serde(default)]
    pub(super) environment: Option<Name>,
    /// A JSON Schema that this and later values must fit; `null` takes it away. The one that is
    /// there stays when this is left out.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Value")]
    pub(super) schema: Option<Value>,
    /// Values are secrets from now on, and those of the history too: they are shown and told as a
    /// hash only. `false` needs a value that may be shown.
    #[serde(default)]
    pub(super) sensitive: Option<bool>,
}

/// Body of `POST /v1/config/{key}/rollback`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Back {
    /// The version whose value is set again, as a new version.
    pub(super) version: u64,
    /// Why.
    #[serde(default)]
    pub(super) reason: Option<String>,
    /// Such as `production`; `default` when left out.
    #[serde(default)]
    pub(super) environment: Option<Name>,
}

/// Query of reads.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    pub(super) environment: Option<Name>,
}

/// Query of lists.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    pub(super) environment: Option<Name>,
    #[serde(rename = "match")]
    pub(super) matching: Option<String>,
    pub(super) limit: Option<usize>,
    pub(super) cursor: Option<String>,
}

/// Query of writes.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Telling {
    /// Nobody is told.
    #[serde(default)]
    pub(super) local_only: bool,
}

/// Query of deletions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Removal {
    pub(super) environment: Option<Name>,
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) local_only: bool,
}

/// Tells `null` from nothing.
pub(super) fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Refuses a reason that is a document.
pub(super) fn checked_reason(reason: Option<String>) -> Result<Option<String>, Problem> {
    match &reason {
        Some(text) if text.chars().count() > MAX_REASON => {
            Err(Problem::bad_request(format!("a reason has at most {MAX_REASON} characters")))
        }
        _ => Ok(reason.filter(|text| !text.trim().is_empty())),
    }
}
