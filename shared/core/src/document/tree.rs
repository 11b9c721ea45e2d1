//! Reads YAML and JSON text into values with their places, within budgets.

use std::collections::{HashMap, HashSet};

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::{
    place::{Place, Places, item, under},
    scalar,
};
use crate::{Key, Object, Value, definition::Problem, json};

/// Deepest nesting.
const MAX_DEPTH: usize = 64;
/// Most values of one text, those that aliases repeat included.
const MAX_VALUES: usize = 50_000;
/// Longest key: the path of every value under it repeats it.
const MAX_KEY_BYTES: usize = 1024;
/// Most documents in one text.
const MAX_DOCUMENTS: usize = 1000;

/// A document as it was written.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) value: Value,
    pub(super) places: Places,
}

/// Reads all documents of a text.
pub(super) fn read(text: &str) -> Result<Vec<Tree>, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // JSON is nearly YAML, but its surrogate pairs are not: what reads as JSON is JSON.
    let as_json = text.trim_start().starts_with('{').then(|| json::parse(text.as_bytes()).ok());
    let trees = read_yaml(text);
    match (as_json.flatten(), trees) {
        (Some(value), Ok(mut trees)) if trees.len() == 1 => {
            trees[0].value = value;
            Ok(trees)
        }
        (Some(value), _) => Ok(vec![Tree { value, places: Places::default() }]),
        (None, trees) => trees,
    }
}

fn read_yaml(text: &str) -> Result<Vec<Tree>, Problem> {
    let parser = Parser::new_from_str(text);
    let mut reader =
        Reader { parser, values: 0, anchors: HashMap::new(), places: Places::default() };
    reader.documents()
}

struct Reader<'t> {
    parser: Parser<'t, serde_saphyr::granit_parser::StrInput<'t>>,
    values: usize,
    anchors: HashMap<usize, Value>,
    places: Places,
}

fn place(marker: &Marker) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { line: number(marker.line()), column: number(marker.col() + 1) }
}

fn problem(at: Place, path: &str, message: impl Into<String>) -> Problem {
    let mut problem = Problem::new(path, message);
    (problem.line, problem.column) = (at.line, at.column);
    problem
}

impl<'t> Reader<'t> {
    fn documents(&mut self) -> Result<Vec<Tree>, Problem> {
        let mut trees = Vec::new();
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(trees),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => {
                    if trees.len() == MAX_DOCUMENTS {
                        let message = format!("a text has at most {MAX_DOCUMENTS} documents");
                        return Err(problem(place(&span.start), "", message));
                    }
                    self.places = Places::new(place(&span.start));
                    self.anchors.clear();
                    let value = self.value(event, span, "", 0)?;
                    let places = std::mem::take(&mut self.places);
                    if !value.is_null() {
                        trees.push(Tree { value, places });
                    }
                }
            }
        }
    }

    /// Returns the next event that is not a comment.
    fn next(&mut self) -> Result<(Event<'t>, Span), Problem> {
        loop {
            match self.parser.next_event() {
                None => return Ok((Event::StreamEnd, Span::default())),
                Some(Ok((event, span))) if event.is_node() || is_frame(&event) => {
                    return Ok((event, span));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    return Err(problem(
                        place(error.marker()),
                        "",
                        format!("invalid YAML: {}", error.info()),
                    ));
                }
            }
        }
    }

    fn count(&mut self, values: usize, at: Place) -> Result<(), Problem> {
        self.values += values;
        if self.values > MAX_VALUES {
            return Err(problem(at, "", format!("a text has at most {MAX_VALUES} values")));
        }
        Ok(())
    }

    fn value(
        &mut self,
        event: Event<'t>,
        span: Span,
        path: &str,
        depth: usize,
    ) -> Result<Value, Problem> {
        let at = place(&span.start);
        self.count(1, at)?;
        if depth > MAX_DEPTH {
            return Err(problem(at, path, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.places.note_value(path, at);
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                check_tag(tag.as_deref(), at, path)?;
                let is_text = style != ScalarStyle::Plain || is_str(tag.as_deref());
                let value = if is_text {
                    text.as_ref().into()
                } else {
                    scalar::resolve(&text).map_err(|why| problem(at, path, why))?
                };
                (anchor, value)
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), at, path)?;
                (anchor, self.items(path, depth)?)
            }
            Event::MappingStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), at, path)?;
                (anchor, self.entries(path, depth)?)
            }
            Event::Alias(anchor) => {
                let Some(value) = self.anchors.get(&anchor).cloned() else {
                    return Err(problem(at, path, "an alias cannot stand within what it names"));
                };
                self.count(size(&value), at)?;
                (0, value)
            }
            _ => return Err(problem(at, path, "invalid YAML: a value is missing here")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn items(&mut self, path: &str, depth: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items.into()),
                (event, span) => {
                    let path = item(path, items.len());
                    items.push(self.value(event, span, &path, depth + 1)?);
                }
            }
        }
    }

    fn entries(&mut self, path: &str, depth: usize) -> Result<Value, Problem> {
        let mut object = Object::new();
        // An object looks its keys up one by one; in a text of many keys that is too slow.
        let mut keys = HashSet::new();
        loop {
            let (event, span) = self.next()?;
            let at = place(&span.start);
            let key = match event {
                Event::MappingEnd => return Ok(object.into()),
                Event::Scalar(key, ..) => checked(&key).map_err(|why| problem(at, path, why))?,
                _ => return Err(problem(at, path, "a key must be a text")),
            };
            let path = under(path, &key);
            if !keys.insert(key.clone()) {
                return Err(problem(at, &path, format!("the key {key:?} stands here twice")));
            }
            self.places.note_key(&path, at);
            let (event, span) = self.next()?;
            let value = self.value(event, span, &path, depth + 1)?;
            object.push(key, value);
        }
    }
}

fn checked(key: &str) -> Result<Key, String> {
    if key.len() > MAX_KEY_BYTES {
        return Err(format!("a key has at most {MAX_KEY_BYTES} bytes"));
    }
    if key == "<<" {
        return Err("merge keys are not part of YAML 1.2: write the keys out".to_owned());
    }
    Ok(Key::new(key))
}

fn is_frame(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd
    )
}

fn is_str(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| tag.to_string().ends_with("str") || tag.to_string() == "!")
}

fn check_tag(tag: Option<&Tag>, at: Place, path: &str) -> Result<(), Problem> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() && tag.to_string() != "!" => {
            Err(problem(at, path, format!("the tag {tag} means nothing here")))
        }
        _ => Ok(()),
    }
}

/// How many values there are in a value.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(object) => object.iter().map(|(_, value)| size(value)).sum(),
        _ => 0,
    }
}
