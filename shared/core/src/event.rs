//! What happened: a configuration value was changed, a run failed, a breaker opened.
//!
//! An event is a record with another trigger: it starts the integrations whose trigger it matches,
//! and goes through the same stages as every other record.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Object, Value};

/// A configuration value was changed. The subject is its key.
pub const CONFIG_CHANGED: &str = "config.changed";
/// A run could not go on. The subject is the integration.
pub const RUN_FAILED: &str = "run.failed";
/// A run would change more than its guard lets pass, and waits for somebody to approve it. The subject is
/// the integration.
pub const RUN_WAITING: &str = "run.waiting";
/// Work failed for good and is kept in the error log. The subject is the integration.
pub const ERRORS_PARKED: &str = "errors.parked";
/// What is parked will soon be kept no longer. The subject is the integration.
pub const ERRORS_EXPIRING: &str = "errors.expiring";
/// An integration had no success for longer than it expects. The subject is the integration.
pub const INTEGRATION_SILENT: &str = "integration.silent";
/// The breaker of a connection opened: its messages wait. The subject is the connection.
pub const CONNECTION_OPENED: &str = "connection.opened";
/// The breaker of a connection closed again. The subject is the connection.
pub const CONNECTION_CLOSED: &str = "connection.closed";
/// The hourly check of a connection fails, and did not before. The subject is the connection.
pub const CONNECTION_FAILED: &str = "connection.failed";
/// An integration has cost its budget of the day: what is not urgent waits until the next one. The subject
/// is the integration.
pub const BUDGET_SPENT: &str = "budget.spent";
/// The hourly check of a connection succeeds again. The subject is the connection.
pub const CONNECTION_RECOVERED: &str = "connection.recovered";
/// A target said that it is gone for good (410). The subject is the connection.
pub const TARGET_DISABLED: &str = "target.disabled";

/// The types of events that tell of the hub itself: what a trigger may name.
pub const HUB_EVENTS: [&str; 11] = [
    RUN_FAILED,
    RUN_WAITING,
    ERRORS_PARKED,
    ERRORS_EXPIRING,
    INTEGRATION_SILENT,
    BUDGET_SPENT,
    CONNECTION_OPENED,
    CONNECTION_CLOSED,
    CONNECTION_FAILED,
    CONNECTION_RECOVERED,
    TARGET_DISABLED,
];

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The same however often it is told, different for everything else.
    pub id: String,
    /// What kind of thing, such as `config.changed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What it is about: a configuration key, the name of an integration or a connection.
    pub subject: String,
    /// What else there is to say.
    pub data: Object,
}

impl Event {
    /// Returns the record that integrations see: `id`, `type`, `time` and `subject`, and what else
    /// there is to say beside them.
    pub fn record(&self) -> Value {
        let time = Timestamp::from_millisecond(self.at).map_or(Value::Null, |at| {
            Value::from(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        });
        let mut record = Object::new();
        record.insert("id", Value::from(self.id.as_str()));
        record.insert("type", Value::from(self.kind.as_str()));
        record.insert("time", time);
        record.insert("subject", Value::from(self.subject.as_str()));
        for (key, value) in self.data.iter() {
            if record.get(key).is_none() {
                record.insert(key, value.clone());
            }
        }
        Value::from(record)
    }

    /// Tells whether it is about the hub itself.
    pub fn is_alert(&self) -> bool {
        HUB_EVENTS.contains(&self.kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_facts_cannot_be_overwritten_by_what_it_carries() {
        let mut data = Object::new();
        data.insert("key", Value::from("app.database.host"));
        data.insert("type", Value::from("forged"));
        let event = Event {
            id: "e1".into(),
            kind: CONFIG_CHANGED.into(),
            at: 1_760_000_000_123,
            subject: "app.database.host".into(),
            data,
        };
        let wanted = r#"{"id":"e1","type":"config.changed","time":"2025-10-09T08:53:20.123Z","subject":"app.database.host","key":"app.database.host"}"#;
        assert_eq!(event.record().to_string(), wanted);
        assert!(!event.is_alert());
    }
}
