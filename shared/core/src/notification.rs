//! What a recipient is told.

use serde::{Deserialize, Serialize};

use crate::{Hops, Value, definition::Urgency};

/// A message for people or for another system, before a connector gives it its form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The same on every repeat, different for every other record or recipient: what a connector
    /// gives as an idempotency key, or finds its own message by.
    pub id: String,
    /// Type of the event, such as `config.changed`; `record` when it is none.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened, in milliseconds since 1970.
    pub at: i64,
    /// What it is about; empty when that is not known.
    #[serde(default)]
    pub subject: String,
    /// One line.
    pub title: String,
    /// A few sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Label and value, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// How urgent it is.
    #[serde(default)]
    pub urgency: Urgency,
    /// Ids of people or groups to call by name, as the target knows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<String>,
    /// Notifications with the same thread belong to one matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// This ends the matter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resolved: bool,
    /// Several notifications in one; then this is about all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digest: Vec<Notification>,
    /// Integrations that the record has come through.
    #[serde(default, skip_serializing_if = "Hops::is_none")]
    pub hops: Hops,
    /// The record as it was mapped.
    #[serde(default)]
    pub record: Value,
}

/// A label and a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The label, such as `New value`.
    pub name: String,
    /// The value.
    pub value: Value,
}
