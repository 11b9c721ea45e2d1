//! What starts a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Object, Value, duration::Span as Duration};

/// What starts a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The clock.
    Schedule(ScheduleTrigger),
    /// A signed POST to `/webhooks/{tenant}/{integration}`.
    Webhook(WebhookTrigger),
    /// A configuration value that was changed through the hub.
    ConfigChange(ConfigChangeTrigger),
    /// Something that happened in the hub itself.
    Event(EventTrigger),
}

impl Trigger {
    /// Returns how urgent the work is that it starts.
    pub fn urgency(&self) -> Urgency {
        match self {
            Self::Schedule(_) => Urgency::Medium,
            Self::Webhook(webhook) => webhook.urgency,
            Self::ConfigChange(change) => change.urgency,
            Self::Event(event) => event.urgency,
        }
    }
}

/// How urgent work is. What is high has a queue of its own and never waits behind the rest.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// When there is time.
    Low,
    /// As it comes.
    #[default]
    Medium,
    /// At once.
    High,
}

impl Urgency {
    /// Tells whether it is what it is when nobody says anything.
    pub fn is_medium(&self) -> bool {
        *self == Self::Medium
    }
}

/// A configuration value was changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigChangeTrigger {
    /// Patterns over the key: `*` is any run of characters, dots included; `!` in front takes out
    /// again.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Only changes in these environments. Any when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
    /// How urgent the work is.
    #[serde(default)]
    pub urgency: Urgency,
}

/// Something happened in the hub itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventTrigger {
    /// Types of events, such as `run.failed`.
    #[serde(rename = "type", deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany")]
    pub types: Vec<String>,
    /// Patterns over what it is about: the name of an integration or a connection. All when empty.
    #[serde(rename = "match", default, skip_serializing_if = "Vec::is_empty")]
    pub matching: Vec<String>,
    /// How urgent the work is.
    #[serde(default)]
    pub urgency: Urgency,
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(one) => Ok(vec![one.to_string()]),
        many => many.to().map_err(|_| {
            serde::de::Error::custom("type is one type of event, such as run.failed, or a list")
        }),
    }
}

/// Every so often, or by cron.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleTrigger {
    /// Time between starts, such as `15m`. Either this or `cron`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
    /// Five-field cron expression, such as `0 6 * * MON-FRI`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// IANA zone in which `cron` is read. UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Starts are spread over this long, the same way each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Duration>,
    /// What happens to ticks that passed while nothing ran.
    #[serde(default)]
    pub missed: Missed,
}

/// What happens to ticks that passed while nothing ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// One run makes up for all of them.
    #[default]
    Once,
    /// They are left out.
    Skip,
}

/// How a webhook is verified and read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookTrigger {
    /// Name of a shipped signature recipe, such as `standard_webhooks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// A signature recipe spelled out, or what differs from `recipe`; `functions/ingest` documents
    /// its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Object>,
    /// Largest body in bytes. At most and by default 1 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u32>,
    /// Headers that become part of the record, as `.headers["x-github-event"]`. Never ones that
    /// hold a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// How urgent the work is.
    #[serde(default, skip_serializing_if = "Urgency::is_medium")]
    pub urgency: Urgency,
}

/// What silence means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// A successful run is expected at least this often.
    pub success_every: Duration,
}
