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
        Value::String(text) if !is_data(path) => {
            if let Some(name) = secret_parameter(text) {
                let message = format!("{name} in an address is a secret in plain sight; {HINT}");
                problems.push(Problem::new(path, message));
            }
        }
        Value::Array(items) => {
            for (at, one) in items.iter().enumerate() {
                walk(one, &item(path, at), problems);
            }
        }
        Value::Object(object) => {
            for (key, value) in object.iter() {
                let inner = under(path, key);
                if !is_data(&inner) && redact::names_secret(key) && is_literal(value) {
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

fn is_data(path: &str) -> bool {
    DATA.iter().any(|data| path.strip_prefix(data).is_some_and(|rest| rest.starts_with(['.', '['])))
}

/// Returns the parameter in the query of an address or a path that would be a secret. What stands in braces
/// is filled in later.
fn secret_parameter(text: &str) -> Option<&str> {
    let is_address = text.starts_with('/') || text.contains("://");
    let (_, query) = text.split_once('?').filter(|_| is_address)?;
    let parameters = query.split(['&', '#']).filter_map(|one| one.split_once('='));
    let is_literal = |value: &str| !value.is_empty() && !value.starts_with(['{', '$']);
    let mut secret =
        parameters.filter(|(name, value)| redact::names_secret(name) && is_literal(value));
    secret.next().map(|(name, _)| name)
}

/// `${...}` refers to a value; it is none.
fn is_literal(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty() && !text.starts_with("${"),
        Value::Number(_) => true,
        _ => false,
    }
}
