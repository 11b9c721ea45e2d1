//! What an operator writes, and what Secrets Manager holds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// One receiver.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address of the receiver, when it holds no token. Else it belongs into the secret.
    #[serde(default)]
    pub url: Option<String>,
    /// A check posts a signed event of the type `ferrule.ping`. Without it a check only asks whether
    /// somebody answers at the address.
    #[serde(default)]
    pub ping: bool,
}

/// What the receiver gets.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Type of the event, letters, digits and `_` with dots between, such as `ticket.changed`.
    /// Without it the notification's own type, and `record.changed` or `record.deleted` for records.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Records: all of a batch with one POST, `data: {records: [...]}`, instead of one POST each.
    #[serde(default)]
    pub batch: bool,
}

/// The keys, and what else nobody may see. It has no `Debug`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secret {
    /// Address of the receiver, when it holds a token.
    pub url: Option<String>,
    /// The key, `whsec_...` or `whsk_...`.
    pub secret: Option<String>,
    /// The new key and the old one, while one replaces the other.
    pub secrets: Vec<String>,
    /// Further headers, such as an `authorization`.
    pub headers: BTreeMap<String, String>,
}
