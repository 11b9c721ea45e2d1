//! The body that the receiver gets: `type`, `timestamp` and `data`.

use ferrule_connector::{Load, Notification, Object, Record, Value};
use ferrule_core::{Digest, Hops};
use jiff::Timestamp;

use crate::Webhook;

/// What is posted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// The same on every repeat, so that a receiver recognises it.
    pub(crate) id: String,
    /// JSON text: what is signed is what is sent.
    pub(crate) body: String,
    /// How far what it tells has come.
    pub(crate) hops: Hops,
}

impl Event {
    /// Describes a notification or a digest of several.
    pub(crate) fn of_notification(notification: &Notification, kind: Option<&str>) -> Self {
        let kind = kind.unwrap_or(&notification.kind);
        let body = envelope(kind, notification.at, notice(notification));
        Self { id: id(&notification.id), body, hops: notification.hops }
    }

    /// Describes one record of a batch.
    pub(crate) fn of_record(load: &Load<'_, Webhook>, record: &Record, now_ms: i64) -> Self {
        let changed = if record.deleted { "record.deleted" } else { "record.changed" };
        let kind = load.target.kind.as_deref().unwrap_or(changed);
        let data = entry(record);
        let id = derived(load.batch_id, record.line, &data);
        Self { id, body: envelope(kind, now_ms, data), hops: record.hops }
    }

    /// Describes all of these records.
    pub(crate) fn of_batch(load: &Load<'_, Webhook>, records: &[&Record], now_ms: i64) -> Self {
        let kind = load.target.kind.as_deref().unwrap_or("records.changed");
        let list: Vec<Value> = records.iter().map(|record| Value::from(entry(record))).collect();
        let data = Object::from_iter([("records", Value::from(list))]);
        let id = derived(load.batch_id, 0, &data);
        let hops = records.iter().map(|record| record.hops).max().unwrap_or_default();
        Self { id, body: envelope(kind, now_ms, data), hops }
    }

    /// Describes a greeting that means nothing but that we are here.
    pub(crate) fn ping(connection: &str, now_ms: i64) -> Self {
        let data = Object::from_iter([("connection", Value::from(connection))]);
        let id = derived("ping", now_ms.unsigned_abs(), &data);
        Self { id, body: envelope("ferrule.ping", now_ms, data), hops: Hops::default() }
    }
}

fn envelope(kind: &str, at_ms: i64, data: Object) -> String {
    let all = [
        ("type", Value::from(type_of(kind))),
        ("timestamp", Value::from(time(at_ms))),
        ("data", Value::from(data)),
    ];
    Value::from(Object::from_iter(all)).to_string()
}

/// Writes a type as the standard wants it: letters, digits and `_`, with single dots between.
fn type_of(kind: &str) -> String {
    let clean = |part: &str| -> String {
        part.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
    };
    let parts: Vec<String> = kind.split('.').filter(|part| !part.is_empty()).map(clean).collect();
    if parts.is_empty() { "record".to_owned() } else { parts.join(".") }
}

fn time(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Everything that there is to say, without what the envelope says already.
fn notice(notification: &Notification) -> Object {
    let Notification { subject, title, text, fields, urgency, thread, resolved, digest, .. } =
        notification;
    let mut data = Object::new();
    data.insert("subject", Value::from(subject.as_str()));
    data.insert("title", Value::from(title.as_str()));
    if let Some(text) = text {
        data.insert("text", Value::from(text.as_str()));
    }
    data.insert("urgency", Value::of(urgency).unwrap_or_default());
    if !fields.is_empty() {
        let pair = |field: &ferrule_connector::Field| {
            let name = Value::from(field.name.as_str());
            Value::from(Object::from_iter([("name", name), ("value", field.value.clone())]))
        };
        data.insert("fields", Value::from(fields.iter().map(pair).collect::<Vec<_>>()));
    }
    if let Some(thread) = thread {
        data.insert("thread", Value::from(thread.as_str()));
        data.insert("resolved", Value::from(*resolved));
    }
    if digest.is_empty() {
        data.insert("record", notification.record.clone());
    } else {
        data.insert("count", Value::from(i64::try_from(digest.len()).unwrap_or(i64::MAX)));
        data.insert("digest", Value::from(digest.iter().map(part).collect::<Vec<_>>()));
    }
    data
}

/// One of a digest, with its own type, time and id.
fn part(notification: &Notification) -> Value {
    let mut all = Object::from_iter([
        ("id", Value::from(notification.id.as_str())),
        ("type", Value::from(type_of(&notification.kind))),
        ("timestamp", Value::from(time(notification.at))),
    ]);
    for (key, value) in notice(notification) {
        all.insert(key, value);
    }
    Value::from(all)
}

fn entry(record: &Record) -> Object {
    let mut data = Object::new();
    if let Some(key) = &record.key {
        data.insert("key", Value::from(key.as_str()));
    }
    if let Some(version) = &record.version {
        data.insert("version", version.clone());
    }
    data.insert("deleted", Value::from(record.deleted));
    data.insert("record", record.value.clone());
    data
}

fn derived(of: &str, line: u64, data: &Object) -> String {
    let text = Value::from(data.clone()).to_string();
    let digest = Digest::of(&[of.as_bytes(), &line.to_be_bytes(), text.as_bytes()]);
    format!("msg_{digest}")
}

/// A dot would shift what is signed: an id has none.
fn id(text: &str) -> String {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic() && b != b'.') {
        return format!("msg_{}", Digest::of(&[text.as_bytes()]));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_letters_digits_and_single_dots() {
        for (kind, wanted) in [
            ("config.changed", "config.changed"),
            ("pull-request.opened", "pull_request.opened"),
            ("..a..b.", "a.b"),
            ("", "record"),
            ("ünsafe type", "_nsafe_type"),
        ] {
            assert_eq!(type_of(kind), wanted);
        }
    }

    #[test]
    fn an_id_never_has_a_dot() {
        assert_eq!(id("n-1"), "n-1");
        assert!(id("a.b").starts_with("msg_"));
        assert_ne!(id("a.b"), id("a.c"));
        assert!(id("").starts_with("msg_"));
    }
}
