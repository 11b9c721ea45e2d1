//! Records of an XML document: the elements at a path, found without loading it whole.

use ferrule_connector::{Failure, Object, Value, xml};

use crate::frame::{Framed, Framer, Lost, MAX_RECORD_BYTES, Problem, Step, View, utf8};
use crate::markup::{Markup, markup};

/// Deepest nesting around records.
const MAX_DEPTH: usize = 64;

/// Finds elements of an XML document.
pub(crate) struct Elements {
    wanted: Wanted,
    /// Names of the open elements around the place where the framer is.
    trail: Vec<String>,
    has_root: bool,
    /// Set within a record: how far it is looked at, and how many of its elements are open.
    inside: Option<Inside>,
    lost: Option<Lost>,
}

/// Which elements are records.
enum Wanted {
    /// Those of this name, anywhere.
    Name(String),
    /// Those at these names from the root; `*` is any.
    Path(Vec<String>),
}

#[derive(Debug, Default)]
struct Inside {
    pos: usize,
    depth: usize,
}

impl Wanted {
    fn parse(records: Option<&str>) -> Self {
        let text = records.unwrap_or("*/*");
        match text.trim_start_matches('/') {
            name if !text.contains('/') => Self::Name(name.to_owned()),
            path => Self::Path(path.split('/').map(str::to_owned).collect()),
        }
    }

    fn fits(&self, trail: &[String], name: &str) -> bool {
        match self {
            Self::Name(wanted) => wanted == name,
            Self::Path(path) => {
                let here = trail.iter().map(String::as_str).chain([name]);
                path.len() == trail.len() + 1
                    && path.iter().zip(here).all(|(wanted, name)| wanted == "*" || wanted == name)
            }
        }
    }
}

impl Elements {
    /// Begins at the start of a document (`carry` is null), or after a record.
    pub(crate) fn new(records: Option<&str>, carry: &Value) -> Self {
        let names = carry.as_array().unwrap_or_default().iter();
        let trail = names.filter_map(|name| name.as_str().map(str::to_owned)).collect();
        let has_root = !carry.is_null();
        Self { wanted: Wanted::parse(records), trail, has_root, inside: None, lost: None }
    }

    /// Takes what stands between records.
    fn outside(&mut self, view: View<'_>) -> Result<Step, Failure> {
        if view.is_ended && view.bytes.trim_ascii().is_empty() {
            let is_whole = self.has_root && self.trail.is_empty();
            return if is_whole { Ok(Step::End) } else { Err(cut_off(view)) };
        }
        let Some((markup, bytes)) = markup(view.bytes) else {
            return unfinished(view);
        };
        match markup {
            Markup::Text | Markup::Aside => {}
            Markup::Doctype => return Err(doctype()),
            Markup::Open(name) | Markup::Empty(name) => {
                let name = utf8(name, view).map_err(|problem| broken(view, &problem.message))?;
                self.has_root = true;
                if self.wanted.fits(&self.trail, name) {
                    self.inside = Some(Inside::default());
                    return Ok(Step::Skip(0));
                }
                if matches!(markup, Markup::Open(_)) {
                    self.trail.push(name.to_owned());
                }
            }
            Markup::Close(name) => match self.trail.pop() {
                Some(open) if open.as_bytes() == name => {}
                _ => return Err(broken(view, "an end tag that closes nothing")),
            },
        }
        if self.trail.len() > MAX_DEPTH {
            return Err(broken(view, "nested too deep"));
        }
        Ok(Step::Skip(bytes))
    }

    /// Looks for the end of the record that the window begins with.
    fn within(&mut self, mut inside: Inside, view: View<'_>) -> Result<Step, Failure> {
        while let Some((markup, bytes)) = markup(&view.bytes[inside.pos..]) {
            inside.pos += bytes;
            match markup {
                Markup::Open(_) => inside.depth += 1,
                Markup::Close(_) => inside.depth = inside.depth.saturating_sub(1),
                Markup::Doctype => return Err(doctype()),
                Markup::Text | Markup::Aside => continue,
                Markup::Empty(_) => {}
            }
            if inside.depth == 0 {
                return Ok(self.found(inside.pos, view));
            }
        }
        if view.is_ended {
            return Err(cut_off(view));
        }
        let is_lost = self.lost.is_some() || view.bytes.len() > MAX_RECORD_BYTES;
        if !is_lost {
            self.inside = Some(inside);
            return Ok(Step::More);
        }
        self.lost.get_or_insert_with(|| Lost::in_view(view));
        unfinished(View { bytes: &view.bytes[inside.pos..], ..view })?;
        let passed = std::mem::take(&mut inside.pos);
        self.inside = Some(inside);
        Ok(if passed == 0 { Step::More } else { Step::Skip(passed) })
    }

    fn found(&mut self, end: usize, view: View<'_>) -> Step {
        if let Some(lost) = self.lost.take() {
            return lost.found_end(end);
        }
        let outcome = record(&view.bytes[..end], view);
        Step::Record(Framed { bytes: end, line: view.line, outcome })
    }
}

impl Framer for Elements {
    fn step(&mut self, view: View<'_>) -> Result<Step, Failure> {
        match self.inside.take() {
            Some(inside) => self.within(inside, view),
            None => self.outside(view),
        }
    }

    fn carry(&self) -> Value {
        self.trail.iter().map(|name| name.as_str().into()).collect::<Vec<_>>().into()
    }
}

fn record(text: &[u8], view: View<'_>) -> Result<Value, Problem> {
    let line = view.line;
    utf8(text, view)?;
    let wrong = |failure: Failure| Problem::new("XML", format!("line {line}: {failure}"));
    match xml::parse(text).map_err(wrong)? {
        Value::Object(root) => Ok(match root.into_iter().next() {
            Some((_, Value::Object(record))) => record.into(),
            None | Some((_, Value::Null)) => Object::new().into(),
            Some((_, text)) => Object::from_iter([("#text", text)]).into(),
        }),
        other => Ok(other),
    }
}

/// A tag, comment or text that the window does not hold whole.
fn unfinished(view: View<'_>) -> Result<Step, Failure> {
    if view.is_ended {
        return Err(cut_off(view));
    }
    if view.bytes.len() > MAX_RECORD_BYTES {
        return Err(broken(view, "one tag, text or comment is too long"));
    }
    Ok(Step::More)
}

fn doctype() -> Failure {
    Failure::coded("XML_DOCTYPE", "the XML document has a DOCTYPE; it is refused")
}

fn cut_off(view: View<'_>) -> Failure {
    broken(view, "it ends in the middle; is it cut off?")
}

fn broken(view: View<'_>, wrong: &str) -> Failure {
    let (line, at) = (view.line, view.at);
    Failure::coded("XML", format!("the XML document, line {line} (byte {at} of the text): {wrong}"))
}
