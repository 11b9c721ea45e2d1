//! Functions of values, lists and objects, and those that run a filter inside.

use std::{borrow::Cow, cmp::Ordering};

use super::{
    eval::{Done, Env, MAX_TEXT, Machine, Out, Stop, count, fail, truth},
    function::{Function as F, Shape},
    lower::Node,
    math::{self, Rounding},
    order, text,
};
use crate::{Object, Value};

type Made<'v> = Result<Cow<'v, Value>, Stop>;

fn made<'v>(value: impl Into<Value>) -> Made<'v> {
    Ok(Cow::Owned(value.into()))
}

fn items<'v>(value: &'v Value, verb: &str) -> Result<&'v [Value], Stop> {
    value.as_array().map_or_else(|| fail(format!("cannot {verb} {}", value.kind())), Ok)
}

fn string<'v>(value: &'v Value, verb: &str) -> Result<&'v str, Stop> {
    value.as_str().map_or_else(|| fail(format!("cannot {verb} {}", value.kind())), Ok)
}

/// Returns a key that an object can have.
pub(super) fn key(value: &Value) -> Result<Box<str>, Stop> {
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

/// A function of values.
pub(super) fn value<'v>(
    machine: &mut Machine,
    function: F,
    input: &'v Value,
    arg: Option<&Value>,
) -> Made<'v> {
    match arg {
        None => plain(machine, function, input),
        Some(arg) => with_argument(machine, function, input, arg),
    }
}

#[expect(clippy::too_many_lines, reason = "a table: one line per function")]
fn plain<'v>(machine: &mut Machine, function: F, input: &'v Value) -> Made<'v> {
    match function {
        F::Not => made(!truth(input)),
        F::Type => made(input.kind()),
        F::ToString => match input {
            Value::String(_) => Ok(Cow::Borrowed(input)),
            other => to_json(machine, other),
        },
        F::ToJson => to_json(machine, input),
        F::FromJson => text::from_json(machine, string(input, "read JSON from")?).map(Cow::Owned),
        F::ToNumber => match input {
            Value::Number(_) => Ok(Cow::Borrowed(input)),
            Value::String(text) => text::to_number(text).map(Cow::Owned),
            other => fail(format!("cannot make a number of {}", other.kind())),
        },
        F::ToBoolean => match input {
            Value::Bool(_) => Ok(Cow::Borrowed(input)),
            Value::String(text) if &**text == "true" => made(true),
            Value::String(text) if &**text == "false" => made(false),
            other => fail(format!("cannot make a boolean of {}", other.kind())),
        },
        F::Length => length(machine, input),
        F::Utf8Length => made(count(string(input, "measure")?.len())),
        F::Keys | F::KeysUnsorted => keys(machine, input, function == F::Keys),
        F::Add => sum(machine, input),
        F::Any => made(children(input)?.iter().any(|v| truth(v))),
        F::All => made(children(input)?.iter().all(|v| truth(v))),
        F::FirstItem => index(input, &0.into()),
        F::LastItem => index(input, &(-1).into()),
        F::Min | F::Max => extreme(machine, input, function == F::Max),
        F::Sort => sorted(machine, input).map(|items| Cow::Owned(items.into())),
        F::Unique => {
            let mut items = sorted(machine, input)?;
            items.dedup_by(|a, b| order::same(a, b));
            made(items)
        }
        F::Reverse => reverse(machine, input),
        F::Flatten => {
            machine.spend_value(input)?;
            let mut flat = Vec::new();
            flatten(items(input, "flatten")?, &mut flat);
            made(flat)
        }
        F::ToEntries => to_entries(machine, input).map(|entries| Cow::Owned(entries.into())),
        F::FromEntries => from_entries(machine, items(input, "make an object of")?),
        F::Floor => math::round(input, Rounding::Floor).map(Cow::Owned),
        F::Ceil => math::round(input, Rounding::Ceil).map(Cow::Owned),
        F::Round => math::round(input, Rounding::Round).map(Cow::Owned),
        F::Abs => match input {
            Value::Number(_) if order::compare(input, &0.into()) == Ordering::Less => {
                math::negate(input).map(Cow::Owned)
            }
            Value::Number(_) => Ok(Cow::Borrowed(input)),
            other => fail(format!("cannot take the size of {}", other.kind())),
        },
        F::AsciiDowncase => changed(machine, input, |text| text.to_ascii_lowercase()),
        F::AsciiUpcase => changed(machine, input, |text| text.to_ascii_uppercase()),
        F::Trim => changed(machine, input, |text| text.trim().to_owned()),
        F::Ltrim => changed(machine, input, |text| text.trim_start().to_owned()),
        F::Rtrim => changed(machine, input, |text| text.trim_end().to_owned()),
        F::FromDate | F::FromDateIso => {
            text::from_date(string(input, "read a point in time from")?).map(Cow::Owned)
        }
        F::ToDate | F::ToDateIso => text::to_date(input).map(Cow::Owned),
        F::Error => error(input),
        _ => fail("this function needs an argument"),
    }
}

