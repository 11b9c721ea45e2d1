//! Signature recipes: how a webhook proves who sent it, as data.
//!
//! A recipe says where the signature, the timestamp and the delivery id are, and what is signed.
//! It also says how a vendor asks whether we are there, and which part of a body is a record. A
//! vendor needs a recipe and no code. `ingest` applies them; here they are read and checked, so that
//! a bad one is refused when it is saved.

mod challenge;
mod check;
mod signed;

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

pub use challenge::{Asked, Challenge, Echo, Unsigned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use signed::Part;

use crate::{
    Object, Value,
    definition::{Problem, WebhookTrigger},
    duration::Span,
};

/// Largest webhook body, and the default.
pub const MAX_WEBHOOK_BYTES: usize = 1024 * 1024;

/// How far a timestamp may be from now, either way, unless the recipe says otherwise.
const TOLERANCE: Span = Span::from_secs(300);

static SHIPPED: LazyLock<BTreeMap<String, Object>> =
    LazyLock::new(|| serde_json::from_str(include_str!("shipped.json")).unwrap_or_default());

/// How a webhook is verified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// How the signature is made.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// Header that holds the signature, or the token. Only a `body_token` has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub header: String,
    /// Character between several signatures in that header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<char>,
    /// What stands before a signature, such as `sha256=`. Others are left alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// How a signature is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// How the secret is written.
    #[serde(default)]
    pub secret: SecretForm,
    /// A second kind of signature in the same header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also: Option<Also>,
    /// Key of every record that holds a `body_token`. It is taken out of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The text that is signed, with `{body}`, `{timestamp}` and `{id}` in it.
    #[serde(default = "body_only")]
    pub signed: String,
    /// Where the time of sending is. It must be part of what is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<TimestampAt>,
    /// Header with an id that is the same on every attempt at a delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Path of such an id in the body, when it is in no header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_field: Option<String>,
    /// Path of a list in the body whose items are the records; `.` when the body is that list. The
    /// body is the record when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<String>,
    /// Field of a form that holds the record as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// How the vendor asks whether we are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub challenges: Vec<Challenge>,
}

/// How a signature is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// HMAC-SHA256 over `signed`.
    #[default]
    HmacSha256,
    /// ECDSA on P-256 with SHA-256 over `signed`, in DER. The secret is the vendor's public key, as
    /// a `SubjectPublicKeyInfo`.
    EcdsaP256,
    /// Ed25519 over `signed`. The secret is the vendor's public key.
    Ed25519,
    /// The header holds the secret itself; nothing is signed.
    Static,
    /// Every record holds the secret itself, under `token`; nothing is signed.
    BodyToken,
}

impl Algorithm {
    /// Tells whether the secret is the public key of a pair.
    pub fn is_public_key(self) -> bool {
        matches!(self, Self::EcdsaP256 | Self::Ed25519)
    }

    /// Tells whether a secret is sent, and nothing signed.
    pub fn is_token(self) -> bool {
        matches!(self, Self::Static | Self::BodyToken)
    }
}

/// A second kind of signature in the same header, as the first one encoded and over the same text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Also {
    /// How it is made.
    pub algorithm: Algorithm,
    /// What stands before it, such as `v1a,`.
    pub prefix: String,
    /// What its keys begin with, such as `whpk_`. What follows is base64.
    pub key: String,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Lowercase hex digits.
    #[default]
    Hex,
    /// Base64 with padding.
    Base64,
}

/// How a secret is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretForm {
    /// Its text is the key.
    #[default]
    Text,
    /// Base64, after an optional `whsec_`.
    Base64,
    /// Hex digits.
    Hex,
}

/// Where the time of sending is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimestampAt {
    /// Header that holds it.
    pub header: String,
    /// Character between the parts of that header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<char>,
    /// What stands before it, such as `t=`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// How it is written.
    #[serde(default)]
    pub format: TimestampFormat,
    /// How far it may be from now, either way; 5 minutes when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Span>,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimestampFormat {
    /// Seconds since 1970.
    #[default]
    Seconds,
    /// `2026-01-31T12:00:00Z`
    Rfc3339,
}

impl TimestampAt {
    /// Returns how far the time may be from now, either way.
    pub fn tolerance(&self) -> Duration {
        self.tolerance.unwrap_or(TOLERANCE).duration()
    }
}

impl Recipe {
    /// Returns the recipe that a trigger asks for, checked: a shipped one, one spelled out, or a
    /// shipped one with keys replaced.
    pub fn of(trigger: &WebhookTrigger) -> Result<Self, Vec<Problem>> {
        let mut keys = match &trigger.recipe {
            Some(name) => shipped(name)?,
            None if trigger.signature.is_some() => Object::new(),
            None => return Err(unsigned()),
        };
        for (key, value) in trigger.signature.iter().flat_map(Object::iter) {
            keys.insert(key, value.clone());
        }
        let recipe: Self = Value::Object(keys).to().map_err(|error| {
            // The position is within a text that nobody wrote.
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            vec![Problem::new("trigger.webhook.signature", message)]
        })?;
        let problems = check::problems(&recipe, trigger);
        if problems.is_empty() { Ok(recipe) } else { Err(problems) }
    }

    /// Returns what is signed, piece by piece.
    pub fn parts(&self) -> Result<Vec<Part>, String> {
        signed::parts(&self.signed)
    }
}

impl WebhookTrigger {
    /// Returns the largest body that is taken.
    pub fn body_limit(&self) -> usize {
        let asked = self.max_bytes.and_then(|bytes| usize::try_from(bytes).ok());
        asked.unwrap_or(MAX_WEBHOOK_BYTES).min(MAX_WEBHOOK_BYTES)
    }
}

fn body_only() -> String {
    "{body}".to_owned()
}

fn shipped(name: &str) -> Result<Object, Vec<Problem>> {
    SHIPPED.get(name).cloned().ok_or_else(|| {
        let known: Vec<&str> = SHIPPED.keys().map(String::as_str).collect();
        let message = format!("there is no recipe {name:?}; there are {}", known.join(", "));
        vec![Problem::new("trigger.webhook.recipe", message).suggest(name, known)]
    })
}

fn unsigned() -> Vec<Problem> {
    let message = "say how deliveries are verified: a recipe, or a signature spelled out";
    vec![Problem::new("trigger.webhook", message)]
}

#[cfg(test)]
mod tests;
