//! What a user writes: integrations and connections.
//!
//! The types are the schema: unknown keys are refused, and `ferrule schema` prints what they say.
//! Settings that belong to a connector stay an [`Object`] here; the connector's own types read them.

mod destination;
mod guard;
mod limits;
mod mapping;
mod notify;
mod output;
mod recipients;
mod source;
mod trigger;

pub use destination::{Destination, Mode};
pub use guard::Guard;
pub use limits::{Action, Budget, ErrorRule, Limits, Rate, Retry, StatusMatch, Then};
pub use mapping::{Check, Column, Kind, Mapping, Rule};
pub use notify::{Mention, Message, Notify, Once, QuietHours, Recipient, Window};
pub use output::Output;
pub use recipients::{Listed, ROOM, piece_seq, same_piece};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use source::{Cursor, CursorKind, Source};
pub use trigger::{
    ConfigChangeTrigger, EventTrigger, Expect, Missed, ScheduleTrigger, Trigger, Urgency,
    WebhookTrigger,
};

use crate::{Name, Object, Value};

/// The only version of the definition format so far.
pub const API_VERSION: &str = "ferrule/v1";

/// Who a document is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Unique within the tenant and the kind.
    pub name: Name,
    /// Team or person to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// One sentence on what it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Trigger, source, map, validate, output, errors, limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Integration {
    /// `ferrule/v1`
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    /// `Integration`
    pub kind: String,
    /// Name and owner.
    pub metadata: Metadata,
    /// What starts a run. Without it, only a person or the API does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// Where records come from. Absent when the trigger brings them (a webhook, a change, an event).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Column by column, what the target gets. Absent: records pass unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<Mapping>,
    /// What a mapped record must fulfil.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validate: Vec<Check>,
    /// Where records go.
    pub output: Output,
    /// How much one run may change before somebody has looked at it. Absent: as much as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// Whom to tell when this integration fails. Integrations with an `event` trigger hear of it
    /// too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tell: Vec<Recipient>,
    /// What an answer of the source or target means; first match wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorRule>,
    /// When failed work is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Calls, batch size, concurrency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Raise an alarm when this long passes without a successful run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// Examples that `ferrule check` runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<Example>,
}

/// A connector, its settings and its limits ("our production ServiceNow").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// `ferrule/v1`
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    /// `Connection`
    pub kind: String,
    /// Name and owner.
    pub metadata: Metadata,
    /// Which connector serves it: the name of a folder in `functions/`.
    pub connector: Name,
    /// The connector's own settings. Never a secret.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub settings: Object,
    /// Limits shared by every integration that uses this connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// A record in, and what must come out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What it shows.
    pub name: String,
    /// A record as the source gives it.
    pub given: Value,
    /// The mapped record; absent keys are not compared. Absent when it must be refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Value>,
    /// The code with which it must be refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What is wrong with a definition, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Path within the document, such as `source.cursor.kind`.
    pub path: String,
    /// Line in the text, from 1; 0 when unknown.
    pub line: u32,
    /// Column in the text, from 1; 0 when unknown.
    pub column: u32,
    /// What is wrong and what was expected.
    pub message: String,
    /// A likely intended spelling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl Problem {
    /// Says what is wrong at `path`; where that is in the text is filled in later.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        let (path, message) = (path.into(), message.into());
        Self { path, line: 0, column: 0, message, suggestion: None }
    }

    /// Suggests the one of `names` that `wrong` is most like.
    #[must_use]
    pub fn suggest<'n>(mut self, wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Self {
        let scored = names.into_iter().map(|name| (strsim::jaro_winkler(wrong, name), name));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score > 0.8);
        self.suggestion = best.map(|(_, name)| name.to_owned());
        self
    }
}

/// Writes `line:column path: message; did you mean ...?`.
impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}: ", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean {suggestion}?"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
