//! What the type of an event suggests to say.

use crate::{
    Field, Value,
    event::{
        BUDGET_SPENT, CONFIG_CHANGED, CONNECTION_CLOSED, CONNECTION_FAILED, CONNECTION_OPENED,
        CONNECTION_RECOVERED, ERRORS_EXPIRING, ERRORS_PARKED, INTEGRATION_SILENT, RUN_FAILED,
        RUN_WAITING, TARGET_DISABLED,
    },
};

/// Most fields of a record that is described by itself.
const MOST_FIELDS: usize = 40;

/// The fields of a configuration change, in the order in which people read them.
const CONFIG_FIELDS: [(&str, &str); 7] = [
    ("Key", "key"),
    ("Environment", "environment"),
    ("Old value", "old"),
    ("New value", "new"),
    ("Changed by", "by"),
    ("Reason", "reason"),
    ("Time", "time"),
];

/// What is in every event, and said elsewhere.
const HEAD: [&str; 4] = ["id", "type", "time", "subject"];

pub(super) fn title(kind: &str, record: &Value) -> String {
    let text = |key: &str| record.get(key).map(shown).unwrap_or_default();
    let subject = text("subject");
    match kind {
        CONFIG_CHANGED => match text("environment").as_str() {
            "" => format!("{subject} {}", changed(record)),
            environment => format!("{subject} {} in {environment}", changed(record)),
        },
        RUN_FAILED => format!("{subject} failed"),
        RUN_WAITING => format!("{subject} waits for approval"),
        ERRORS_PARKED => format!("{subject}: work is parked ({})", text("code")),
        ERRORS_EXPIRING => format!("{subject}: what is parked will soon be gone"),
        INTEGRATION_SILENT => format!("{subject} is silent"),
        BUDGET_SPENT => format!("{subject} has spent today's budget"),
        CONNECTION_OPENED => format!("Connection {subject} does not answer; its messages wait"),
        CONNECTION_CLOSED => format!("Connection {subject} answers again"),
        CONNECTION_FAILED => format!("The check of connection {subject} fails"),
        CONNECTION_RECOVERED => format!("The check of connection {subject} succeeds again"),
        TARGET_DISABLED => format!("The target of connection {subject} is gone"),
        _ => ["title", "subject", "name", "key", "number", "id"]
            .iter()
            .map(|key| text(key))
            .find(|text| !text.is_empty())
            .unwrap_or_else(|| kind.to_owned()),
    }
}

fn changed(record: &Value) -> &'static str {
    let is_set = |key: &str| record.get(key).is_some_and(|value| !value.is_null());
    match (is_set("old"), is_set("new")) {
        (false, true) => "was set",
        (true, false) => "was removed",
        _ => "was changed",
    }
}

pub(super) fn text(kind: &str, record: &Value) -> Option<String> {
    let key = match kind {
        RUN_FAILED | RUN_WAITING => "reason",
        ERRORS_PARKED | ERRORS_EXPIRING | INTEGRATION_SILENT | BUDGET_SPENT | CONNECTION_OPENED
        | CONNECTION_FAILED | TARGET_DISABLED => "message",
        _ => return None,
    };
    record.get(key).filter(|value| !value.is_null()).map(shown)
}

pub(super) fn fields(kind: &str, record: &Value) -> Vec<Field> {
    if kind == CONFIG_CHANGED {
        let fields = CONFIG_FIELDS.iter();
        return fields.filter_map(|(name, key)| field(name, record.get(key)?)).collect();
    }
    let Some(object) = record.as_object() else {
        return field("Value", record).into_iter().collect();
    };
    let is_event = record.get("type").is_some() && record.get("subject").is_some();
    let own = object.iter().filter(|(key, _)| !is_event || !HEAD.contains(key));
    let own = own.filter_map(|(key, value)| field(&label(key), value));
    let time = record.get("time").filter(|_| is_event).and_then(|time| field("Time", time));
    own.take(MOST_FIELDS).chain(time).collect()
}

/// A field of its own for what is one value; lists and objects are in the record. The old and new
/// value of a configuration key may be anything.
fn field(name: &str, value: &Value) -> Option<Field> {
    let is_nested = matches!(value, Value::Array(_) | Value::Object(_));
    let is_shown = !value.is_null() && (!is_nested || name.ends_with(" value"));
    is_shown.then(|| Field { name: name.to_owned(), value: value.clone() })
}

pub(super) fn thread(kind: &str, record: &Value) -> Option<String> {
    let text = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default();
    let subject = text("subject");
    match kind {
        CONFIG_CHANGED => Some(format!("{}/{subject}", text("environment"))),
        CONNECTION_OPENED | CONNECTION_CLOSED | CONNECTION_FAILED | CONNECTION_RECOVERED => {
            Some(format!("connection/{subject}"))
        }
        _ => None,
    }
}

pub(super) fn resolves(kind: &str) -> bool {
    matches!(kind, CONNECTION_CLOSED | CONNECTION_RECOVERED)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Makes `opened_at` readable as `Opened at`.
fn label(key: &str) -> String {
    let words = key.replace('_', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}
