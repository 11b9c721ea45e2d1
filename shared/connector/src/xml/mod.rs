//! XML as [`Value`]s: attributes are `@name`, text beside them is `#text`, repeats are lists.
//!
//! `<a x="1">t<b/><b>2</b></a>` is `{"a": {"@x": "1", "b": [null, "2"], "#text": "t"}}`. An element
//! with text alone is that text, an empty one is `null`. XML has no numbers and no lists of one:
//! types are for the mapping to say. A DOCTYPE is refused, and with it every entity of one's own.

mod element;
mod encoding;
mod meter;
mod write;

use std::io::BufRead;

use element::Stack;
pub use encoding::to_utf8;
use ferrule_core::{Failure, Value, json::MAX_DEPTH};
use meter::Meter;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
pub use write::write;

/// Most bytes that one element of a stream may have.
pub const MAX_ELEMENT_BYTES: usize = 16 * 1024 * 1024;

/// Reads a whole document: an object with the root element as its only key.
///
/// The encoding is taken from the byte order mark, else from the declaration, else UTF-8.
pub fn parse(bytes: &[u8]) -> Result<Value, Failure> {
    let text = to_utf8(bytes)?;
    let mut records = Records::open(text.as_ref(), Vec::new(), text.len().max(1));
    match records.next() {
        Some(Ok(root)) => records.next().map_or(Ok(root.value), |more| more.map(|more| more.value)),
        Some(Err(failure)) => Err(failure),
        None => Err(wrong(0, "the document is empty")),
    }
}

/// One element of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// Line on which it starts, from 1.
    pub line: u64,
    /// What is in it.
    pub value: Value,
}

/// Reads the elements at one path, one after the other, in bounded memory.
pub struct Records<R> {
    reader: Reader<Meter<R>>,
    buffer: Vec<u8>,
    /// Names from the root to the element; `*` stands for any. Empty: the document itself.
    path: Vec<Box<str>>,
    /// Names from the root to here, while no wanted element is open.
    trail: Vec<Box<str>>,
    stack: Stack,
    line: u64,
    has_root: bool,
    is_done: bool,
    cap_bytes: usize,
}

impl<R: BufRead> Records<R> {
    /// Reads UTF-8 text (see [`to_utf8`]) and yields each element at `path`, such as
    /// `catalog/items/item`; `*` stands for any name, and an empty path for `*/*`.
    pub fn new(reader: R, path: &str) -> Self {
        let path = if path.is_empty() { "*/*" } else { path };
        let names = path.split('/').filter(|name| !name.is_empty()).map(Into::into).collect();
        Self::open(reader, names, MAX_ELEMENT_BYTES)
    }

    fn open(reader: R, path: Vec<Box<str>>, cap_bytes: usize) -> Self {
        let mut reader = Reader::from_reader(Meter::new(reader, cap_bytes));
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            buffer: Vec::new(),
            path,
            trail: Vec::new(),
            stack: Stack::default(),
            line: 1,
            has_root: false,
            is_done: false,
            cap_bytes,
        }
    }

    /// Reads up to the end of the next wanted element; `None` at the end of the document.
    fn advance(&mut self) -> Result<Option<Element>, Failure> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let found = loop {
            buffer.clear();
            let line = self.reader.get_ref().line();
            let offset = self.reader.buffer_position();
            let event = match self.reader.read_event_into(&mut buffer) {
                Ok(event) => event,
                Err(error) => return Err(wrong(self.reader.error_position(), &error.to_string())),
            };
            let is_end = matches!(event, Event::Eof);
            let found = self.take(&event, line).map_err(|reason| wrong(offset, &reason))?;
            if is_end || found.is_some() {
                break found;
            }
        };
        self.buffer = buffer;
        Ok(found)
    }

    fn take(&mut self, event: &Event<'_>, line: u64) -> Result<Option<Element>, String> {
        match event {
            Event::Start(start) => self.start(start, line)?,
            Event::End(_) => return self.end(),
            Event::Text(text) if self.trail.is_empty() => return outside(text),
            Event::Text(text) => self.stack.text(&text.xml10_content()),
            Event::CData(text) => self.stack.text(&text.xml10_content()),
            Event::GeneralRef(reference) => self.stack.reference(reference)?,
            Event::DocType(_) => return Err("a DOCTYPE is not allowed".to_owned()),
            Event::Eof if !self.trail.is_empty() || !self.has_root => {
                return Err("the document ends in the middle".to_owned());
            }
            Event::Eof | Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        Ok(None)
    }

    fn start(&mut self, start: &BytesStart<'_>, line: u64) -> Result<(), String> {
        if self.stack.is_open() {
            return self.stack.open(start);
        }
        self.trail.push(start.name().as_ref().into());
        if self.trail.len() > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        if self.trail.len() == 1 && std::mem::replace(&mut self.has_root, true) {
            return Err("there is a second root element".to_owned());
        }
        if is_at(&self.path, &self.trail) {
            self.line = line;
            return self.stack.open(start);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Option<Element>, String> {
        let value = if self.stack.is_open() { self.stack.close()? } else { None };
        if self.stack.is_open() {
            return Ok(None);
        }
        let name = self.trail.pop();
        self.reader.get_mut().refill(self.cap_bytes);
        let named = |value| if self.path.is_empty() { rooted(name, value) } else { value };
        Ok(value.map(|value| Element { line: self.line, value: named(value) }))
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<Element, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let element = self.advance().transpose();
        self.is_done = !matches!(element, Some(Ok(_)));
        element
    }
}

fn is_at(path: &[Box<str>], trail: &[Box<str>]) -> bool {
    let wanted = path.len().max(1);
    trail.len() == wanted && path.iter().zip(trail).all(|(p, t)| **p == *"*" || p == t)
}

fn outside(text: &str) -> Result<Option<Element>, String> {
    if text.trim().trim_start_matches('\u{feff}').is_empty() {
        return Ok(None);
    }
    Err("there is text outside of the root element".to_owned())
}

fn rooted(name: Option<Box<str>>, value: Value) -> Value {
    Value::Object(name.map(|name| (name, value)).into_iter().collect())
}

fn wrong(offset: u64, reason: &str) -> Failure {
    Failure::coded("XML", format!("invalid XML: {reason} at byte {offset}"))
}

#[cfg(test)]
mod tests;
