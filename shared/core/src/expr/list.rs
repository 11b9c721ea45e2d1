//! What is done to lists and objects as a whole.

use std::borrow::Cow;

use jaq_core::ops::Math;

use super::{
    machine::{Done, Machine, Out, Stop, count, fail},
    math, order,
};
use crate::{Key, Object, Value};

pub(super) type Made<'v> = Result<Cow<'v, Value>, Stop>;

#[expect(clippy::unnecessary_wraps, reason = "every arm of a table of functions ends with it")]
pub(super) fn made<'v>(value: impl Into<Value>) -> Made<'v> {
    Ok(Cow::Owned(value.into()))
}

pub(super) fn items<'v>(value: &'v Value, verb: &str) -> Result<&'v [Value], Stop> {
    value.as_array().map_or_else(|| fail(format!("cannot {verb} {}", value.kind())), Ok)
}

pub(super) fn string<'v>(value: &'v Value, verb: &str) -> Result<&'v str, Stop> {
    value.as_str().map_or_else(|| fail(format!("cannot {verb} {}", value.kind())), Ok)
}

/// Returns a key that an object can have.
pub(super) fn key(value: &Value) -> Result<Key, Stop> {
    match value {
        Value::String(key) => Ok(key.clone()),
        other => fail(format!("a key must be a text, not {}", other.kind())),
    }
}

/// `.key` and `.[0]`: `null` where nothing is.
pub(super) fn index<'v>(from: &'v Value, key: &Value) -> Made<'v> {
    static NULL: Value = Value::Null;
    let found = match (from, key) {
        (Value::Null, _) => None,
        (Value::Object(object), Value::String(key)) => object.get(key),
        (Value::Array(items), Value::Number(at)) => item(items, math::whole(at)?),
        (from, Value::String(key)) => {
            return fail(format!("cannot take .{key} of {}", from.kind()));
        }
        (from, key) => return fail(format!("cannot index {} with {}", from.kind(), key.kind())),
    };
    Ok(Cow::Borrowed(found.unwrap_or(&NULL)))
}

fn item(items: &[Value], at: i64) -> Option<&Value> {
    let back = usize::try_from(at.unsigned_abs()).ok()?;
    items.get(if at < 0 { items.len().checked_sub(back)? } else { back })
}

/// `.[start:end]` of a list or a text, counted in characters.
pub(super) fn slice(from: &Value, start: Option<i64>, end: Option<i64>) -> Result<Value, Stop> {
    let range = |len: usize| {
        let bound = |at: i64| {
            let size = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
            if at < 0 { len.saturating_sub(size) } else { size.min(len) }
        };
        let start = start.map_or(0, bound);
        (start, end.map_or(len, bound).saturating_sub(start))
    };
    Ok(match from {
        Value::Null => Value::Null,
        Value::Array(items) => {
            let (skip, take) = range(items.len());
            items.iter().skip(skip).take(take).cloned().collect::<Vec<_>>().into()
        }
        Value::String(text) => {
            let (skip, take) = range(text.chars().count());
            text.chars().skip(skip).take(take).collect::<String>().into()
        }
        other => return fail(format!("cannot slice {}", other.kind())),
    })
}

/// `.[]`: every item of a list, every value of an object.
pub(super) fn each(machine: &mut Machine, value: &Value, optional: bool, out: Out<'_>) -> Done {
    let mut give = |machine: &mut Machine, item| {
        machine.spend(1)?;
        out(machine, Cow::Borrowed(item))
    };
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| give(machine, item)),
        Value::Object(object) => object.iter().try_for_each(|(_, item)| give(machine, item)),
        _ if optional => Ok(()),
        other => fail(format!("cannot go through {}", other.kind())),
    }
}

pub(super) fn keys<'v>(machine: &mut Machine, input: &Value, in_order: bool) -> Made<'v> {
    machine.spend_value(input)?;
    match input {
        Value::Array(items) => made((0..items.len()).map(count).collect::<Vec<_>>()),
        Value::Object(object) => {
            let mut keys: Vec<&str> = object.iter().map(|(key, _)| key).collect();
            if in_order {
                keys.sort_unstable();
            }
            made(keys.into_iter().map(Value::from).collect::<Vec<_>>())
        }
        other => fail(format!("cannot list the keys of {}", other.kind())),
    }
}

