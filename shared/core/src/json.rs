//! Reads and writes JSON text as [`Value`]s: exact numbers, no duplicate keys, bounded depth.
//!
//! What is written can travel through SQS: its XML character set lacks U+FFFE and U+FFFF, so these
//! are escaped.

mod read;
mod scan;

use std::fmt::Write;

pub use read::parse;
pub(crate) use read::{is_number, parse_deep};

use crate::{Object, Value};

/// Deepest nesting that is read.
pub const MAX_DEPTH: usize = 128;

/// Why a text is not one JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct Error {
    offset: usize,
    reason: String,
}

impl Error {
    pub(crate) fn new(offset: usize, reason: String) -> Self {
        Self { offset, reason }
    }

    /// Returns where reading stopped, in bytes from the start.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// Appends `value` as compact JSON.
pub fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => match number.as_i64() {
            Some(int) => write_int(int, out),
            None => write_display(number, out),
        },
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(object) => write_object(object, out),
    }
}

fn write_object(object: &Object, out: &mut String) {
    out.push('{');
    for (at, (key, value)) in object.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_string(key, out);
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

fn write_int(int: i64, out: &mut String) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    let mut rest = int.unsigned_abs();
    loop {
        at -= 1;
        digits[at] += u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if int < 0 {
        out.push('-');
    }
    out.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

fn write_display(thing: impl std::fmt::Display, out: &mut String) {
    if write!(out, "{thing}").is_err() {
        unreachable!("writing to a string does not fail");
    }
}

pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = scan::needs_escape(rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let mut chars = rest[at..].chars();
        if let Some(c) = chars.next() {
            escape(c, out);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn escape(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c < ' ' || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {
            write_display(format_args!("\\u{:04x}", u32::from(c)), out);
        }
        // It only begins like one of the two.
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests;
