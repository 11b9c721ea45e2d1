//! What callers get to see of configuration values.

use ferrule_core::Value;
use ferrule_store::{Config, ConfigDone, ConfigVersion, Held};
use schemars::JsonSchema;
use serde::Serialize;

use ferrule_http::time;

use crate::etag::ETag;

/// A value as it is now.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConfigView {
    key: String,
    environment: String,
    /// The value; a sensitive one is never shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    /// In place of a sensitive value: equal values of a key have equal hashes.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    sensitive: bool,
    /// From 1, never used again.
    version: u64,
    /// Pass it as `If-Match` to change exactly this.
    etag: String,
    at: String,
    /// Whose key it was.
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// `set`, `rollback` or `delete`.
    action: &'static str,
    /// What values must fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<Value>,
    /// After a change: there is a new version; else everything was so already.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
}

impl ConfigView {
    /// Shows a value.
    pub(super) fn of(config: Config) -> Self {
        let Config { at, schema, is_sensitive, latest } = config;
        let (value, hash) = shown(latest.held);
        Self {
            key: at.key.to_string(),
            environment: at.environment.to_string(),
            value,
            hash,
            sensitive: is_sensitive,
            version: latest.version,
            etag: ETag::version(latest.version).as_str().to_owned(),
            at: time(latest.at),
            by: latest.by,
            reason: latest.reason,
            action: latest.action.as_str(),
            schema,
            changed: None,
        }
    }

    /// Shows what became of a change.
    pub(super) fn after(done: ConfigDone) -> Self {
        Self { changed: Some(done.is_changed), ..Self::of(done.config) }
    }
}

/// One version of a value.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VersionView {
    version: u64,
    /// The value; a sensitive one is never shown, and a deletion has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    /// In place of a sensitive value: equal values of a key have equal hashes.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    at: String,
    /// Whose key it was.
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// `set`, `rollback` or `delete`.
    action: &'static str,
    /// Of a rollback: the version whose value this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
    /// Nobody was told.
    local_only: bool,
}

impl From<ConfigVersion> for VersionView {
    fn from(version: ConfigVersion) -> Self {
        let (value, hash) = shown(version.held);
        Self {
            version: version.version,
            value,
            hash,
            at: time(version.at),
            by: version.by,
            reason: version.reason,
            action: version.action.as_str(),
            of: version.of,
            local_only: version.local_only,
        }
    }
}

fn shown(held: Held) -> (Option<Value>, Option<String>) {
    match held {
        Held::Nothing => (None, None),
        Held::Plain(value) => (Some(value), None),
        Held::Sealed { hash, .. } => (None, Some(hash)),
    }
}
