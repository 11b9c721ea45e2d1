//! Arithmetic: exact for sums, differences and products; a quotient that does not come out even is
//! a float.

use jaq_core::ops::Math;

use super::machine::{Machine, Stop, fail};
use crate::{Number, Object, Value, decimal::Decimal};

type Made = Result<Value, Stop>;

/// Calculates `left op right`.
pub(super) fn calculate(machine: &mut Machine, left: &Value, op: Math, right: &Value) -> Made {
    match (left, op, right) {
        (Value::Number(left), op, Value::Number(right)) => numbers(machine, left, op, right),
        (Value::Null, Math::Add, other) | (other, Math::Add, Value::Null) => {
            machine.spend_value(other)?;
            Ok(other.clone())
        }
        (Value::String(left), Math::Add, Value::String(right)) => {
            machine.spend_text(left.len() + right.len())?;
            Ok(format!("{left}{right}").into())
        }
        (Value::String(text), Math::Mul, Value::Number(times))
        | (Value::Number(times), Math::Mul, Value::String(text)) => repeat(machine, text, times),
        (Value::String(text), Math::Div, Value::String(separator)) => {
            super::text::split(machine, text, separator)
        }
        (Value::Array(items), Math::Add, Value::Array(more)) => {
            machine.spend_value(left)?;
            machine.spend_value(right)?;
            Ok(items.iter().chain(more).cloned().collect::<Vec<_>>().into())
        }
        (Value::Array(items), Math::Sub, Value::Array(gone)) => {
            machine.spend(items.len().saturating_mul(gone.len()))?;
            machine.spend_value(left)?;
            let kept = items.iter().filter(|item| !gone.iter().any(|g| super::same(g, item)));
            Ok(kept.cloned().collect::<Vec<_>>().into())
        }
        (Value::Object(object), Math::Add, Value::Object(more)) => {
            spend_merge(machine, left, right, object.len(), more.len())?;
            let mut sum = object.clone();
            more.iter().for_each(|(key, value)| sum.insert(key, value.clone()));
            Ok(sum.into())
        }
        (Value::Object(object), Math::Mul, Value::Object(more)) => {
            spend_merge(machine, left, right, object.len(), more.len())?;
            Ok(merge(object, more).into())
        }
        _ => fail(format!("cannot {} {} and {}", verb(op), left.kind(), right.kind())),
    }
}

fn spend_merge(
    machine: &mut Machine,
    left: &Value,
    right: &Value,
    left_len: usize,
    right_len: usize,
) -> Result<(), Stop> {
    machine.spend_value(left)?;
    machine.spend_value(right)?;
    machine.spend((left_len + right_len).saturating_mul(right_len) / 32)
}

fn merge(left: &Object, right: &Object) -> Object {
    let mut merged = left.clone();
    for (key, value) in right.iter() {
        let value = match (left.get(key), value) {
            (Some(Value::Object(left)), Value::Object(right)) => merge(left, right).into(),
            _ => value.clone(),
        };
        merged.insert(key, value);
    }
    merged
}

fn repeat(machine: &mut Machine, text: &str, times: &Number) -> Made {
    let Some(times) = times.as_i64() else {
        return fail("a text is repeated a whole number of times");
    };
    if times <= 0 {
        return Ok(Value::Null);
    }
    let times = usize::try_from(times).unwrap_or(usize::MAX);
    machine.spend_text(text.len().saturating_mul(times))?;
    Ok(text.repeat(times).into())
}

fn numbers(machine: &mut Machine, left: &Number, op: Math, right: &Number) -> Made {
    if let (Some(l), Some(r)) = (left.as_i64(), right.as_i64()) {
        let small = match op {
            Math::Add => l.checked_add(r),
            Math::Sub => l.checked_sub(r),
            Math::Mul => l.checked_mul(r),
            Math::Div if r != 0 && l.checked_rem(r) == Some(0) => l.checked_div(r),
            Math::Rem if r != 0 => Some(l.checked_rem(r).unwrap_or(0)),
            _ => None,
        };
        if let Some(result) = small {
            return Ok(result.into());
        }
    }
    let exact = match op {
        Math::Add | Math::Sub | Math::Mul => exact(machine, left, op, right)?,
        Math::Div | Math::Rem => inexact(left, op, right)?,
    };
    exact.map_or_else(|| fail("the number is too long to calculate with"), |n| Ok(Value::Number(n)))
}

