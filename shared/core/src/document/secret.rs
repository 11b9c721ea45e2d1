//! Finds secrets written into definitions: they belong into the secret store.

use super::place::{item, under};
use crate::{Value, definition::Problem, redact};

const HINT: &str = "store it with `ferrule secret set` and leave it out here";

/// Parts that hold sample data and column names, where a key called `token` says nothing.
const DATA: [&str; 4] = ["map", "validate", "tests", "metadata"];

/// Finds every literal that looks like a secret. The messages never show it.
pub(super) fn find(document: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk(document, "", &mut problems);
    problems
}

fn walk(value: &Value, path: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::String(text) if redact::looks_secret(text) => {
            problems.push(Problem::new(path, format!("this looks like a secret; {HINT}")));
        }
        Value::Array(items) => {
            for (at, one) in items.iter().enumerate() {
                walk(one, &item(path, at), problems);
            }
        }
        Value::Object(object) => {
            for (key, value) in object.iter() {
                let inner = under(path, key);
                let is_data = DATA.iter().any(|data| {
                    inner.strip_prefix(data).is_some_and(|rest| rest.starts_with(['.', '[']))
                });
                if !is_data && redact::names_secret(key) && is_literal(value) {
                    let message = format!("{key} would be a secret in plain sight; {HINT}");
                    problems.push(Problem::new(inner, message));
                } else if redact::looks_secret(key) {
                    problems.push(Problem::new(path, format!("a key looks like a secret; {HINT}")));
                } else {
                    walk(value, &inner, problems);
                }
            }
        }
        _ => {}
    }
}

/// `${...}` refers to a value; it is none.
fn is_literal(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty() && !text.starts_with("${"),
        Value::Number(_) => true,
        _ => false,
    }
}
