//! Why a record does not go on.

use crate::{Value, redact};

/// Why a record goes to the error log: one sentence, without secrets or names of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `TYPE`, `REQUIRED`, `LOOKUP`, `RANGE`, `FORMAT`, `PATTERN`, `ONE_OF`, `EXPR`, `KEY_MISSING`,
    /// or the code that the definition gives a check.
    pub code: String,
    /// The column, what was found and what was expected.
    pub message: String,
    /// The column, when it is one.
    pub field: Option<String>,
    /// The definition says that such a record fails the whole run.
    pub fails_run: bool,
}

impl Refusal {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), field: None, fails_run: false }
    }

    /// Says that `value` is not what was expected.
    pub(super) fn unlike(code: &str, expected: &str, value: &Value) -> Self {
        Self::new(code, format!("expected {expected}, found {}", found(value)))
    }

    pub(super) fn because(mut self, why: &str) -> Self {
        self.message = format!("{}: {why}", self.message);
        self
    }

    pub(super) fn of(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// Puts the column in front of the sentence.
    pub(super) fn in_column(mut self, column: &str) -> Self {
        self.message = format!("{column}: {}", self.message);
        self.of(column)
    }
}

/// Describes a value in a few words.
pub(super) fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => {
            let digits = number.to_string();
            if digits.len() <= 40 {
                digits
            } else {
                format!("a number of {} characters", digits.len())
            }
        }
        Value::String(text) => format!("text {}", redact::excerpt(text)),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(object) => format!("an object with {} keys", object.len()),
    }
}
