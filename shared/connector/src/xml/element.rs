//! Builds the value of one element while its parts come in.

use ferrule_core::{Object, Value, json::MAX_DEPTH};
use indexmap::IndexMap;
use quick_xml::{
    XmlVersion,
    events::{BytesRef, BytesStart},
};

/// Most different names within one element: a guard against a hostile document.
const MAX_NAMES: usize = 1000;

/// The elements that are open, outermost first.
#[derive(Debug, Default)]
pub(super) struct Stack(Vec<Open>);

#[derive(Debug)]
struct Open {
    name: Box<str>,
    parts: IndexMap<Box<str>, Vec<Value>>,
    text: String,
}

impl Stack {
    pub(super) fn is_open(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn open(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        if self.0.len() >= MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        let mut open = Open {
            name: start.name().as_ref().into(),
            parts: IndexMap::new(),
            text: String::new(),
        };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| error.to_string())?;
            open.add(format!("@{}", attribute.key.as_ref()).into(), Value::from(&*value))?;
        }
        self.0.push(open);
        Ok(())
    }

    /// Closes the innermost element; returns the value when it was the outermost.
    pub(super) fn close(&mut self) -> Result<Option<Value>, String> {
        let Some(open) = self.0.pop() else { return Ok(None) };
        let name = open.name.clone();
        let value = open.value();
        match self.0.last_mut() {
            Some(parent) => parent.add(name, value).map(|()| None),
            None => Ok(Some(value)),
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        if let Some(open) = self.0.last_mut() {
            open.text.push_str(text);
        }
    }

    pub(super) fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), String> {
        let character = match &**reference {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "apos" => '\'',
            "quot" => '"',
            name => match reference.resolve_char_ref() {
                Ok(Some(character)) => character,
                Ok(None) => return Err(format!("the entity &{name}; is not known")),
                Err(error) => return Err(error.to_string()),
            },
        };
        self.text(character.encode_utf8(&mut [0; 4]));
        Ok(())
    }
}

impl Open {
    fn add(&mut self, name: Box<str>, value: Value) -> Result<(), String> {
        if self.parts.len() >= MAX_NAMES && !self.parts.contains_key(&name) {
            return Err(format!("more than {MAX_NAMES} different names in one element"));
        }
        self.parts.entry(name).or_default().push(value);
        Ok(())
    }

    fn value(self) -> Value {
        if self.parts.is_empty() {
            return if self.text.is_empty() { Value::Null } else { Value::from(self.text) };
        }
        let mut object = Object::with_capacity(self.parts.len() + 1);
        for (name, mut values) in self.parts {
            let value = if values.len() == 1 { values.pop() } else { None };
            object.insert(name, value.unwrap_or(Value::Array(values)));
        }
        let text = self.text.trim();
        if !text.is_empty() {
            object.insert("#text", Value::from(text));
        }
        Value::Object(object)
    }
}
