//! A value as the operator gives it: JSON or text, here, in a file or on standard input.

use std::io::Read;
use std::path::Path;

use ferrule_core::{Value, json};

use crate::Fault;

/// Longest text that is read; the hub takes 64 KiB of JSON.
const MAX_BYTES: u64 = 256 * 1024;

/// A value as it was given. It may be a secret: it is never shown.
#[derive(Clone)]
pub(super) struct Given(String);

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Given")
    }
}

impl Given {
    /// Returns the value, read from `input` if that was meant.
    pub(super) fn read(&self, is_text: bool, input: impl Read) -> Result<Value, Fault> {
        let Self(given) = self;
        let text = match given.strip_prefix('@') {
            _ if given == "-" => whole(input, "standard input")?,
            Some(file) => whole(open(file)?, file)?,
            None => return value(given, is_text),
        };
        value(text.strip_suffix('\n').unwrap_or(&text), is_text)
    }
}

/// Reads a JSON Schema.
pub(super) fn schema(file: &str) -> Result<Value, Fault> {
    let text = whole(open(file)?, file)?;
    json::parse(text.as_bytes()).map_err(|error| Fault::Invalid(format!("{file}: {error}")))
}

/// Takes JSON as JSON and other text as text; what begins like JSON must be JSON.
fn value(text: &str, is_text: bool) -> Result<Value, Fault> {
    if is_text {
        return Ok(Value::from(text));
    }
    match json::parse(text.as_bytes()) {
        Ok(value) => Ok(value),
        // The text may be a secret: it is not repeated.
        Err(error) if text.trim_start().starts_with(['{', '[', '"']) => {
            let said = format!("the value is no JSON ({error}); --text takes it as text");
            Err(Fault::Invalid(said))
        }
        Err(_) => Ok(Value::from(text)),
    }
}

fn open(file: &str) -> Result<std::fs::File, Fault> {
    let path = Path::new(file);
    std::fs::File::open(path).map_err(Fault::io("read", path))
}

fn whole(input: impl Read, name: &str) -> Result<String, Fault> {
    let mut text = String::new();
    let read = input.take(MAX_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| Fault::Invalid(format!("{name}: {error}")))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Fault::Invalid(format!("{name} has more than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &str, is_text: bool, input: &str) -> Result<String, String> {
        let value = Given::from(given).read(is_text, input.as_bytes());
        value.map(|value| value.to_string()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn takes_json_as_json_and_other_text_as_text() {
        for (given, is) in [
            ("5432", "5432"),
            ("1.10", "1.10"),
            ("true", "true"),
            ("-1", "-1"),
            ("db.example.com", r#""db.example.com""#),
            (r#"{"a": [1]}"#, r#"{"a":[1]}"#),
            ("", r#""""#),
        ] {
            assert_eq!(read(given, false, "").unwrap(), is);
        }
        assert_eq!(read("5432", true, "").unwrap(), r#""5432""#);
        assert_eq!(read("-", true, "123456\n").unwrap(), r#""123456""#);
    }

    #[test]
    fn a_mistake_never_repeats_what_may_be_secret() {
        let said = read("-", false, r#"{"password": s3cret}"#).unwrap_err();
        assert!(said.contains("--text") && !said.contains("s3cret"), "{said}");
        assert_eq!(format!("{:?}", Given::from("s3cret")), "Given");
    }
}
