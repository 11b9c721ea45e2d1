//! What starts a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Object, duration::Span as Duration};

/// What starts a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The clock.
    Schedule(ScheduleTrigger),
    /// A signed POST to `/webhooks/{tenant}/{integration}`.
    Webhook(WebhookTrigger),
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
}

/// What silence means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// A successful run is expected at least this often.
    pub success_every: Duration,
}
