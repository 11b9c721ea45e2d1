//! The mapping table and the checks, as they are written. `crate::engine` compiles them.

use std::fmt;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{Object, Value};

/// Column by column, what the target gets, in order.
pub type Mapping = IndexMap<String, Column>;

/// One column: a path such as `.number`, or a [`Rule`].
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Copy what is at this path.
    Path(String),
    /// Read, convert, check.
    Rule(Box<Rule>),
}

/// How one column is made. One of `from`, `expr`, `concat`, `const` says where the value comes
/// from; the other keys are applied in the order in which they are documented here.
#[expect(clippy::struct_excessive_bools, reason = "each is a key that people write")]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Path in the source record, such as `.caller.name` or `.lines[0].id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// jq expression over the source record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expr: Option<String>,
    /// Paths (starting with `.`) and literal texts joined into one text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concat: Option<Vec<String>>,
    /// Always this value.
    #[serde(default, rename = "const", skip_serializing_if = "Option::is_none")]
    pub constant: Option<Value>,
    /// Trim, and fold runs of white space into one space.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trim: bool,
    /// These texts mean null.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty: Vec<String>,
    /// Split the text here; `take` says which part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Which part of `split`, from 0; negative counts from the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<i32>,
    /// To lower case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lower: bool,
    /// To upper case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub upper: bool,
    /// Replace the value by this table's entry; a value that is not in it is refused, unless
    /// `default` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup: Option<Object>,
    /// The type it must become.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// `strptime` format of a datetime or date. ISO 8601 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// IANA zone of a datetime without offset. UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Decimal places moved when a decimal becomes an integer: 2 makes cents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<u8>,
    /// Taken when the value is null or absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Refuse the record when the value is null or absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Smallest number allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Value>,
    /// Largest number allowed; for text, most characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Value>,
    /// Only these values are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Value>>,
    /// Regular expression the text must match (linear time; no look-around).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// The type a value must become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Text.
    Text,
    /// An integer of any size.
    Int,
    /// A decimal number; its digits are kept.
    Decimal,
    /// `true`/`false`, `yes`/`no`, `y`/`n`, `on`/`off`, `1`/`0`, in any case.
    Bool,
    /// A point in time, written as RFC 3339 in UTC.
    Datetime,
    /// A day, written as `2016-02-29`.
    Date,
    /// A point in time as seconds since 1970.
    Epoch,
    /// JSON text, read.
    Json,
}

/// What a mapped record must fulfil.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// These columns must be there and not null.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// jq expression over the mapped record; when it is true, `do` happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// `park` (default: into the error log), `ignore` (left out) or `fail` (the run fails).
    #[serde(default, rename = "do", skip_serializing_if = "Option::is_none")]
    pub action: Option<super::Action>,
    /// Code in the error log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Sentence in the error log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Reads on through the same deserialiser, so that a problem keeps its path.
impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PathOrRule;

        impl<'de> Visitor<'de> for PathOrRule {
            type Value = Column;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path such as .number, or a rule such as {from: .number}")
            }

            fn visit_str<E: de::Error>(self, path: &str) -> Result<Column, E> {
                Ok(Column::Path(path.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Column, A::Error> {
                let rule = Rule::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Column::Rule(Box::new(rule)))
            }
        }

        deserializer.deserialize_any(PathOrRule)
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Path(path) => serializer.serialize_str(path),
            Self::Rule(rule) => rule.serialize(serializer),
        }
    }
}

impl JsonSchema for Column {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Column".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let rule = generator.subschema_for::<Rule>();
        schemars::json_schema!({ "anyOf": [{ "type": "string", "pattern": "^\\." }, rule] })
    }
}
