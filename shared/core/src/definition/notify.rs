//! Whom to tell about a record, how, and when not.

use std::fmt;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
};

use super::{Urgency, source::put};
use crate::{Name, Object, Value, duration::Span};

/// Each record becomes a notification.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Notify {
    /// Whom to tell.
    #[schemars(rename = "notify")]
    pub to: Vec<Recipient>,
    /// What to say. Without it, what the type of the event suggests.
    pub message: Option<Message>,
    /// Tell only once in a while.
    pub once_per: Option<Once>,
    /// When only what is urgent is told; the rest comes as a digest afterwards.
    pub quiet_hours: Option<QuietHours>,
}

/// Texts of a notification. `${...}` in them is a jq expression over the record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// One line, such as `${.key} changed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A few sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Label to jq expression, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<IndexMap<String, String>>,
    /// jq expression: notifications with the same result belong to one matter (a thread, an issue).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// jq expression: true when this ends the matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
}

/// Whom to tell: a connection, when, and the connector's own keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipient {
    /// The connection through which they are told.
    pub connection: Name,
    /// Only what is about one of these: patterns over the subject (a configuration key, the name of
    /// an integration), where `*` is any run of characters and `!` takes out. All when empty.
    pub matching: Vec<String>,
    /// Only what is this urgent. Any when empty.
    pub urgency: Vec<Urgency>,
    /// Whom to call by name, on what.
    pub mention: Vec<Mention>,
    /// Several notifications as one digest.
    pub batch: Option<Window>,
    /// After this long a notification that was not delivered goes into a digest.
    pub useful_for: Option<Span>,
    /// Whom to tell when this one cannot be told for good.
    pub fallback: Vec<Recipient>,
    /// The keys that the connector reads.
    pub settings: Object,
}

/// Whom to call by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mention {
    /// Patterns over the subject.
    #[serde(rename = "match", default, skip_serializing_if = "Vec::is_empty")]
    pub matching: Vec<String>,
    /// Ids of people or groups, as the target knows them.
    pub who: Vec<String>,
}

/// Several notifications as one digest: sent when it is full or its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Most notifications of one digest; 1 to 100.
    pub size: u16,
    /// How long the first one waits at most; 1s to 1d.
    pub window: Span,
}

/// The same thing is told once in a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Once {
    /// jq expression: records with the same result are the same thing.
    pub key: String,
    /// Repeats within this time are left out.
    #[serde(rename = "for")]
    pub span: Span,
}

/// Hours of the day in which only what is urgent is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// Start, such as `22:00`.
    pub from: String,
    /// End, such as `07:00`.
    pub to: String,
    /// IANA zone. UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// Reads entry by entry, so that a problem keeps its path.
impl<'de> Deserialize<'de> for Recipient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Recipient;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a connection")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Recipient, A::Error> {
                let (mut connection, mut batch, mut useful_for) = (None, None, None);
                let (mut matching, mut urgency, mut mention) = (Vec::new(), Vec::new(), Vec::new());
                let (mut fallback, mut settings) = (Vec::new(), Object::new());
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "connection" => connection = Some(map.next_value()?),
                        "match" => matching = map.next_value()?,
                        "urgency" => urgency = map.next_value()?,
                        "mention" => mention = map.next_value()?,
                        "batch" => batch = map.next_value()?,
                        "useful_for" => useful_for = map.next_value()?,
                        "else" => fallback = map.next_value()?,
                        _ => settings.insert(key, map.next_value::<Value>()?),
                    }
                }
                let connection =
                    connection.ok_or_else(|| de::Error::missing_field("connection"))?;
                Ok(Recipient {
                    connection,
                    matching,
                    urgency,
                    mention,
                    batch,
                    useful_for,
                    fallback,
                    settings,
                })
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

impl Serialize for Recipient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = Object::new();
        put(&mut all, "connection", &self.connection)?;
        let lists = [
            ("match", Value::of(&self.matching)),
            ("urgency", Value::of(&self.urgency)),
            ("mention", Value::of(&self.mention)),
            ("else", Value::of(&self.fallback)),
        ];
        for (key, list) in lists {
            let list = list.map_err(serde::ser::Error::custom)?;
            if !matches!(&list, Value::Array(items) if items.is_empty()) {
                all.insert(key, list);
            }
        }
        put(&mut all, "batch", &self.batch)?;
        put(&mut all, "useful_for", &self.useful_for)?;
        for (key, value) in self.settings.iter() {
            all.insert(key, value.clone());
        }
        all.serialize(serializer)
    }
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct RecipientSchema {
    /// The connection through which they are told.
    connection: Name,
    /// Only what is about one of these: patterns over the subject (a configuration key, the name of
    /// an integration), where `*` is any run of characters and `!` takes out. All when absent.
    #[serde(rename = "match", default)]
    matching: Vec<String>,
    /// Only what is this urgent. Any when absent.
    #[serde(default)]
    urgency: Vec<Urgency>,
    /// Whom to call by name, on what.
    #[serde(default)]
    mention: Vec<Mention>,
    /// Several notifications as one digest.
    batch: Option<Window>,
    /// After this long a notification that was not delivered goes into a digest.
    useful_for: Option<Span>,
    /// Whom to tell when this one cannot be told for good.
    #[serde(rename = "else", default)]
    fallback: Vec<Recipient>,
}

impl JsonSchema for Recipient {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Recipient".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        RecipientSchema::json_schema(generator)
    }
}
