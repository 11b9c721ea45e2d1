//! Whether a value fits the JSON Schema that somebody wrote for it.

use std::fmt;

use boon::{CompileError, Compiler, Draft, SchemaIndex, Schemas, SchemeUrlLoader, ValidationError};

use super::{
    effort::Effort,
    schema_problem::{MOST_PROBLEMS, problems, rule},
};
use crate::{Value, definition::Problem};

/// What a schema is called that does not say so itself. It names no host.
const HERE: &str = "https://schema.invalid/";

/// A JSON Schema for values. It fetches nothing, its patterns take linear time, and what would take long
/// because its parts refer to each other again and again is refused.
pub struct Fit {
    schema: serde_json::Value,
    compiled: Schemas,
    root: SchemaIndex,
}

impl fmt::Debug for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fit").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Fit {
    /// Reads a schema (draft 2020-12, or an older one that it names); the error is one sentence for
    /// the person who wrote it.
    pub fn new(schema: &Value) -> Result<Self, String> {
        let schema: serde_json::Value =
            schema.to().map_err(|_| "this schema cannot be read".to_owned())?;
        if !schema.is_object() {
            return Err("a schema is an object, such as {\"type\": \"string\"}".to_owned());
        }
        let mut compiled = Schemas::new();
        let root = compile(&schema, &mut compiled)?;
        let bounded = Effort::of(&schema).check_schema();
        bounded.map_err(|why| format!("this schema cannot be used: {why}"))?;
        Ok(Self { schema, compiled, root })
    }

    /// Finds how a value does not fit; it is called `at`. Messages name keys, but show no values.
    pub fn problems(&self, value: &Value, at: &str) -> Vec<Problem> {
        self.errors(value, at, |error| problems(error, &self.schema, at))
    }

    /// Finds how a secret does not fit: only where in the schema, with not a word of the value.
    pub fn hidden_problems(&self, value: &Value, at: &str) -> Vec<Problem> {
        self.errors(value, at, |error| {
            let rule = rule(error);
            vec![Problem::new(at, format!("this does not keep to the schema's rule {rule}"))]
        })
    }

    fn errors(
        &self,
        value: &Value,
        at: &str,
        each: impl Fn(&ValidationError<'_, '_>) -> Vec<Problem>,
    ) -> Vec<Problem> {
        let Ok(value) = value.to::<serde_json::Value>() else {
            return vec![Problem::new(at, "this cannot be compared with its schema")];
        };
        if let Err(why) = Effort::of(&self.schema).check(&value) {
            return vec![Problem::new(
                at,
                format!("this cannot be compared with its schema: {why}"),
            )];
        }
        let Err(error) = self.compiled.validate(&value, self.root) else { return Vec::new() };
        let mut leaves = Vec::new();
        collect(&error, &mut leaves);
        leaves.into_iter().flat_map(each).take(MOST_PROBLEMS).collect()
    }
}

fn compile(schema: &serde_json::Value, into: &mut Schemas) -> Result<SchemaIndex, String> {
    let mut reader = Compiler::new();
    reader.set_default_draft(Draft::V2020_12);
    // Without this it would read files that a schema names.
    reader.use_loader(Box::new(SchemeUrlLoader::new()));
    let refused =
        |error: CompileError| format!("this is no JSON Schema: {}", plain(&format!("{error:#}")));
    reader.add_resource(HERE, schema.clone()).map_err(refused)?;
    reader.compile(HERE, into).map_err(refused)
}

/// Finds the errors that have no others behind them; of alternatives, that none fits.
fn collect<'a, 's, 'v>(
    error: &'a ValidationError<'s, 'v>,
    leaves: &mut Vec<&'a ValidationError<'s, 'v>>,
) {
    use boon::ErrorKind::{AnyOf, Not, OneOf};
    if leaves.len() == MOST_PROBLEMS {
        return;
    }
    if error.causes.is_empty() || matches!(error.kind, AnyOf | OneOf(_) | Not) {
        leaves.push(error);
        return;
    }
    for cause in &error.causes {
        collect(cause, leaves);
    }
}

/// One line, without the name that only we gave the schema.
fn plain(message: &str) -> String {
    let lines: Vec<_> = message.lines().map(str::trim).collect();
    lines.join("; ").replace(HERE, "").replace('"', "'")
}

#[cfg(test)]
mod tests;
