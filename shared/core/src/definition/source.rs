//! Where records come from. Keys that belong to a connector are kept for it.

use std::fmt;

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
};

use crate::{Name, Object, Value, duration::Span as Duration};

/// Where records come from: a connection, an optional cursor, and the connector's own keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The connection to read.
    pub connection: Name,
    /// How only changed records are found. Absent: every run reads everything.
    pub cursor: Option<Cursor>,
    /// The keys that the connector reads.
    pub settings: Object,
}

/// How only changed records are found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Path of the field that grows with every change, such as `.sys_updated_at`.
    pub field: String,
    /// How two values of it compare.
    #[serde(default)]
    pub kind: CursorKind,
    /// `strptime` format of a datetime. ISO 8601 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// IANA zone of a datetime without offset. UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Each run reads this far back behind the last one, and leaves out what it has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Duration>,
    /// Path of a field that tells records with the same value apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tie_break: Option<String>,
}

/// How two cursor values compare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CursorKind {
    /// As points in time.
    #[default]
    Datetime,
    /// As numbers.
    Number,
    /// As text, character by character.
    Text,
}

/// Reads entry by entry, so that a problem keeps its path.
impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Source;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a connection")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Source, A::Error> {
                let (mut connection, mut cursor, mut settings) = (None, None, Object::new());
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "connection" => connection = Some(map.next_value()?),
                        "cursor" => cursor = map.next_value()?,
                        _ => settings.insert(key, map.next_value::<Value>()?),
                    }
                }
                let connection =
                    connection.ok_or_else(|| de::Error::missing_field("connection"))?;
                Ok(Source { connection, cursor, settings })
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

pub(super) fn put<E: serde::ser::Error>(
    object: &mut Object,
    key: &'static str,
    thing: &impl Serialize,
) -> Result<(), E> {
    match Value::of(thing).map_err(E::custom)? {
        Value::Null => {}
        value => object.insert(key, value),
    }
    Ok(())
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = Object::new();
        put(&mut all, "connection", &self.connection)?;
        put(&mut all, "cursor", &self.cursor)?;
        for (key, value) in self.settings.iter() {
            all.insert(key, value.clone());
        }
        all.serialize(serializer)
    }
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct SourceSchema {
    /// The connection to read.
    connection: Name,
    /// How only changed records are found. Absent: every run reads everything.
    cursor: Option<Cursor>,
}

impl JsonSchema for Source {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Source".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        SourceSchema::json_schema(generator)
    }
}
