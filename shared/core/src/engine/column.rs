//! One column: where its value comes from, and what is done to it, in the documented order.

use std::{borrow::Cow, collections::HashMap};

use super::{
    cell::{self, Cell},
    convert::Conversion,
    limit::Limits,
    refusal::Refusal,
    source::{Source, noted},
};
use crate::{
    Value,
    definition::{self, Problem, Rule},
    path::Path,
};

/// A compiled column.
#[derive(Debug)]
pub(super) struct Column {
    name: Box<str>,
    source: Source,
    /// Absent when the value is copied as it is.
    steps: Option<Box<Steps>>,
}

#[derive(Debug)]
struct Steps {
    trim: bool,
    empty: Vec<String>,
    split: Option<(String, Option<i32>)>,
    case: Option<Case>,
    lookup: Option<HashMap<Box<str>, Value>>,
    conversion: Option<Conversion>,
    default: Option<Value>,
    required: bool,
    limits: Option<Limits>,
}

#[derive(Debug, Clone, Copy)]
enum Case {
    Lower,
    Upper,
}

impl Column {
    /// Compiles a column; problems are added to `problems`.
    pub(super) fn compile(
        name: &str,
        column: &definition::Column,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let at = format!("map.{name}");
        match column {
            definition::Column::Path(path) => {
                let path = noted(problems, &at, Path::parse(path))?;
                Some(Self { name: name.into(), source: Source::Path(path), steps: None })
            }
            definition::Column::Rule(rule) => {
                let source = Source::compile(&at, rule, problems);
                let steps = Steps::compile(&at, rule, problems);
                Some(Self { name: name.into(), source: source?, steps: Some(Box::new(steps)) })
            }
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Makes the column's value out of a source record.
    pub(super) fn make(&self, record: &Value) -> Result<Value, Refusal> {
        let made = self.source.read(record).and_then(|cell| match &self.steps {
            Some(steps) => steps.apply(cell),
            None => Ok(cell.into_value()),
        });
        made.map_err(|refusal| refusal.in_column(&self.name))
    }
}

impl Steps {
    fn compile(at: &str, rule: &Rule, problems: &mut Vec<Problem>) -> Self {
        let mut wrong = |key: &str, message: &str| {
            problems.push(Problem::new(format!("{at}.{key}"), message));
        };
        if rule.take.is_some() && rule.split.is_none() {
            wrong("take", "take needs split");
        }
        if rule.split.as_deref() == Some("") {
            wrong("split", "split needs the text that separates the parts");
        }
        let case = match (rule.lower, rule.upper) {
            (true, true) => {
                wrong("upper", "a text cannot be lower and upper at once");
                None
            }
            (true, false) => Some(Case::Lower),
            (false, true) => Some(Case::Upper),
            (false, false) => None,
        };
        let conversion = Conversion::compile(at, rule, problems);
        let limits = Limits::compile(at, rule, problems);
        let table = rule
            .lookup
            .as_ref()
            .map(|table| table.iter().map(|(key, value)| (key.into(), value.clone())).collect());
        Self {
            trim: rule.trim,
            empty: rule.empty.clone(),
            split: rule.split.clone().map(|at| (at, rule.take)),
            case,
            lookup: table,
            conversion,
            default: rule.default.clone(),
            required: rule.required,
            limits,
        }
    }

    fn apply(&self, cell: Cell<'_>) -> Result<Value, Refusal> {
        let cell = self.look_up(self.change_text(cell)?)?;
        let value = match &self.conversion {
            Some(conversion) => conversion.apply(cell)?,
            None => cell.into_value(),
        };
        let value = match (&self.default, value) {
            (Some(default), Value::Null) => default.clone(),
            (_, value) => value,
        };
        if self.required && value.is_null() {
            return Err(Refusal::new("REQUIRED", "expected a value, found nothing"));
        }
        match &self.limits {
            Some(limits) if !value.is_null() => limits.check(&value)?,
            _ => {}
        }
        Ok(value)
    }

    /// Trim, empty, split, lower, upper.
    fn change_text<'r>(&self, cell: Cell<'r>) -> Result<Cell<'r>, Refusal> {
        let mut text = match cell {
            Cell::Text(text) => text,
            Cell::Other(_) if self.split.is_some() => {
                return Err(cell.unlike("TYPE", "text to split"));
            }
            other => return Ok(other),
        };
        if self.trim {
            text = cell::folded(text);
        }
        if self.empty.iter().any(|empty| *empty == *text) {
            return Ok(Cell::Null);
        }
        if let Some((separator, take)) = &self.split {
            let Some(take) = take else {
                let parts = text.split(separator.as_str()).map(|part| self.cased(part.into()));
                let parts = parts.map(|part| Value::from(part.into_owned())).collect::<Vec<_>>();
                return Ok(Value::from(parts).into());
            };
            match part(text, separator, *take) {
                Some(part) => text = part,
                None => return Ok(Cell::Null),
            }
        }
        Ok(Cell::Text(self.cased(text)))
    }

    fn cased<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        match self.case {
            Some(Case::Lower) => cell::lower(text),
            Some(Case::Upper) => cell::upper(text),
            None => text,
        }
    }

    /// Replaces a scalar by its entry; a missing entry is null when there is a default.
    fn look_up<'r>(&'r self, cell: Cell<'r>) -> Result<Cell<'r>, Refusal> {
        let Some(table) = &self.lookup else {
            return Ok(cell);
        };
        let entry = match &cell {
            Cell::Null => return Ok(cell),
            Cell::Text(text) => table.get(text.as_ref()),
            Cell::Other(value) => match value.as_ref() {
                scalar @ (Value::Number(_) | Value::Bool(_)) => {
                    table.get(scalar.to_string().as_str())
                }
                _ => return Err(cell.unlike("TYPE", "a value to look up")),
            },
        };
        match entry {
            Some(entry) => Ok(Some(entry).into()),
            None if self.default.is_some() => Ok(Cell::Null),
            None => Err(cell.unlike("LOOKUP", "a value of the lookup table")),
        }
    }
}

/// The part of `text` that `take` names.
fn part<'t>(text: Cow<'t, str>, separator: &str, take: i32) -> Option<Cow<'t, str>> {
    let nth = usize::try_from(if take < 0 { -1 - i64::from(take) } else { take.into() }).ok()?;
    let pick = |text: &'_ str| -> Option<(usize, usize)> {
        let found = if take < 0 {
            text.rsplit(separator).nth(nth)?
        } else {
            text.split(separator).nth(nth)?
        };
        let start = found.as_ptr() as usize - text.as_ptr() as usize;
        Some((start, start + found.len()))
    };
    let (start, end) = pick(&text)?;
    Some(match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..end]),
        Cow::Owned(text) => Cow::Owned(text[start..end].to_owned()),
    })
}
