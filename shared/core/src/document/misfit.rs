//! Whether a value fits the JSON Schema that somebody wrote for it.

use jsonschema::{PatternOptions, Validator, error::ValidationError};

use super::schema_problem;
use crate::{Value, definition::Problem};

/// A JSON Schema for values. It fetches nothing, and its patterns take linear time.
#[derive(Debug)]
pub struct Fit {
    schema: serde_json::Value,
    validator: Validator,
}

impl Fit {
    /// Reads a schema; the error is one sentence for the person who wrote it.
    pub fn new(schema: &Value) -> Result<Self, String> {
        let schema: serde_json::Value =
            schema.to().map_err(|_| "this schema cannot be read".to_owned())?;
        if !schema.is_object() {
            return Err("a schema is an object, such as {\"type\": \"string\"}".to_owned());
        }
        if refers_to_itself(&schema, &schema, &mut Vec::new()) {
            return Err("this schema refers to itself without end".to_owned());
        }
        let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
        let validator = options.offline().build(&schema).map_err(|error| {
            let at = error.instance_path().as_str().to_owned();
            format!("this is no JSON Schema: {}{error}", if at.is_empty() { at } else { at + ": " })
        })?;
        Ok(Self { schema, validator })
    }

    /// Finds how a value does not fit; it is called `at`. The messages name keys, but no values.
    pub fn problems(&self, value: &Value, at: &str) -> Vec<Problem> {
        let each = |error: &ValidationError<'_>| schema_problem::problems(error, &self.schema, at);
        self.errors(value, each)
    }

    /// Finds how a value does not fit without a word of the value: where in the schema.
    pub fn hidden_problems(&self, value: &Value, at: &str) -> Vec<Problem> {
        let each = |error: &ValidationError<'_>| {
            let rule = error.schema_path().as_str();
            vec![Problem::new(at, format!("the value does not keep to the schema at {rule}"))]
        };
        self.errors(value, each)
    }

    fn errors(
        &self,
        value: &Value,
        each: impl Fn(&ValidationError<'_>) -> Vec<Problem>,
    ) -> Vec<Problem> {
        match value.to() {
            Ok(value) => self.validator.iter_errors(&value).flat_map(|error| each(&error)).collect(),
            Err(_) => vec![Problem::new("", "this value cannot be compared with its schema")],
        }
    }
}

/// Tells whether a reference leads back to itself while looking at the same value: a validator
/// would never come to an end.
fn refers_to_itself<'s>(
    schema: &'s serde_json::Value,
    root: &'s serde_json::Value,
    path: &mut Vec<&'s str>,
) -> bool {
    let Some(object) = schema.as_object() else {
        let mut items = schema.as_array().into_iter().flatten();
        return items.any(|item| refers_to_itself(item, root, path));
    };
    object.iter().any(|(key, below)| match (key.as_str(), below.as_str()) {
        ("$ref", Some(to)) if path.contains(&to) => true,
        ("$ref", Some(to)) => {
            let target = to.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
            path.push(to);
            let found = target.is_some_and(|target| same_value(target, root, path));
            path.pop();
            found
        }
        _ => refers_to_itself(below, root, path),
    })
}

/// Follows only what looks at the same value.
fn same_value<'s>(
    schema: &'s serde_json::Value,
    root: &'s serde_json::Value,
    path: &mut Vec<&'s str>,
) -> bool {
    const APPLIED: [&str; 8] = ["$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else"];
    let Some(object) = schema.as_object() else { return false };
    let applied = object.iter().filter(|(key, _)| APPLIED.contains(&key.as_str()));
    applied.into_iter().any(|(key, below)| {
        if key == "$ref" {
            let only = std::slice::from_ref(&below);
            return only.iter().any(|to| follows(to, root, path));
        }
        match below {
            serde_json::Value::Array(all) => all.iter().any(|one| same_value(one, root, path)),
            one => same_value(one, root, path),
        }
    })
}

fn follows<'s>(
    to: &'s serde_json::Value,
    root: &'s serde_json::Value,
    path: &mut Vec<&'s str>,
) -> bool {
    let Some(to) = to.as_str() else { return false };
    if path.contains(&to) {
        return true;
    }
    let target = to.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
    path.push(to);
    let found = target.is_some_and(|target| same_value(target, root, path));
    path.pop();
    found
}
