//! A target for records, with the keys that its connector reads.

use schemars::JsonSchema;
use serde::{
    Deserialize, Serialize, Serializer,
    de::{self, MapAccess},
};

use super::source::put;
use crate::{Name, Object, Value};

/// Where records are written: a connection, a mode, and the connector's own keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    /// The connection to write.
    pub connection: Name,
    /// What happens to a record that is already there.
    pub mode: Mode,
    /// Path of the field (of the mapped record) that names a record.
    pub key: Option<String>,
    /// Path (in the mapped record, else in the source record) of the version: older is dropped.
    pub version: Option<String>,
    /// The keys that the connector reads.
    pub settings: Object,
}

/// What happens to a record that is already there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Insert it, or update the one with the same key.
    #[default]
    Upsert,
    /// Add it, always.
    Insert,
    /// Update the one with the same key; refuse it when there is none.
    Update,
    /// Remove the one with the same key.
    Delete,
}

/// A destination while its keys are read one by one.
#[derive(Default)]
pub(super) struct Reading {
    connection: Option<Name>,
    mode: Mode,
    key: Option<String>,
    version: Option<String>,
    settings: Object,
}

impl Destination {
    pub(super) fn reading() -> Reading {
        Reading::default()
    }
}

impl Reading {
    /// Reads the value of `key`.
    pub(super) fn take<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "connection" => self.connection = Some(map.next_value()?),
            "mode" => self.mode = map.next_value()?,
            "key" => self.key = map.next_value()?,
            "version" => self.version = map.next_value()?,
            _ => self.settings.insert(key.to_owned(), map.next_value::<Value>()?),
        }
        Ok(())
    }

    pub(super) fn destination<E: de::Error>(self) -> Result<Destination, E> {
        let Self { connection, mode, key, version, settings } = self;
        let connection = connection.ok_or_else(|| de::Error::missing_field("connection"))?;
        Ok(Destination { connection, mode, key, version, settings })
    }
}

impl Serialize for Destination {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = Object::new();
        put(&mut all, "connection", &self.connection)?;
        put(&mut all, "mode", &self.mode)?;
        put(&mut all, "key", &self.key)?;
        put(&mut all, "version", &self.version)?;
        for (key, value) in self.settings.iter() {
            all.insert(key, value.clone());
        }
        all.serialize(serializer)
    }
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct DestinationSchema {
    /// The connection to write.
    connection: Name,
    /// What happens to a record that is already there.
    #[serde(default)]
    mode: Mode,
    /// Path of the field (of the mapped record) that names a record.
    key: Option<String>,
    /// Path (in the mapped record, else in the source record) of the version: older is dropped.
    version: Option<String>,
}

impl JsonSchema for Destination {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Destination".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        DestinationSchema::json_schema(generator)
    }
}
