//! Reads JSON text. By hand, because this is most of what a record costs: one pass over bytes that
//! were checked as UTF-8 at once, and no copy but the one into the value.

use std::collections::HashSet;

use super::{Error, MAX_DEPTH, scan};
use crate::{Key, Number, Object, Text, Value};

/// Reads exactly one value; a byte order mark before it is skipped.
pub fn parse(text: &[u8]) -> Result<Value, Error> {
    parse_deep(text, MAX_DEPTH)
}

/// The same for values within others that the caller knows: those may add to the depth.
pub(crate) fn parse_deep(text: &[u8], max_depth: usize) -> Result<Value, Error> {
    let body = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let skipped = text.len() - body.len();
    let body = std::str::from_utf8(body).map_err(|error| {
        Error::new(skipped + error.valid_up_to(), "invalid JSON: invalid UTF-8".to_owned())
    })?;
    let mut reader = Reader::new(body, max_depth);
    let outcome = reader.only_value();
    outcome.map_err(|reason| Error::new(skipped + reader.at, reason))
}

/// Tells whether `text` is one JSON number and nothing else.
pub(crate) fn is_number(text: &str) -> bool {
    let mut reader = Reader::new(text, 0);
    reader.number_end().is_some_and(|end| end == text.len())
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    max_depth: usize,
    /// Entries and items of what is still open, the innermost last: each list and object then asks for its memory once, as much as it needs.
    entries: Vec<(Key, Value)>,
    items: Vec<Value>,
}

fn expected<T>(what: &str) -> Result<T, String> {
    Err(format!("invalid JSON: {what} expected"))
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, max_depth: usize) -> Self {
        Self { text, at: 0, max_depth, entries: Vec::new(), items: Vec::new() }
    }

    fn only_value(&mut self) -> Result<Value, String> {
        let value = self.value(0)?;
        match self.peek() {
            None => Ok(value),
            Some(_) => expected("end"),
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Returns the next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                next => return next,
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > self.max_depth {
            return Err(format!("nested deeper than {} levels", self.max_depth));
        }
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => expected("value"),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, String> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return expected("value");
        }
        self.at += word.len();
        Ok(value)
    }

    /// Goes on after a comma; `false` when `end` came instead.
    fn another(&mut self, end: u8) -> Result<bool, String> {
        match self.peek() {
            Some(b',') => self.at += 1,
            Some(byte) if byte == end => {
                self.at += 1;
                return Ok(false);
            }
            _ => return expected("comma or end of sequence"),
        }
        Ok(true)
    }

    /// Enters a list or an object; `false` when it is empty.
    fn enter(&mut self, end: u8) -> bool {
        self.at += 1;
        let empty = self.peek() == Some(end);
        self.at += usize::from(empty);
        !empty
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        let first = self.items.len();
        if self.enter(b']') {
            loop {
                let item = self.value(depth + 1)?;
                self.items.push(item);
                if !self.another(b']')? {
                    break;
                }
            }
        }
        Ok(Value::Array(self.items.drain(first..).collect()))
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        let first = self.entries.len();
        if self.enter(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return expected("string");
                }
                let key = self.string()?;
                if self.peek() != Some(b':') {
                    return expected("colon");
                }
                self.at += 1;
                let value = self.value(depth + 1)?;
                self.entries.push((key, value));
                if !self.another(b'}')? {
                    break;
                }
            }
        }
        match duplicate(&self.entries[first..]) {
            Some(key) => Err(format!("duplicate key {key:?}")),
            None => Ok(Value::Object(Object::of_new_keys(self.entries.drain(first..).collect()))),
        }
    }

    /// Reads a string; its opening quote is next.
    fn string(&mut self) -> Result<Text, String> {
        self.at += 1;
        let plain = self.plain()?;
        if self.byte() == Some(b'"') {
            self.at += 1;
            return Ok(Text::new(plain));
        }
        let mut text = plain.to_owned();
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text.into());
                }
                Some(b'\\') => text.push(self.escaped()?),
                _ => return expected("a character that is not a control character"),
            }
            text.push_str(self.plain()?);
        }
    }

    /// Returns what comes before the next quote, backslash or control character.
    fn plain(&mut self) -> Result<&'t str, String> {
        let start = self.at;
        let Some(len) = scan::ends_plain(&self.text.as_bytes()[start..]) else {
            self.at = self.text.len();
            return expected("quote");
        };
        self.at += len;
        Ok(&self.text[start..self.at])
    }

    fn escaped(&mut self) -> Result<char, String> {
        self.at += 1;
        let escape = self.byte();
        self.at += usize::from(escape.is_some());
        Ok(match escape {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return expected("escape sequence"),
        })
    }

    /// Reads `\uXXXX`, or two of them that make a pair. Half a pair is not a character.
    fn unicode(&mut self) -> Result<char, String> {
        let first = self.hex()?;
        let code = match first {
            0xD800..=0xDBFF if self.text.as_bytes()[self.at..].starts_with(b"\\u") => {
                self.at += 2;
                let second = self.hex()?;
                let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400);
                low.map(|low| 0x10000 + ((first - 0xD800) << 10) + low)
            }
            code => Some(code),
        };
        code.and_then(char::from_u32).map_or_else(|| expected("whole surrogate pair"), Ok)
    }

    fn hex(&mut self) -> Result<u32, String> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).unwrap_or_default();
        let code = digits.iter().try_fold(0, |code, digit| {
            char::from(*digit).to_digit(16).map(|digit| code * 16 + digit)
        });
        match code {
            Some(code) if digits.len() == 4 => {
                self.at += 4;
                Ok(code)
            }
            _ => expected("four hexadecimal digits"),
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        match self.number_end() {
            Some(end) => Ok(Value::Number(Number::from_valid(&self.text[start..end]))),
            None => expected("digit"),
        }
    }

    /// Skips a number. What follows a zero in front is not looked at: it cannot go on.
    fn number_end(&mut self) -> Option<usize> {
        self.at += usize::from(self.byte() == Some(b'-'));
        let zero_in_front = self.byte() == Some(b'0');
        let whole = self.digits()?;
        if zero_in_front && whole > 1 {
            return None;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Some(self.at)
    }

    /// Skips digits; `None` when there are none.
    fn digits(&mut self) -> Option<usize> {
        let rest = &self.text.as_bytes()[self.at.min(self.text.len())..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(count)
    }
}

/// Small objects are compared key by key, large ones by hash: both stay quick. Keys whose sketch is new need no comparison.
fn duplicate(entries: &[(Key, Value)]) -> Option<&str> {
    let mut keys = entries.iter().map(|(key, _)| key.as_str());
    if entries.len() > 48 {
        let mut seen = HashSet::with_capacity(entries.len());
        return keys.find(|key| !seen.insert(*key));
    }
    let (mut seen, mut at) = (0_u64, 0);
    keys.find(|key| {
        let bit = 1 << sketch(key.as_bytes());
        let again = seen & bit != 0 && entries[..at].iter().any(|(before, _)| before == key);
        (seen, at) = (seen | bit, at + 1);
        again
    })
}

/// Below 64, and mostly different for different keys.
fn sketch(key: &[u8]) -> usize {
    let end = |byte: Option<&u8>| usize::from(byte.copied().unwrap_or_default());
    (key.len() * 11 + end(key.first()) * 7 + end(key.last())) % 64
}
