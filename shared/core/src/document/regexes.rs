//! How many regular expressions a definition has: each is bounded, but a thousand of them would be
//! too much for the function that compiles them, and for whoever's work it has at that moment.

use super::Document;
use crate::{Value, definition::Problem};

/// Most regular expressions of one definition.
const MAX: usize = 300;

/// Functions of expressions that take one; `gsub` ends like `sub`.
const FUNCTIONS: [&str; 3] = ["test(", "capture(", "sub("];

/// Refuses a definition that has too many. Counted in its text, before any is compiled.
pub(super) fn check(document: &Document) -> Option<Problem> {
    let count = document.to_value().map(|value| count(&value)).unwrap_or_default();
    (count > MAX).then(|| {
        Problem::new("", format!("a definition has at most {MAX} regular expressions, not {count}"))
    })
}

fn count(value: &Value) -> usize {
    match value {
        Value::String(text) => FUNCTIONS.iter().map(|name| text.matches(name).count()).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(object) => {
            let one = |(key, value): (&str, &Value)| usize::from(key == "pattern") + count(value);
            object.iter().map(one).sum()
        }
        _ => 0,
    }
}
