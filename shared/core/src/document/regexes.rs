//! How many regular expressions a definition has: each is bounded, but a thousand of them would be
//! too much for the function that compiles them, and for whoever's work it has at that moment.

use super::Document;
use crate::{Value, definition::Problem};

/// Most regular expressions of one definition.
const MAX: usize = 300;

/// Functions of expressions that take one; `gsub` ends like `sub`.
const FUNCTIONS: [&str; 3] = ["test", "capture", "sub"];

/// Refuses a definition that has too many. Counted in its text, before any is compiled.
pub(super) fn check(document: &Document) -> Option<Problem> {
    let count = document.to_value().map(|value| count(&value)).unwrap_or_default();
    (count > MAX).then(|| {
        Problem::new("", format!("a definition has at most {MAX} regular expressions, not {count}"))
    })
}

fn count(value: &Value) -> usize {
    match value {
        Value::String(text) => FUNCTIONS.iter().map(|name| calls(text, name)).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(object) => {
            let one = |(key, value): (&str, &Value)| usize::from(key == "pattern") + count(value);
            object.iter().map(one).sum()
        }
        _ => 0,
    }
}

/// Counts the calls of a function; white space and comments may stand before its parenthesis.
fn calls(text: &str, name: &str) -> usize {
    let is_call = |at: usize| {
        let mut rest = text[at + name.len()..].trim_start();
        while let Some(comment) = rest.strip_prefix('#') {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
        }
        rest.starts_with('(')
    };
    text.match_indices(name).filter(|(at, _)| is_call(*at)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_calls_however_they_are_written() {
        for (text, expected) in [
            ("test(\"a\")", 1),
            (". | test (\"a\") and capture\n(\"b\")", 2),
            ("gsub # why (\n # and more\n (\"a\"; \"b\")", 1),
            ("the latest test, no call", 0),
            ("test # (", 0),
        ] {
            assert_eq!(count(&Value::from(text)), expected, "{text}");
        }
    }
}
