//! Conversions to the type that a column must have. Numbers are exact: digits are moved, never
//! rounded.

use super::{cell::Cell, refusal::Refusal, time::Notation};
use crate::{
    Number, Value,
    decimal::Decimal,
    definition::{Kind, Problem, Rule},
    json,
};

/// A compiled `type`, with what belongs to it.
#[derive(Debug)]
pub(super) enum Conversion {
    Text,
    Int(u8),
    Decimal(u8),
    Bool,
    Datetime(Notation),
    Date(Notation),
    Epoch(Notation),
    Json,
}

type Made = Result<Value, Refusal>;

impl Conversion {
    /// Compiles the type of a rule; `None` when it names none.
    pub(super) fn compile(at: &str, rule: &Rule, problems: &mut Vec<Problem>) -> Option<Self> {
        let timed = matches!(rule.kind, Some(Kind::Datetime | Kind::Date | Kind::Epoch));
        for (key, given) in [("format", rule.format.is_some()), ("zone", rule.zone.is_some())] {
            if given && !timed {
                let message = format!("{key} needs type: datetime, date or epoch");
                problems.push(Problem::new(format!("{at}.{key}"), message));
            }
        }
        if rule.scale.is_some() && !matches!(rule.kind, Some(Kind::Int | Kind::Decimal)) {
            problems.push(Problem::new(format!("{at}.scale"), "scale needs type: int or decimal"));
        }
        if rule.scale.is_some_and(|scale| scale > 30) {
            problems.push(Problem::new(format!("{at}.scale"), "scale is at most 30"));
        }
        let scale = rule.scale.unwrap_or(0);
        Some(match rule.kind? {
            Kind::Text => Self::Text,
            Kind::Int => Self::Int(scale),
            Kind::Decimal => Self::Decimal(scale),
            Kind::Bool => Self::Bool,
            Kind::Datetime => Self::Datetime(Notation::compile(at, rule, problems)),
            Kind::Date => Self::Date(Notation::compile(at, rule, problems)),
            Kind::Epoch => Self::Epoch(Notation::compile(at, rule, problems)),
            Kind::Json => Self::Json,
        })
    }

    /// Converts; null stays null.
    pub(super) fn apply(&self, cell: Cell<'_>) -> Made {
        if matches!(cell, Cell::Null) {
            return Ok(Value::Null);
        }
        match self {
            Self::Text => text(cell),
            Self::Int(scale) => int(&cell, *scale),
            Self::Decimal(scale) => decimal(&cell, *scale),
            Self::Bool => boolean(&cell),
            Self::Datetime(notation) => {
                let at = instant(&cell, notation)?;
                Ok(at.to_string().into())
            }
            Self::Epoch(notation) => Ok(instant(&cell, notation)?.as_second().into()),
            Self::Date(notation) => match &cell {
                Cell::Text(text) => match notation.day(text) {
                    Some(day) => Ok(day.to_string().into()),
                    None => Err(cell.unlike("FORMAT", &notation.describe("a day"))),
                },
                _ => Err(cell.unlike("TYPE", &notation.describe("a day"))),
            },
            Self::Json => match cell {
                Cell::Text(text) => json::parse(text.as_bytes()).map_err(|error| {
                    Refusal::unlike("FORMAT", "JSON", &text.as_ref().into())
                        .because(&error.to_string())
                }),
                other => Ok(other.into_value()),
            },
        }
    }
}

fn text(cell: Cell<'_>) -> Made {
    match &cell {
        Cell::Text(_) => Ok(cell.into_value()),
        Cell::Other(value) => match value.as_ref() {
            scalar @ (Value::Number(_) | Value::Bool(_)) => Ok(scalar.to_string().into()),
            _ => Err(cell.unlike("TYPE", "text")),
        },
        Cell::Null => Ok(Value::Null),
    }
}

/// The digits of a short decimal and how many of them are behind the point.
fn short_decimal(text: &str) -> Option<(i64, u8)> {
    let (negative, body) = match text.as_bytes() {
        [b'-', body @ ..] => (true, body),
        [b'+', body @ ..] | body => (false, body),
    };
    if body.len() > 18 || !body.first()?.is_ascii_digit() || !body.last()?.is_ascii_digit() {
        return None;
    }
    let (mut digits, mut places, mut behind_point) = (0_i64, 0, false);
    for byte in body {
        match byte {
            b'0'..=b'9' => {
                digits = digits * 10 + i64::from(byte - b'0');
                places += u8::from(behind_point);
            }
            b'.' if !behind_point => behind_point = true,
            _ => return None,
        }
    }
    Some((if negative { -digits } else { digits }, places))
}

