//! Where records go: into a target, or to people. Keys that belong to a connector are kept for it.

use std::fmt;

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
};

use super::{Destination, Message, Notify, Once, QuietHours, Recipient, source::put};
use crate::{Object, Value};

/// Where records go: written into a target, or told to recipients.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Each record is written into one target.
    Load(Destination),
    /// Each record becomes a notification.
    Notify(Box<Notify>),
}

impl Output {
    /// Returns the target that records are written into; `None` when they are told.
    pub fn destination(&self) -> Option<&Destination> {
        match self {
            Self::Load(destination) => Some(destination),
            Self::Notify(_) => None,
        }
    }
}

/// Every key that may stand under `output`, before it is known which of the two it is.
#[derive(Default)]
struct Keys {
    notify: Option<Vec<Recipient>>,
    message: Option<Message>,
    once_per: Option<Once>,
    quiet_hours: Option<QuietHours>,
    load: Object,
}

const NOTIFY_KEYS: [&str; 4] = ["notify", "message", "once_per", "quiet_hours"];

/// Reads entry by entry, so that a problem keeps its path.
impl<'de> Deserialize<'de> for Output {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Output;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a connection, or with notify")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Output, A::Error> {
                let mut keys = Keys::default();
                let mut load = Destination::reading();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "notify" => keys.notify = Some(map.next_value()?),
                        "message" => keys.message = map.next_value()?,
                        "once_per" => keys.once_per = map.next_value()?,
                        "quiet_hours" => keys.quiet_hours = map.next_value()?,
                        _ => load.take(&key, &mut map)?,
                    }
                    if !NOTIFY_KEYS.contains(&key.as_str()) {
                        keys.load.insert(key, Value::Null);
                    }
                }
                keys.output(load)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

impl Keys {
    fn output<E: de::Error>(self, load: super::destination::Reading) -> Result<Output, E> {
        let Some(to) = self.notify else {
            let lone = [
                ("message", self.message.is_some()),
                ("once_per", self.once_per.is_some()),
                ("quiet_hours", self.quiet_hours.is_some()),
            ];
            if let Some((key, _)) = lone.iter().find(|(_, given)| *given) {
                return Err(E::custom(format!("{key} belongs to notify, which is missing")));
            }
            return load.destination().map(Output::Load);
        };
        if let Some((key, _)) = self.load.iter().next() {
            let keys = NOTIFY_KEYS.join(", ");
            return Err(E::custom(format!("{key} does not go with notify; there is {keys}")));
        }
        let Self { message, once_per, quiet_hours, .. } = self;
        Ok(Output::Notify(Box::new(Notify { to, message, once_per, quiet_hours })))
    }
}

impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Load(destination) => destination.serialize(serializer),
            Self::Notify(notify) => {
                let mut all = Object::new();
                put(&mut all, "notify", &notify.to)?;
                put(&mut all, "message", &notify.message)?;
                put(&mut all, "once_per", &notify.once_per)?;
                put(&mut all, "quiet_hours", &notify.quiet_hours)?;
                all.serialize(serializer)
            }
        }
    }
}

impl JsonSchema for Output {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Output".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let load = generator.subschema_for::<Destination>();
        let notify = generator.subschema_for::<Notify>();
        schemars::json_schema!({ "anyOf": [load, notify] })
    }
}
