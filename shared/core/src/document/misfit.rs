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
        let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
        match options.offline().build(&schema) {
            Ok(validator) => Ok(Self { schema, validator }),
            Err(error) => Err(format!("this is no JSON Schema: {error}")),
        }
    }

    /// Finds how a value does not fit; it is called `at`. Messages name keys, but show no values.
    pub fn problems(&self, value: &Value, at: &str) -> Vec<Problem> {
        self.errors(value, at, |error| schema_problem::problems(error, &self.schema, at))
    }

    /// Finds how a secret does not fit: only where in the schema, with not a word of the value.
    pub fn hidden_problems(&self, value: &Value, at: &str) -> Vec<Problem> {
        self.errors(value, at, |error| {
            let rule = error.schema_path().as_str();
            vec![Problem::new(at, format!("this does not keep to the schema's rule {rule}"))]
        })
    }

    fn errors(
        &self,
        value: &Value,
        at: &str,
        each: impl Fn(&ValidationError<'_>) -> Vec<Problem>,
    ) -> Vec<Problem> {
        match value.to() {
            Ok(value) => {
                self.validator.iter_errors(&value).flat_map(|error| each(&error)).collect()
            }
            Err(_) => vec![Problem::new(at, "this cannot be compared with its schema")],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn value(text: &str) -> Value {
        json::parse(text.as_bytes()).unwrap()
    }

    fn said(problems: &[Problem]) -> String {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    const PORT: &str = r#"{"type": "object", "properties": {"port": {"type": "integer"}},
        "required": ["port"], "additionalProperties": false}"#;

    #[test]
    fn says_where_a_value_does_not_fit() {
        let fit = Fit::new(&value(PORT)).unwrap();
        assert!(fit.problems(&value(r#"{"port": 5432}"#), "value").is_empty());
        let found = said(&fit.problems(&value(r#"{"port": "s3cret", "prt": 1}"#), "value"));
        assert!(found.contains("value.port: ") && found.contains("did you mean port?"), "{found}");
        assert!(!found.contains("s3cret"), "{found}");
    }

    #[test]
    fn says_nothing_of_a_secret() {
        let fit = Fit::new(&value(PORT)).unwrap();
        let found = fit.hidden_problems(&value(r#"{"port": "s3cret", "s3cret": 1}"#), "value");
        assert_eq!(found.len(), 2);
        assert!(!said(&found).contains("s3cret"), "{found:?}");
        assert!(said(&found).contains("/properties/port/type"), "{found:?}");
    }

    #[test]
    fn refuses_what_is_no_schema_and_what_it_would_have_to_fetch() {
        for wrong in [
            "true",
            r#"{"type": "strng"}"#,
            r#"{"pattern": "("}"#,
            r#"{"$ref": "http://127.0.0.1:1/schema.json"}"#,
        ] {
            assert!(Fit::new(&value(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn comes_to_an_end_whatever_the_schema_says() {
        for (schema, text) in [
            (r##"{"$ref": "#"}"##, "1".to_owned()),
            (r##"{"anyOf": [{"$ref": "#"}, {"type": "null"}]}"##, "1".to_owned()),
            (r#"{"pattern": "^(a+)+$"}"#, format!("\"{}b\"", "a".repeat(10_000))),
        ] {
            if let Ok(fit) = Fit::new(&value(schema)) {
                fit.problems(&value(&text), "value");
            }
        }
    }
}
