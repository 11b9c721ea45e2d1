//! Sample events: the files that `cargo lambda invoke` sends.

use std::fs;

use serde_json::Value;

/// Reads `events/<path>`.
pub fn event(path: &str) -> Value {
    let file = crate::house().join("events").join(path);
    let text =
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Returns the body of the first queue message in `events/<path>`, as text. It may stand there as
/// JSON, for people to read.
pub fn body(path: &str) -> String {
    match &event(path)["Records"][0]["body"] {
        Value::Null => panic!("events/{path} has no Records[0].body"),
        Value::String(text) => text.clone(),
        readable => readable.to_string(),
    }
}