fn int(cell: &Cell<'_>, scale: u8) -> Made {
    let long_text;
    let text = match cell {
        Cell::Text(text) => text.as_ref(),
        Cell::Other(value) => match value.as_ref() {
            Value::Number(number) => match number.as_i64() {
                Some(int) if scale == 0 => return Ok(int.into()),
                _ => {
                    long_text = number.to_string();
                    &long_text
                }
            },
            _ => return Err(cell.unlike("TYPE", "a whole number")),
        },
        Cell::Null => return Ok(Value::Null),
    };
    if let Some(int) = short_int(text, scale) {
        return Ok(int.into());
    }
    let shifted = Decimal::parse(text).and_then(|decimal| decimal.shifted(scale));
    let whole = shifted.filter(Decimal::is_integer).and_then(|decimal| decimal.to_number());
    whole.map(Value::Number).ok_or_else(|| match scale {
        0 => cell.unlike("TYPE", "a whole number"),
        scale => cell.unlike("TYPE", &format!("a number with at most {scale} decimal places")),
    })
}

fn short_int(text: &str, scale: u8) -> Option<i64> {
    let (digits, places) = short_decimal(text)?;
    match scale.checked_sub(places) {
        Some(0) => Some(digits),
        Some(missing) => digits.checked_mul(10_i64.checked_pow(missing.into())?),
        None => None,
    }
}

fn decimal(cell: &Cell<'_>, scale: u8) -> Made {
    let number = match cell {
        Cell::Text(text) => plain_number(text),
        Cell::Other(value) => match value.as_ref() {
            Value::Number(number) => Some(number.clone()),
            _ => None,
        },
        Cell::Null => return Ok(Value::Null),
    };
    let number = number.and_then(|number| match scale {
        0 => Some(number),
        scale => Decimal::of(&number)?.shifted(scale)?.to_number(),
    });
    number.map(Value::Number).ok_or_else(|| cell.unlike("TYPE", "a decimal number"))
}

/// Reads a number and keeps its digits; a plus sign and zeros in front are dropped.
fn plain_number(text: &str) -> Option<Number> {
    Number::parse(text).or_else(|| {
        let (sign, body) = match text.strip_prefix('-') {
            Some(body) => ("-", body),
            None => ("", text.strip_prefix('+').unwrap_or(text)),
        };
        let zeros = body.bytes().take_while(|b| *b == b'0').count();
        let body = match body.as_bytes().get(zeros) {
            Some(b'0'..=b'9') => &body[zeros..],
            _ => &body[zeros.checked_sub(1)?..],
        };
        Number::parse(&format!("{sign}{body}"))
    })
}

fn boolean(cell: &Cell<'_>) -> Made {
    const SPELLINGS: [(&str, bool); 10] = [
        ("true", true),
        ("false", false),
        ("yes", true),
        ("no", false),
        ("1", true),
        ("0", false),
        ("y", true),
        ("n", false),
        ("on", true),
        ("off", false),
    ];
    let truth = match cell {
        Cell::Text(text) => {
            SPELLINGS.iter().find(|(spelling, _)| text.eq_ignore_ascii_case(spelling)).map(|s| s.1)
        }
        Cell::Other(value) => match (value.as_bool(), value.as_i64()) {
            (Some(truth), _) => Some(truth),
            (None, Some(1)) => Some(true),
            (None, Some(0)) => Some(false),
            _ => None,
        },
        Cell::Null => return Ok(Value::Null),
    };
    truth.map(Value::from).ok_or_else(|| cell.unlike("TYPE", "true or false, yes or no, 1 or 0"))
}

/// Reads a point in time; a number is seconds since 1970.
fn instant(cell: &Cell<'_>, notation: &Notation) -> Result<jiff::Timestamp, Refusal> {
    let wrong = |code: &str| cell.unlike(code, &notation.describe("a point in time"));
    match cell {
        Cell::Text(text) => notation.instant(text).ok_or_else(|| wrong("FORMAT")),
        Cell::Other(value) => match value.as_i64() {
            Some(secs) => jiff::Timestamp::from_second(secs).map_err(|_| wrong("FORMAT")),
            None => Err(wrong("TYPE")),
        },
        Cell::Null => Err(wrong("TYPE")),
    }
}