fn with_argument<'v>(
    machine: &mut Machine,
    function: F,
    input: &'v Value,
    arg: &Value,
) -> Made<'v> {
    match function {
        F::Has => match (input, arg) {
            (Value::Object(object), Value::String(key)) => made(object.get(key).is_some()),
            (Value::Array(items), Value::Number(at)) => {
                made(usize::try_from(math::whole(at)?).is_ok_and(|at| at < items.len()))
            }
            _ => fail(format!("cannot look for {} in {}", arg.kind(), input.kind())),
        },
        F::Contains => contains(machine, input, arg).map(|found| Cow::Owned(found.into())),
        F::Inside => contains(machine, arg, input).map(|found| Cow::Owned(found.into())),
        F::StartsWith | F::EndsWith => {
            let (text, part) = (string(input, "look into")?, string(arg, "look for")?);
            machine.spend_text(part.len())?;
            made(if function == F::StartsWith {
                text.starts_with(part)
            } else {
                text.ends_with(part)
            })
        }
        F::LtrimStr | F::RtrimStr => match (input.as_str(), arg.as_str()) {
            (Some(text), Some(part)) => {
                machine.spend_text(text.len())?;
                let cut = match function {
                    F::LtrimStr => text.strip_prefix(part),
                    _ => text.strip_suffix(part),
                };
                cut.map_or(Ok(Cow::Borrowed(input)), made)
            }
            _ => Ok(Cow::Borrowed(input)),
        },
        F::Split => {
            text::split(machine, string(input, "split")?, string(arg, "split at")?).map(Cow::Owned)
        }
        F::Join => {
            text::join(machine, items(input, "join")?, string(arg, "join with")?).map(Cow::Owned)
        }
        F::Index | F::Rindex => {
            let (text, part) = (string(input, "look into")?, string(arg, "look for")?);
            text::index(machine, text, part, function == F::Rindex).map(Cow::Owned)
        }
        F::Nth => index(input, arg),
        F::ErrorOf => error(arg),
        _ => fail("this function takes no argument"),
    }
}

fn error<T>(message: &Value) -> Result<T, Stop> {
    match message {
        Value::String(text) => fail(text.chars().take(500).collect::<String>()),
        other => fail(crate::redact::excerpt(&other.to_string())),
    }
}

fn to_json<'v>(machine: &mut Machine, value: &Value) -> Made<'v> {
    machine.spend_value(value)?;
    let json = value.to_string();
    machine.spend_text(json.len())?;
    made(json)
}

fn changed<'v>(machine: &mut Machine, input: &Value, change: impl Fn(&str) -> String) -> Made<'v> {
    let text = string(input, "change")?;
    machine.spend_text(text.len())?;
    made(change(text))
}

fn length<'v>(machine: &mut Machine, input: &'v Value) -> Made<'v> {
    match input {
        Value::Null => made(0),
        Value::String(text) => {
            machine.spend(text.len() / 32)?;
            made(count(text.chars().count()))
        }
        Value::Array(items) => made(count(items.len())),
        Value::Object(object) => made(count(object.len())),
        Value::Number(_) => plain(machine, F::Abs, input),
        Value::Bool(_) => fail("a boolean has no length"),
    }
}

fn keys<'v>(machine: &mut Machine, input: &Value, in_order: bool) -> Made<'v> {
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

fn children(input: &Value) -> Result<Vec<&Value>, Stop> {
    match input {
        Value::Array(items) => Ok(items.iter().collect()),
        Value::Object(object) => Ok(object.iter().map(|(_, value)| value).collect()),
        other => fail(format!("cannot go through {}", other.kind())),
    }
}

fn sum<'v>(machine: &mut Machine, input: &Value) -> Made<'v> {
    let mut total = Value::Null;
    for value in children(input)? {
        total = math::calculate(machine, &total, jaq_core::ops::Math::Add, value)?;
    }
    made(total)
}

/// Pays for sorting, then sorts; equal items keep their order.
fn sort_by_order<T>(machine: &mut Machine, entries: &mut [(Value, T)]) -> Done {
    for (key, _) in &*entries {
        machine.spend_value(key)?;
    }
    machine.spend(entries.len().saturating_mul(entries.len().max(1).ilog2() as usize))?;
    entries.sort_by(|(left, _), (right, _)| order::compare(left, right));
    Ok(())
}

fn sorted(machine: &mut Machine, input: &Value) -> Result<Vec<Value>, Stop> {
    let mut entries: Vec<_> = items(input, "sort")?.iter().map(|item| (item.clone(), ())).collect();
    sort_by_order(machine, &mut entries)?;
    Ok(entries.into_iter().map(|(item, ())| item).collect())
}

fn extreme<'v>(machine: &mut Machine, input: &'v Value, largest: bool) -> Made<'v> {
    static NULL: Value = Value::Null;
    machine.spend_value(input)?;
    let items = items(input, "compare the items of")?.iter();
    let found = match largest {
        true => items.max_by(|a, b| order::compare(a, b)),
        false => items.min_by(|a, b| order::compare(a, b)),
    };
    Ok(Cow::Borrowed(found.unwrap_or(&NULL)))
}