fn exact(
    machine: &mut Machine,
    left: &Number,
    op: Math,
    right: &Number,
) -> Result<Option<Number>, Stop> {
    machine.spend(200)?;
    let (Some(left), Some(right)) = (Decimal::of(left), Decimal::of(right)) else {
        return Ok(None);
    };
    let result = match op {
        Math::Add => left.plus(&right),
        Math::Sub => left.plus(&right.negated()),
        _ => {
            machine.spend(1000)?;
            left.times(&right)
        }
    };
    Ok(result.and_then(|result| result.to_number()))
}

fn inexact(left: &Number, op: Math, right: &Number) -> Result<Option<Number>, Stop> {
    let (l, r) = (left.as_f64(), right.as_f64());
    if r == 0.0 {
        return fail(format!(
            "cannot {} {left} by zero",
            if op == Math::Div { "divide" } else { "take" }
        ));
    }
    Ok(float(if op == Math::Div { l / r } else { l.trunc() % r.trunc() }))
}

/// The shortest number that reads back as this float.
pub(super) fn float(float: f64) -> Option<Number> {
    if !float.is_finite() {
        return None;
    }
    Decimal::parse(&format!("{float:e}")).and_then(|decimal| decimal.to_number())
}

/// Changes the sign.
pub(super) fn negate(value: &Value) -> Made {
    let Value::Number(number) = value else {
        return fail(format!("cannot negate {}", value.kind()));
    };
    if let Some(int) = number.as_i64().and_then(i64::checked_neg) {
        return Ok(int.into());
    }
    match Decimal::of(number).and_then(|decimal| decimal.negated().to_number()) {
        Some(number) => Ok(Value::Number(number)),
        None => fail("the number is too long to calculate with"),
    }
}

/// How `floor`, `ceil` and `round` reach a whole number.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Rounding {
    Floor,
    Ceil,
    Round,
}

/// Rounds exactly.
pub(super) fn round(value: &Value, how: Rounding) -> Made {
    let Value::Number(number) = value else {
        return fail(format!("cannot round {}", value.kind()));
    };
    if number.as_i64().is_some() {
        return Ok(value.clone());
    }
    let rounded = Decimal::of(number).and_then(|decimal| {
        if decimal.is_integer() {
            return decimal.to_number();
        }
        let zero = Decimal::parse("0")?;
        let below = decimal < zero;
        let (one, half) = if below { ("-1", "-0.5") } else { ("1", "0.5") };
        let (one, half) = (Decimal::parse(one)?, Decimal::parse(half)?);
        let truncated = match how {
            Rounding::Round => decimal.plus(&half)?.truncated()?,
            Rounding::Floor if below => decimal.truncated()?.plus(&one)?,
            Rounding::Ceil if !below => decimal.truncated()?.plus(&one)?,
            Rounding::Floor | Rounding::Ceil => decimal.truncated()?,
        };
        truncated.to_number()
    });
    match rounded {
        Some(number) => Ok(Value::Number(number)),
        None => fail("the number is too long to calculate with"),
    }
}

/// Returns the whole number that indexes and slices need; fractions are cut off downwards.
pub(super) fn whole(number: &Number) -> Result<i64, Stop> {
    match round(&Value::Number(number.clone()), Rounding::Floor)? {
        Value::Number(number) => match number.as_i64() {
            Some(int) => Ok(int),
            None => fail("the number is too large for an index"),
        },
        _ => fail("an index must be a number"),
    }
}

/// Names an operator in messages.
fn verb(op: Math) -> &'static str {
    match op {
        Math::Add => "add",
        Math::Sub => "subtract",
        Math::Mul => "multiply",
        Math::Div => "divide",
        Math::Rem => "take the remainder of",
    }
}