pub(super) fn children(input: &Value) -> Result<Vec<&Value>, Stop> {
    match input {
        Value::Array(items) => Ok(items.iter().collect()),
        Value::Object(object) => Ok(object.iter().map(|(_, value)| value).collect()),
        other => fail(format!("cannot go through {}", other.kind())),
    }
}

pub(super) fn sum<'v>(machine: &mut Machine, input: &Value) -> Made<'v> {
    let mut total = Value::Null;
    for value in children(input)? {
        total = math::calculate(machine, &total, Math::Add, value)?;
    }
    made(total)
}

/// Pays for sorting, then sorts; equal items keep their order.
pub(super) fn sort_by_order<T>(machine: &mut Machine, entries: &mut [(Value, T)]) -> Done {
    for (key, _) in &*entries {
        machine.spend_value(key)?;
    }
    machine.spend(entries.len().saturating_mul(entries.len().max(1).ilog2() as usize))?;
    entries.sort_by(|(left, _), (right, _)| order::compare(left, right));
    Ok(())
}

pub(super) fn sorted(machine: &mut Machine, input: &Value) -> Result<Vec<Value>, Stop> {
    let mut entries: Vec<_> = items(input, "sort")?.iter().map(|item| (item.clone(), ())).collect();
    sort_by_order(machine, &mut entries)?;
    Ok(entries.into_iter().map(|(item, ())| item).collect())
}

pub(super) fn extreme<'v>(machine: &mut Machine, input: &'v Value, largest: bool) -> Made<'v> {
    static NULL: Value = Value::Null;
    machine.spend_value(input)?;
    let items = items(input, "compare the items of")?.iter();
    let order = |a: &&Value, b: &&Value| order::compare(a, b);
    let found = if largest { items.max_by(order) } else { items.min_by(order) };
    Ok(Cow::Borrowed(found.unwrap_or(&NULL)))
}

pub(super) fn reverse<'v>(machine: &mut Machine, input: &Value) -> Made<'v> {
    machine.spend_value(input)?;
    match input {
        Value::Null => made(Vec::new()),
        Value::String(text) => made(text.chars().rev().collect::<String>()),
        other => made(items(other, "reverse")?.iter().rev().cloned().collect::<Vec<_>>()),
    }
}

pub(super) fn flatten(items: &[Value], flat: &mut Vec<Value>) {
    for item in items {
        match item {
            Value::Array(inner) => flatten(inner, flat),
            other => flat.push(other.clone()),
        }
    }
}

fn entry(key: impl Into<Value>, value: Value) -> Value {
    let mut entry = Object::with_capacity(2);
    entry.insert("key", key.into());
    entry.insert("value", value);
    entry.into()
}

pub(super) fn to_entries(machine: &mut Machine, input: &Value) -> Result<Vec<Value>, Stop> {
    machine.spend_value(input)?;
    match input {
        Value::Object(object) => Ok(object.iter().map(|(k, v)| entry(k, v.clone())).collect()),
        other => fail(format!("cannot make entries of {}", other.kind())),
    }
}

pub(super) fn from_entries<'v>(machine: &mut Machine, entries: &[Value]) -> Made<'v> {
    let mut object = Object::with_capacity(entries.len());
    for entry in entries {
        machine.spend_value(entry)?;
        machine.spend(object.len() / 32)?;
        let named = |names: &[&str]| names.iter().find_map(|name| entry.get(name)).cloned();
        let key = match named(&["key", "k", "name"]) {
            Some(Value::String(key)) => key,
            Some(scalar @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => {
                scalar.to_string().into()
            }
            _ => return fail("an entry needs a key"),
        };
        object.insert(key, named(&["value", "v"]).unwrap_or_default());
    }
    made(object)
}
