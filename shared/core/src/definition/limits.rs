//! How hard a hub may push, and what an answer means.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span as Duration;

/// Calls, batch size, concurrency.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Calls, such as `60/m`. Of a connection: over all its workers; `60/m` when neither it nor the
    /// integration says so. Of an integration: over all integrations of the connection that say the same,
    /// within what the connection allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<Rate>,
    /// Most records in one batch. At most and by default 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u16>,
    /// Runs of the integration at one time. Only 1 so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u8>,
    /// What the integration may cost. Only of integrations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// What an integration may cost in AWS. When it is spent, what is not urgent waits until there is a new
/// one; nothing is lost, and the event `budget.spent` says so.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Dollars from one midnight to the next, UTC, by the hub's own estimate: `0.50`.
    pub usd_per_day: f64,
}

/// So many calls in so long: `60/m`, `10/s`, `1000/h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    /// Calls within one window; at least 1.
    pub calls: u32,
    /// Length of the window in seconds.
    pub window_secs: u32,
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not a rate: write calls/unit, such as 60/m, 10/s, 1000/h");
        let (calls, unit) = text.split_once('/').ok_or_else(wrong)?;
        let window_secs = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        match calls.trim().parse() {
            Ok(calls @ 1..) => Ok(Self { calls, window_secs }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.window_secs {
            1 => "s",
            3600 => "h",
            _ => "m",
        };
        write!(f, "{}/{unit}", self.calls)
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[1-9][0-9]*/[smh]$" })
    }
}

/// When failed work is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Wait after the first, second, ... failure.
    pub schedule: Vec<Duration>,
    /// What happens after the last.
    #[serde(default)]
    pub then: Then,
}

/// What happens after the last retry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Keep the batch with its cause until someone replays or discards it.
    #[default]
    Park,
    /// Fail the whole run, and park the batch.
    Fail,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// HTTP statuses: `429`, `5xx`, or `timeout`.
    pub status: Vec<StatusMatch>,
    /// Expression over the answer's body that must hold too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What to do.
    #[serde(rename = "do")]
    pub action: Action,
}

/// A status, a class of statuses, or no answer at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusMatch {
    /// Just this one.
    Exact(u16),
    /// A hundred of them: `5xx` is `Class(5)`.
    Class(u8),
    /// No answer in time, or none at all.
    Timeout,
}

impl StatusMatch {
    /// Tells whether `status` (`None`: no answer) is meant.
    pub fn matches(self, status: Option<u16>) -> bool {
        match (self, status) {
            (Self::Exact(want), Some(status)) => want == status,
            (Self::Class(class), Some(status)) => u16::from(class) == status / 100,
            (Self::Timeout, None) => true,
            _ => false,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if text == "timeout" {
            return Some(Self::Timeout);
        }
        if let Some(class) = text.strip_suffix("xx") {
            return class.parse().ok().filter(|c| (1..=5).contains(c)).map(Self::Class);
        }
        text.parse().ok().filter(|s| (100..600).contains(s)).map(Self::Exact)
    }
}

impl<'de> Deserialize<'de> for StatusMatch {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = crate::Value::deserialize(deserializer)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("{text} is not a status: write 404, 5xx or timeout"))
        })
    }
}

impl Serialize for StatusMatch {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exact(status) => serializer.serialize_u16(*status),
            Self::Class(class) => serializer.collect_str(&format_args!("{class}xx")),
            Self::Timeout => serializer.serialize_str("timeout"),
        }
    }
}

impl JsonSchema for StatusMatch {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StatusMatch".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "anyOf": [
            { "type": "integer", "minimum": 100, "maximum": 599 },
            { "type": "string", "pattern": "^([1-5]xx|[1-5][0-9][0-9]|timeout)$" }
        ] })
    }
}

/// What to do about an answer: a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Treat it as success.
    Ok,
    /// Leave the record out, without an error.
    Ignore,
    /// Try again on the schedule.
    Retry,
    /// Wait as long as the answer says; not an attempt.
    RateLimited,
    /// Fetch a new token once, then try again.
    RefreshAuth,
    /// Keep it in the error log for a person.
    Park,
    /// Fail the run.
    Fail,
}
