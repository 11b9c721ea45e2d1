//! Applies a definition to records: map, validate, key and version. Compiled once, then shared.

mod cell;
mod check;
mod column;
mod convert;
mod examples;
mod limit;
mod refusal;
mod source;
mod time;

use check::{Checked, Checks};
use column::Column;
pub use examples::Mismatch;
pub use refusal::Refusal;
pub(crate) use time::{check_format, zone_of};

use crate::{
    Number, Object, Value,
    definition::{Integration, Output, Problem},
    path::Path,
};

/// Most columns of one mapping.
const MAX_COLUMNS: usize = 1000;

/// A compiled definition, ready for any number of records on any number of threads.
#[derive(Debug)]
pub struct Engine {
    columns: Option<Box<[Column]>>,
    checks: Checks,
    key: Option<Path>,
    version: Option<Path>,
}

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It goes on to the target.
    Mapped(Row),
    /// A check left it out.
    Ignored,
    /// It goes to the error log.
    Refused(Refusal),
}

/// A record as the target gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Names the record at the target; present when the definition says what it is.
    pub key: Option<String>,
    /// Tells newer from older; a text that is a number has become one.
    pub version: Option<Value>,
    /// The mapped record.
    pub value: Value,
}

impl Engine {
    /// Compiles what `integration` says about records. Finds all problems, not just the first.
    pub fn compile(integration: &Integration) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let columns = integration.map.as_ref().map(|mapping| {
            if mapping.len() > MAX_COLUMNS {
                let message = format!("a mapping has at most {MAX_COLUMNS} columns");
                problems.push(Problem::new("map", message));
            }
            let columns = mapping.iter();
            columns
                .filter_map(|(name, column)| Column::compile(name, column, &mut problems))
                .collect()
        });
        let checks = Checks::compile(integration, &mut problems);
        let mut path = |at: &str, text: &Option<String>| {
            let parsed = text.as_ref().map(|text| Path::parse(text)).transpose();
            parsed.unwrap_or_else(|error| {
                problems.push(Problem::new(at, error));
                None
            })
        };
        let (key, version) = match &integration.output {
            Output::Load(to) => (path("output.key", &to.key), path("output.version", &to.version)),
            Output::Notify(_) => (None, None),
        };
        if problems.is_empty() { Ok(Self { columns, checks, key, version }) } else { Err(problems) }
    }

    /// Decides what becomes of `record`. Never panics, and takes bounded time.
    pub fn apply(&self, record: &Value) -> Verdict {
        match self.row(record) {
            Ok(Some(row)) => Verdict::Mapped(row),
            Ok(None) => Verdict::Ignored,
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    fn row(&self, record: &Value) -> Result<Option<Row>, Refusal> {
        let value = self.map(record)?;
        if self.checks.check(&value)? == Checked::Ignore {
            return Ok(None);
        }
        let named =
            |path: &Path| path.find(&value).filter(|v| !v.is_null()).or_else(|| path.find(record));
        let key = self.key.as_ref().map(|path| key(path, named(path))).transpose()?;
        let version = self.version.as_ref().and_then(named).and_then(version);
        Ok(Some(Row { key, version, value }))
    }

    fn map(&self, record: &Value) -> Result<Value, Refusal> {
        let Some(columns) = &self.columns else {
            return Ok(record.clone());
        };
        let mut row = Object::with_capacity(columns.len());
        for column in columns {
            row.push(column.name().into(), column.make(record)?);
        }
        Ok(row.into())
    }
}

fn key(path: &Path, found: Option<&Value>) -> Result<String, Refusal> {
    match found {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.to_string()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        found => {
            let found = refusal::found(found.unwrap_or(&Value::Null));
            let message = format!("the key {path} must be a text or a number, found {found}");
            Err(Refusal::new("KEY_MISSING", message).of(path.only_key().unwrap_or(path.as_str())))
        }
    }
}

/// CSV knows only texts, and as texts `10` would come before `9`.
fn version(found: &Value) -> Option<Value> {
    match found {
        Value::Null => None,
        Value::String(text) => {
            Some(Number::parse(text).map_or_else(|| found.clone(), Value::Number))
        }
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests;
