//! Reads and writes JSON text as [`Value`]s: exact numbers, no duplicate keys, bounded depth.
//!
//! What is written can travel through SQS: its XML character set lacks U+FFFE and U+FFFF, so these
//! are escaped.

use std::{collections::HashSet, fmt::Write};

use hifijson::{
    SliceLexer,
    num::LexWrite as _,
    str::LexAlloc as _,
    token::{Expect, Lex},
};

use crate::{Number, Object, Value};

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

enum Stop {
    Lex(hifijson::Error),
    Duplicate(String),
    Depth,
}

impl<E: Into<hifijson::Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Lex(error.into())
    }
}

/// Reads exactly one value; a byte order mark before it is skipped.
pub fn parse(text: &[u8]) -> Result<Value, Error> {
    let body = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let mut lexer = SliceLexer::new(body);
    let outcome = read_only_value(&mut lexer);
    let offset = text.len() - lexer.as_slice().len();
    outcome.map_err(|stop| Error::new(offset, describe(&stop)))
}

fn describe(stop: &Stop) -> String {
    match stop {
        Stop::Lex(error) => format!("invalid JSON: {error}"),
        Stop::Duplicate(key) => format!("duplicate key {key:?}"),
        Stop::Depth => format!("nested deeper than {MAX_DEPTH} levels"),
    }
}

fn read_only_value(lexer: &mut SliceLexer<'_>) -> Result<Value, Stop> {
    let next = lexer.ws_peek().ok_or(Expect::Value)?;
    let value = read(next, lexer, 0)?;
    match lexer.ws_peek() {
        None => Ok(value),
        Some(_) => Err(Expect::Eof.into()),
    }
}

fn read(next: u8, lexer: &mut SliceLexer<'_>, depth: usize) -> Result<Value, Stop> {
    if depth > MAX_DEPTH {
        return Err(Stop::Depth);
    }
    match next {
        b'"' => Ok(Value::String(string(lexer)?)),
        b'-' | b'0'..=b'9' => number(lexer),
        b'[' => array(lexer, depth),
        b'{' => object(lexer, depth),
        _ => match lexer.null_or_bool() {
            Some(None) => Ok(Value::Null),
            Some(Some(truth)) => Ok(Value::Bool(truth)),
            None => Err(Expect::Value.into()),
        },
    }
}

fn string(lexer: &mut SliceLexer<'_>) -> Result<Box<str>, Stop> {
    let text = lexer.discarded().str_string().map_err(hifijson::Error::Str)?;
    Ok(text.into_owned().into_boxed_str())
}

fn number(lexer: &mut SliceLexer<'_>) -> Result<Value, Stop> {
    let (text, _) = lexer.num_string().validated().map_err(hifijson::Error::Num)?;
    if lexer.as_slice().first().is_some_and(u8::is_ascii_digit) {
        return Err(hifijson::Error::Num(hifijson::num::Error::ExpectedDigit).into());
    }
    Ok(Value::Number(Number::from_valid(text)))
}

fn array(lexer: &mut SliceLexer<'_>, depth: usize) -> Result<Value, Stop> {
    let mut items = Vec::new();
    lexer.discarded().seq(b']', Lex::ws_peek, |next, lexer| {
        items.push(read(next, lexer, depth + 1)?);
        Ok::<_, Stop>(())
    })?;
    Ok(Value::Array(items))
}

fn object(lexer: &mut SliceLexer<'_>, depth: usize) -> Result<Value, Stop> {
    let mut object = Object::new();
    lexer.discarded().seq(b'}', Lex::ws_peek, |next, lexer| {
        if next != b'"' {
            return Err(Expect::String.into());
        }
        let key = string(lexer)?;
        lexer.expect(Lex::ws_peek, b':').ok_or(Expect::Colon)?;
        let next = lexer.ws_peek().ok_or(Expect::Value)?;
        let value = read(next, lexer, depth + 1)?;
        object.push(key, value);
        Ok::<_, Stop>(())
    })?;
    match duplicate(&object) {
        Some(key) => Err(Stop::Duplicate(key.to_owned())),
        None => Ok(Value::Object(object)),
    }
}

/// Small objects are compared key by key, large ones by hash: both stay quick.
fn duplicate(object: &Object) -> Option<&str> {
    if object.len() > 48 {
        let mut seen = HashSet::with_capacity(object.len());
        return object.iter().map(|(key, _)| key).find(|key| !seen.insert(*key));
    }
    let keys = || object.iter().map(|(key, _)| key);
    keys().enumerate().find(|(at, key)| keys().take(*at).any(|k| k == *key)).map(|(_, key)| key)
}

/// Tells whether `text` is one JSON number and nothing else.
pub(crate) fn is_number(text: &str) -> bool {
    let mut lexer = SliceLexer::new(text.as_bytes());
    lexer.num_string().validated().is_ok() && lexer.as_slice().is_empty()
}

/// Appends `value` as compact JSON.
pub fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => write_display(number, out),
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

fn write_display(thing: impl std::fmt::Display, out: &mut String) {
    if write!(out, "{thing}").is_err() {
        unreachable!("writing to a string does not fail");
    }
}

pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(needs_escape) {
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

fn needs_escape(c: char) -> bool {
    c < ' ' || matches!(c, '"' | '\\' | '\u{FFFE}' | '\u{FFFF}')
}

fn escape(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => write_display(format_args!("\\u{:04x}", u32::from(c)), out),
    }
}
