//! Everything outwards is text.

use ferrule_connector::{Object, Value};
use jiff::Timestamp;

/// How the instance writes times, in UTC.
const FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// Writes a value as the instance takes it: `null` clears, a list is comma-separated, a time with
/// a zone becomes UTC where the field is a time (`kind`: its `internal_type`).
///
/// The error says what cannot be written.
pub(crate) fn outward(value: &Value, kind: Option<&str>) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(time(text, kind).unwrap_or_else(|| text.to_string())),
        Value::Array(items) => {
            let texts: Result<Vec<_>, _> = items.iter().map(|item| outward(item, None)).collect();
            Ok(texts?.join(","))
        }
        Value::Object(_) => Err("an object cannot be written to a field: map it to text".into()),
    }
}

fn time(text: &str, kind: Option<&str>) -> Option<String> {
    let format = match kind? {
        "glide_date_time" | "due_date" => FORMAT,
        "glide_date" => "%Y-%m-%d",
        _ => return None,
    };
    let at: Timestamp = text.parse().ok()?;
    Some(at.strftime(format).to_string())
}

/// Writes a moment as the instance does; seconds are its grain, so the rest is cut off.
pub(crate) fn moment(micros: i64) -> Option<String> {
    let at = Timestamp::from_second(micros.div_euclid(1_000_000)).ok()?;
    Some(at.strftime(FORMAT).to_string())
}

/// Reads a value of an answer as stored text; a reference is its `sys_id`.
pub(crate) fn stored(value: &Value) -> Option<&str> {
    match value {
        Value::Object(reference) => reference.get("value").and_then(Value::as_str),
        other => other.as_str(),
    }
}

/// Replaces references by their `sys_id`, so that every value is text.
pub(crate) fn flat(row: Object) -> Object {
    let text = |value: Value| match &value {
        Value::Object(reference) => reference.get("value").cloned().unwrap_or(value),
        _ => value,
    };
    row.into_iter().map(|(key, value)| (key, text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_becomes_text() {
        let write = |json: &str| outward(&json_value(json), None);
        assert_eq!(write("null").unwrap(), "");
        assert_eq!(write("true").unwrap(), "true");
        assert_eq!(write("12345678901234567890123").unwrap(), "12345678901234567890123");
        assert_eq!(write(r#"["a", 1]"#).unwrap(), "a,1");
        assert!(write("{}").is_err());
    }

    #[test]
    fn a_time_is_written_in_utc_where_the_field_is_a_time() {
        let value = Value::from("2025-01-08T12:12:07.5+01:00");
        let write = |kind| outward(&value, kind).unwrap();
        assert_eq!(write(Some("glide_date_time")), "2025-01-08 11:12:07");
        assert_eq!(write(Some("glide_date")), "2025-01-08");
        assert_eq!(write(Some("string")), "2025-01-08T12:12:07.5+01:00");
        let local = Value::from("2025-01-08 11:12:07");
        assert_eq!(outward(&local, Some("glide_date_time")).unwrap(), "2025-01-08 11:12:07");
    }

    #[test]
    fn a_moment_is_cut_to_the_second_never_forward() {
        assert_eq!(moment(1_736_334_727_999_999).unwrap(), "2025-01-08 11:12:07");
        assert_eq!(moment(-1).unwrap(), "1969-12-31 23:59:59");
    }

    #[test]
    fn a_reference_is_its_id() {
        let row = json_value(r#"{"caller_id": {"link": "http://x", "value": "u1"}, "state": "1"}"#);
        let Value::Object(row) = row else { panic!("not an object") };
        assert_eq!(Value::from(flat(row)).to_string(), r#"{"caller_id":"u1","state":"1"}"#);
    }

    fn json_value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }
}
