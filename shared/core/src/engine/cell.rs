//! A value on its way through a column; text is copied only when a step changes it.

use std::borrow::Cow;

use super::refusal::Refusal;
use crate::Value;

/// A value on its way through a column.
#[derive(Debug)]
pub(super) enum Cell<'r> {
    Null,
    Text(Cow<'r, str>),
    Other(Cow<'r, Value>),
}

impl<'r> From<Option<&'r Value>> for Cell<'r> {
    fn from(found: Option<&'r Value>) -> Self {
        match found {
            None | Some(Value::Null) => Self::Null,
            Some(Value::String(text)) => Self::Text(Cow::Borrowed(text)),
            Some(other) => Self::Other(Cow::Borrowed(other)),
        }
    }
}

impl From<Value> for Cell<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::String(text) => Self::Text(Cow::Owned(text.into())),
            other => Self::Other(Cow::Owned(other)),
        }
    }
}

impl Cell<'_> {
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::String(text.into()),
            Self::Other(value) => value.into_owned(),
        }
    }

    /// Says that this is not what was expected.
    pub(super) fn unlike(&self, code: &str, expected: &str) -> Refusal {
        match self {
            Self::Null => Refusal::unlike(code, expected, &Value::Null),
            Self::Text(text) => Refusal::unlike(code, expected, &text.as_ref().into()),
            Self::Other(value) => Refusal::unlike(code, expected, value),
        }
    }
}

/// Trims, and folds runs of white space into one space.
pub(super) fn folded(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut after_space = true;
    let folds = |c: char| {
        let folds = c.is_whitespace() && (after_space || c != ' ');
        after_space = c.is_whitespace();
        folds
    };
    if !text.contains(folds) && !after_space {
        return text;
    }
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    folded.into()
}

/// To lower case, without a copy when it is already.
pub(super) fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    let changes = text.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii());
    if changes { text.to_lowercase().into() } else { text }
}

/// To upper case, without a copy when it is already.
pub(super) fn upper(text: Cow<'_, str>) -> Cow<'_, str> {
    let changes = text.bytes().any(|b| b.is_ascii_lowercase() || !b.is_ascii());
    if changes { text.to_uppercase().into() } else { text }
}
