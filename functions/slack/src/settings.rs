//! What an operator writes, and what Secrets Manager holds.

use ferrule_core::duration::Span;
use schemars::JsonSchema;
use serde::Deserialize;

/// One workspace, or one incoming webhook.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the Web API is. Another one for `GovSlack`: `https://slack-gov.com/api`.
    #[serde(default = "api_url")]
    pub api_url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { api_url: api_url() }
    }
}

/// Where a message goes, and how.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Channel, best by its id (`C0123456789`): a name can change, and only by an id the connector
    /// finds its own messages again. Without it the message goes through the incoming webhook.
    #[serde(default)]
    pub channel: Option<String>,
    /// What is told later about the same matter changes its first message in place, instead of
    /// being a reply in its thread. Nobody is called by name by a changed message.
    #[serde(default)]
    pub update: bool,
    /// So long after its first message a matter is still the same thread; then a new message
    /// begins. `0s` is never.
    #[serde(default = "thread_for")]
    pub thread_for: Span,
}

impl Default for Target {
    fn default() -> Self {
        Self { channel: None, update: false, thread_for: thread_for() }
    }
}

/// One of the two, or both. Either is the credential. It has no `Debug`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secret {
    /// Address of an incoming webhook.
    pub webhook_url: Option<String>,
    /// Token of an app, `xoxb-...`.
    pub bot_token: Option<String>,
}

fn api_url() -> String {
    "https://slack.com/api".to_owned()
}

fn thread_for() -> Span {
    Span::from_secs(86_400)
}
