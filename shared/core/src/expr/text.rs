//! Functions of texts.

use std::borrow::Cow;

use regex::{Captures, Regex};

use super::{
    function::Function,
    lower::Node,
    machine::{Done, Env, MAX_TEXT, Machine, Out, Stop, count, fail},
};
use crate::{Object, Value, json};

type Made = Result<Value, Stop>;

/// Appends a value as text, or as JSON when asked.
pub(super) fn push(value: &Value, as_json: bool, out: &mut String) {
    match value {
        Value::String(text) if !as_json => out.push_str(text),
        other => json::write(other, out),
    }
}

/// Splits a text; an empty separator splits into characters.
pub(super) fn split(machine: &mut Machine, text: &str, separator: &str) -> Made {
    machine.spend_text(text.len())?;
    let parts: Vec<Value> = match (text, separator) {
        ("", _) => Vec::new(),
        (text, "") => text.chars().map(|c| Value::from(&*c.encode_utf8(&mut [0; 4]))).collect(),
        (text, separator) => text.split(separator).map(Value::from).collect(),
    };
    machine.spend(parts.len())?;
    Ok(parts.into())
}

/// Joins texts, numbers, booleans and nulls.
pub(super) fn join(machine: &mut Machine, items: &[Value], separator: &str) -> Made {
    let mut joined = String::new();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            joined.push_str(separator);
        }
        match item {
            Value::Null => {}
            Value::Array(_) | Value::Object(_) => {
                return fail(format!("cannot join {}", item.kind()));
            }
            scalar => push(scalar, false, &mut joined),
        }
        machine.spend_text(0)?;
        if joined.len() > MAX_TEXT {
            break;
        }
    }
    machine.spend_text(joined.len())?;
    Ok(joined.into())
}

/// Finds `needle`, counted in characters; `last` finds the last one.
pub(super) fn index(machine: &mut Machine, text: &str, needle: &str, last: bool) -> Made {
    machine.spend_text(text.len())?;
    if needle.is_empty() {
        return Ok(Value::Null);
    }
    let at = if last { text.rfind(needle) } else { text.find(needle) };
    Ok(at.map_or(Value::Null, |at| count(text[..at].chars().count())))
}

/// Reads a number out of a text.
pub(super) fn to_number(text: &str) -> Made {
    match crate::Number::parse(text.trim()) {
        Some(number) => Ok(Value::Number(number)),
        None => fail(format!("{} is not a number", quoted(text))),
    }
}

/// Reads JSON out of a text.
pub(super) fn from_json(machine: &mut Machine, text: &str) -> Made {
    machine.spend_text(text.len())?;
    machine.spend(text.len() / 4)?;
    json::parse(text.as_bytes())
        .or_else(|error| fail(format!("{} is not JSON: {error}", quoted(text))))
}

/// Seconds since 1970 of an ISO 8601 text.
pub(super) fn from_date(text: &str) -> Made {
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => Ok(at.as_second().into()),
        Err(_) => fail(format!("{} is not an ISO 8601 point in time", quoted(text))),
    }
}

/// ISO 8601 of seconds since 1970.
pub(super) fn to_date(value: &Value) -> Made {
    let secs = value.as_i64().map(jiff::Timestamp::from_second);
    match secs {
        Some(Ok(at)) => Ok(at.to_string().into()),
        _ => fail(format!("{} is not a number of seconds since 1970", quoted(&value.to_string()))),
    }
}

fn quoted(text: &str) -> String {
    crate::redact::excerpt(text)
}

fn subject<'v>(machine: &mut Machine, input: &'v Value) -> Result<&'v str, Stop> {
    match input {
        Value::String(text) => {
            machine.spend_text(text.len())?;
            machine.spend(text.len() / 8)?;
            Ok(text)
        }
        other => fail(format!("cannot match {} with a regular expression", other.kind())),
    }
}

/// `test`, `sub` and `gsub`.
pub(super) fn matched(
    machine: &mut Machine,
    function: Function,
    regex: &Regex,
    replacement: Option<&Node>,
    env: Env<'_>,
    input: &Value,
) -> Made {
    let text = subject(machine, input)?;
    let Some(replacement) = replacement else {
        return Ok(regex.is_match(text).into());
    };
    let most = if function == Function::Gsub { usize::MAX } else { 1 };
    let (mut made, mut rest_at) = (String::new(), 0);
    for captures in regex.captures_iter(text).take(most) {
        let whole = captures.get_match();
        made.push_str(&text[rest_at..whole.start()]);
        let named = Value::Object(named(regex, &captures));
        machine.spend_value(&named)?;
        match machine.one(replacement, env, &named)?.as_ref() {
            Value::String(with) => made.push_str(with),
            other => return fail(format!("a replacement must be a text, not {}", other.kind())),
        }
        machine.spend_text(0)?;
        if made.len() > MAX_TEXT {
            machine.spend_text(made.len())?;
        }
        rest_at = whole.end();
    }
    made.push_str(&text[rest_at..]);
    machine.spend_text(made.len())?;
    Ok(made.into())
}

/// `capture`: the named groups of the first match; nothing when there is none.
pub(super) fn capture(machine: &mut Machine, regex: &Regex, input: &Value, out: Out<'_>) -> Done {
    let text = subject(machine, input)?;
    match regex.captures(text) {
        Some(captures) => out(machine, Cow::Owned(named(regex, &captures).into())),
        None => Ok(()),
    }
}

fn named(regex: &Regex, captures: &Captures<'_>) -> Object {
    let group = |name: &str| captures.name(name).map_or(Value::Null, |m| m.as_str().into());
    regex.capture_names().flatten().map(|name| (name, group(name))).collect()
}