fn reverse<'v>(machine: &mut Machine, input: &Value) -> Made<'v> {
    machine.spend_value(input)?;
    match input {
        Value::Null => made(Vec::new()),
        Value::String(text) => made(text.chars().rev().collect::<String>()),
        other => made(items(other, "reverse")?.iter().rev().cloned().collect::<Vec<_>>()),
    }
}

fn flatten(items: &[Value], flat: &mut Vec<Value>) {
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

fn to_entries(machine: &mut Machine, input: &Value) -> Result<Vec<Value>, Stop> {
    machine.spend_value(input)?;
    match input {
        Value::Object(object) => Ok(object.iter().map(|(k, v)| entry(k, v.clone())).collect()),
        other => fail(format!("cannot make entries of {}", other.kind())),
    }
}

fn from_entries<'v>(machine: &mut Machine, entries: &[Value]) -> Made<'v> {
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

fn contains(machine: &mut Machine, value: &Value, part: &Value) -> Result<bool, Stop> {
    machine.spend(1)?;
    match (value, part) {
        (Value::String(text), Value::String(part)) => {
            machine.spend_text(text.len().min(MAX_TEXT))?;
            Ok(text.contains(&**part))
        }
        (Value::Array(items), Value::Array(parts)) => {
            for part in parts {
                let mut found = false;
                for item in items {
                    found = item.kind() == part.kind() && contains(machine, item, part)?;
                    if found {
                        break;
                    }
                }
                if !found {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(object), Value::Object(parts)) => {
            for (key, part) in parts.iter() {
                machine.spend(object.len() / 32)?;
                match object.get(key) {
                    Some(value) if value.kind() == part.kind() => {
                        if !contains(machine, value, part)? {
                            return Ok(false);
                        }
                    }
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        _ if value.kind() == part.kind() => Ok(order::same(value, part)),
        _ => fail(format!("{} cannot contain {}", value.kind(), part.kind())),
    }
}

/// A call that has exactly one result.
pub(super) fn one<'v>(
    machine: &mut Machine,
    function: F,
    shape: Shape,
    args: &'v [Node],
    env: Env<'v>,
    input: &'v Value,
) -> Made<'v> {
    match (shape, args) {
        (Shape::Value, []) => value(machine, function, input, None),
        (Shape::Value, [arg]) => {
            let arg = machine.one(arg, env, input)?;
            value(machine, function, input, Some(&arg))
        }
        (_, [f]) => match function {
            F::Map => mapped(machine, f, env, input).map(Cow::Owned),
            F::MapValues => map_values(machine, f, env, input).map(Cow::Owned),
            F::WithEntries => {
                let entries = to_entries(machine, input)?.into();
                let changed = mapped(machine, f, env, &entries)?;
                from_entries(machine, items(&changed, "make an object of")?)
            }
            F::AddOf => {
                let mut total = Value::Null;
                machine.run(f, env, input, &mut |machine, value| {
                    total = math::calculate(machine, &total, jaq_core::ops::Math::Add, &value)?;
                    Ok(())
                })?;
                made(total)
            }
            F::IsEmpty => made(machine.first(f, env, input, |_, _| Ok(()))?.is_none()),
            F::AnyOf | F::AllOf => {
                let wanted = function == F::AnyOf;
                let mut found = false;
                for item in children(input)? {
                    machine.run(f, env, item, &mut |_, value| {
                        found |= truth(&value) == wanted;
                        Ok(())
                    })?;
                }
                made(found == wanted)
            }
            _ => by_key(machine, function, f, env, input),
        },
        (_, [generator, condition]) => {
            let wanted = function == F::AnyIn;
            let mut found = false;
            machine.run(generator, env, input, &mut |machine, item| {
                machine.run(condition, env, &item, &mut |_, value| {
                    found |= truth(&value) == wanted;
                    Ok(())
                })
            })?;
            made(found == wanted)
        }
        _ => fail("too many arguments"),
    }
}

fn mapped(machine: &mut Machine, f: &Node, env: Env<'_>, input: &Value) -> Result<Value, Stop> {
    let mut items = Vec::new();
    each(machine, input, false, &mut |machine, item| {
        machine.run(f, env, &item, &mut |machine, value| {
            items.push(machine.owned(value)?);
            Ok(())
        })
    })?;
    Ok(items.into())
}

/// Changes each value in place; one without a result is left out.
fn map_values(machine: &mut Machine, f: &Node, env: Env<'_>, input: &Value) -> Result<Value, Stop> {
    let mut change =
        |item: &Value| machine.first(f, env, item, |machine, value| machine.owned(value));
    match input {
        Value::Array(items) => {
            let changed = items.iter().filter_map(|item| change(item).transpose());
            Ok(Value::Array(changed.collect::<Result<_, _>>()?))
        }
        Value::Object(object) => {
            let mut changed = Object::with_capacity(object.len());
            for (key, item) in object.iter() {
                if let Some(value) = change(item)? {
                    changed.push(key.into(), value);
                }
            }
            Ok(changed.into())
        }
        other => fail(format!("cannot go through {}", other.kind())),
    }
}

/// `sort_by`, `group_by`, `unique_by`, `min_by`, `max_by`.
fn by_key<'v>(
    machine: &mut Machine,
    function: F,
    f: &Node,
    env: Env<'_>,
    input: &Value,
) -> Made<'v> {
    let mut entries = Vec::new();
    for item in items(input, "sort")? {
        let mut key = Vec::new();
        machine.run(f, env, item, &mut |machine, value| {
            key.push(machine.owned(value)?);
            Ok(())
        })?;
        machine.spend_value(item)?;
        entries.push((Value::from(key), item.clone()));
    }
    sort_by_order(machine, &mut entries)?;
    let same_key = |a: &(Value, Value), b: &(Value, Value)| order::same(&a.0, &b.0);
    made(match function {
        F::MinBy => entries.into_iter().next().map(|(_, item)| item).unwrap_or_default(),
        F::MaxBy => entries.pop().map(|(_, item)| item).unwrap_or_default(),
        F::GroupBy => {
            let groups = entries.chunk_by(same_key);
            groups
                .map(|group| group.iter().map(|(_, item)| item.clone()).collect::<Vec<_>>().into())
                .collect::<Vec<Value>>()
                .into()
        }
        _ => {
            if function == F::UniqueBy {
                entries.dedup_by(|b, a| same_key(a, b));
            }
            entries.into_iter().map(|(_, item)| item).collect::<Vec<_>>().into()
        }
    })
}

/// A call with any number of results.
pub(super) fn filter(
    machine: &mut Machine,
    function: F,
    args: &[Node],
    env: Env<'_>,
    input: &Value,
    out: Out<'_>,
) -> Done {
    match (function, args) {
        (F::Select, [condition]) => machine.run(condition, env, input, &mut |machine, holds| {
            if truth(&holds) { out(machine, Cow::Borrowed(input)) } else { Ok(()) }
        }),
        (F::First, [f]) => limited(machine, 1, f, env, input, out),
        (F::Limit, [most, f]) => machine.run(most, env, input, &mut |machine, most| {
            let Value::Number(most) = most.as_ref() else {
                return fail("limit needs a number");
            };
            limited(machine, math::whole(most)?, f, env, input, out)
        }),
        (F::Last, [f]) => {
            let mut last = None;
            machine.run(f, env, input, &mut |machine, value| {
                last = Some(machine.owned(value)?);
                Ok(())
            })?;
            last.map_or(Ok(()), |last| out(machine, Cow::Owned(last)))
        }
        _ if is_kind(function, input) => out(machine, Cow::Borrowed(input)),
        _ => Ok(()),
    }
}

fn limited(
    machine: &mut Machine,
    most: i64,
    f: &Node,
    env: Env<'_>,
    input: &Value,
    out: Out<'_>,
) -> Done {
    if most <= 0 {
        return Ok(());
    }
    let mut left = most;
    machine.until_enough(|machine, enough| {
        machine.run(f, env, input, &mut |machine, value| {
            left -= 1;
            out(machine, value)?;
            if left == 0 { Err(Stop::Enough(enough)) } else { Ok(()) }
        })
    })
}

/// `numbers`, `strings` and their kin; `empty` never holds.
fn is_kind(function: F, input: &Value) -> bool {
    let composed = matches!(input, Value::Array(_) | Value::Object(_));
    match function {
        F::Arrays => matches!(input, Value::Array(_)),
        F::Booleans => matches!(input, Value::Bool(_)),
        F::Iterables => composed,
        F::Nulls => input.is_null(),
        F::Numbers => matches!(input, Value::Number(_)),
        F::Objects => matches!(input, Value::Object(_)),
        F::Scalars => !composed,
        F::Strings => matches!(input, Value::String(_)),
        F::Values => !input.is_null(),
        _ => false,
    }
}
