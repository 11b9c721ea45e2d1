//! The configuration service: versions of a value per environment and key.
//!
//! A change writes the current row, a row of the history and the event that tells of it in one
//! transaction: a change without its event cannot exist, nor the reverse. The number of a version
//! is the revision of the current row, so whoever comes second is told so; a deletion is a version
//! too, and numbers are never used again.
//!
//! A sensitive value lives in Secrets Manager (`vault`). Rows, events and answers have its salted
//! hash, and rows the id of its version there.

mod change;
mod event;
mod key;
mod plan;
mod read;
#[cfg(test)]
mod tests;
mod vault;

pub use change::{ConfigChange, ConfigDone, ConfigRefusal, ConfigWish, MOST_CHANGES, Refused};
pub use key::{BadKey, ConfigKey};

use ferrule_core::{Failure, Name, Value};
use serde::{Deserialize, Serialize};

use crate::Item;

/// Largest value and largest schema, as JSON.
pub const MAX_CONFIG_BYTES: usize = 64 * 1024;

/// Where a value stands: one key of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConfigAt {
    /// Such as `production`; [`ConfigAt::DEFAULT`] when nobody says.
    pub environment: Name,
    /// Such as `app.database.host`.
    pub key: ConfigKey,
}

impl ConfigAt {
    /// The environment when nobody names one.
    pub const DEFAULT: &str = "default";

    fn row(&self) -> String {
        format!("{CURRENT}{}#{}", self.environment, self.key)
    }

    fn history(&self) -> String {
        format!("{HISTORY}{}#{}#", self.environment, self.key)
    }

    fn version(&self, version: u64) -> String {
        format!("{}{version:012}", self.history())
    }

    /// Path of the secret behind owner and tenant.
    fn secret(&self) -> String {
        format!("{}/{}", self.environment, self.key)
    }
}

/// Begins the sort key of what is so now.
const CURRENT: &str = "config#";

/// Begins the sort key of what was so.
const HISTORY: &str = "config-history#";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfigAction {
    /// A value was set.
    Set,
    /// The value of an earlier version was set again.
    Rollback,
    /// The value was taken away.
    Delete,
}

impl ConfigAction {
    /// Returns the word, as it stands in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Rollback => "rollback",
            Self::Delete => "delete",
        }
    }
}

/// What a version holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// Nothing: the value was deleted.
    Nothing,
    /// A value.
    Plain(Value),
    /// A sensitive value, which is elsewhere.
    Sealed {
        /// Salted hash: equal values of one key have equal hashes.
        hash: String,
        /// Its version in Secrets Manager; `None` when it was not kept.
        secret: Option<String>,
    },
}

/// One version of a value: who, when, why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigVersion {
    /// From 1, never used again.
    pub version: u64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Who.
    pub by: String,
    /// Why, as far as that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was done.
    pub action: ConfigAction,
    /// What it holds.
    pub held: Held,
    /// Of a rollback: the version whose value this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// Nobody was told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub local_only: bool,
}

/// A value as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where it stands.
    pub at: ConfigAt,
    /// What values must fit.
    pub schema: Option<Value>,
    /// Its values are secrets.
    pub is_sensitive: bool,
    /// The newest version.
    pub latest: ConfigVersion,
}

impl Config {
    /// Tells whether there is a value: it was not deleted.
    pub fn is_there(&self) -> bool {
        self.latest.held != Held::Nothing
    }
}

/// Body of the current row.
#[derive(Serialize, Deserialize)]
struct Row {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<Value>,
    /// The version that came with the schema: it and all since fit it.
    #[serde(default)]
    schema_since: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    sensitive: bool,
    latest: ConfigVersion,
}

impl Row {
    fn read(item: &Item, at: ConfigAt) -> Result<Config, Failure> {
        Ok(item.read::<Self>()?.of(at))
    }

    fn of(self, at: ConfigAt) -> Config {
        let Self { schema, sensitive, latest, .. } = self;
        Config { at, schema, is_sensitive: sensitive, latest }
    }
}
