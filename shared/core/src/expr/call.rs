//! Functions of values: one line per function, one result each.

use std::{borrow::Cow, cmp::Ordering};

use super::{
    function::Function as F,
    list::{
        Made, children, extreme, flatten, from_entries, index, items, keys, made, reverse, sorted,
        string, sum, to_entries,
    },
    machine::{MAX_TEXT, Machine, Stop, count, fail, truth},
    math::{self, Rounding},
    order, text,
};
use crate::Value;

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
        F::AsciiDowncase => changed(machine, input, str::to_ascii_lowercase),
        F::AsciiUpcase => changed(machine, input, str::to_ascii_uppercase),
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
