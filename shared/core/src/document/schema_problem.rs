//! Says how a connector's keys do not fit its schema.

use jsonschema::error::{ValidationError, ValidationErrorKind};

use super::place::under;
use crate::{Object, Value, definition::Problem};

/// Finds how `settings`, which stand at `at`, do not fit `schema`.
pub(super) fn find(settings: &Object, schema: &Value, at: &str) -> Vec<Problem> {
    let (Ok(schema), Ok(instance)) =
        (schema.to::<serde_json::Value>(), Value::Object(settings.clone()).to())
    else {
        return vec![Problem::new(at, "these keys cannot be compared with the connector's schema")];
    };
    match jsonschema::validator_for(&schema) {
        Ok(validator) => validator
            .iter_errors(&instance)
            .flat_map(|error| problems(&error, &schema, at))
            .collect(),
        Err(error) => vec![Problem::new(at, format!("the connector's schema is wrong: {error}"))],
    }
}

pub(super) fn problems(
    error: &ValidationError<'_>,
    schema: &serde_json::Value,
    at: &str,
) -> Vec<Problem> {
    let path = path(at, error.instance_path().as_str());
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = properties(schema, error.schema_path().as_str());
            let known: Vec<_> = known.iter().map(String::as_str).collect();
            unexpected.iter().map(|wrong| unknown(&path, wrong, &known)).collect()
        }
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            vec![Problem::new(path, format!("the key {key} is missing"))]
        }
        ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
            vec![Problem::new(path, "this fits none of the forms that the connector knows")]
        }
        _ => {
            let message = error.masked_with("this").to_string().replace('"', "'");
            vec![Problem::new(path, message)]
        }
    }
}

fn unknown(path: &str, wrong: &str, known: &[&str]) -> Problem {
    let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let message = format!("there is no key {wrong:?} here; there is {list}");
    Problem::new(under(path, wrong), message).suggest(wrong, known.iter().copied())
}

/// The keys that stand beside the `additionalProperties` which failed.
fn properties(schema: &serde_json::Value, failed: &str) -> Vec<String> {
    let parent = failed.rsplit_once('/').map_or("", |(parent, _)| parent);
    let keys = schema.pointer(parent).and_then(|beside| beside.get("properties"));
    keys.and_then(serde_json::Value::as_object)
        .map(|p| p.keys().cloned().collect())
        .unwrap_or_default()
}

/// `/a/0/b` becomes `source.a[0].b`.
fn path(at: &str, pointer: &str) -> String {
    pointer.split('/').skip(1).fold(at.to_owned(), |path, part| {
        let key = part.replace("~1", "/").replace("~0", "~");
        match key.parse::<usize>() {
            Ok(index) => format!("{path}[{index}]"),
            Err(_) => under(&path, &key),
        }
    })
}
