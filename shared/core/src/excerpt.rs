//! Excerpt of a record for the error log: short, and without secrets.

use crate::{Object, Value, redact};

/// Longest excerpt, in characters.
const MAX_CHARS: usize = 500;

/// Longest single text within an excerpt, in characters.
const MAX_TEXT_CHARS: usize = 80;

const MASK: &str = "***";

/// Returns the value as short JSON text with secrets masked.
pub fn excerpt(value: &Value) -> String {
    let mut text = masked(value).to_string();
    if let Some((at, _)) = text.char_indices().nth(MAX_CHARS) {
        text.truncate(at);
        text.push('…');
    }
    text
}

/// Returns the value of a field as short JSON text, masked when it or the field's name looks secret.
pub fn excerpt_of(field: &str, value: &Value) -> String {
    if redact::names_secret(field) && !value.is_null() {
        return Value::from(MASK).to_string();
    }
    let mut text = masked(value).to_string();
    if let Some((at, _)) = text.char_indices().nth(MAX_TEXT_CHARS + 2) {
        text.truncate(at);
        text.push('…');
    }
    text
}

fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) if redact::looks_secret(text) => MASK.into(),
        Value::String(text) => match text.char_indices().nth(MAX_TEXT_CHARS) {
            Some((at, _)) => format!("{}…", &text[..at]).into(),
            None => value.clone(),
        },
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        Value::Object(object) => Value::Object(masked_object(object)),
        other => other.clone(),
    }
}

fn masked_object(object: &Object) -> Object {
    let entry = |(name, value): (&str, &Value)| {
        let hidden = redact::names_secret(name);
        (name.to_owned(), if hidden { MASK.into() } else { masked(value) })
    };
    object.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_secrets_by_name_and_by_look_at_any_depth() {
        let record = br#"{"a":{"Api-Key":"abc"},"note":["Bearer abcdefghijklmnop"],"n":12}"#;
        let record = crate::json::parse(record).unwrap();
        assert!(!excerpt(&record).contains("abc"), "{}", excerpt(&record));
        assert!(excerpt(&record).contains("12"));
    }

    #[test]
    fn stays_short() {
        let long = Value::Array(vec!["x".repeat(1000).into(); 100]);
        assert!(excerpt(&long).chars().count() <= MAX_CHARS + 1);
    }
}
