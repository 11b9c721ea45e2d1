//! Records of a JSON Lines file: one object a line.

use ferrule_connector::{Failure, Value};
use ferrule_core::json;

use crate::frame::{Framed, Framer, Lost, MAX_RECORD_BYTES, Problem, Step, View, utf8};

/// Finds the lines of a JSON Lines file.
#[derive(Default)]
pub(crate) struct Lines {
    looked_at: usize,
    lost: Option<Lost>,
}

impl Framer for Lines {
    fn step(&mut self, view: View<'_>) -> Result<Step, Failure> {
        let from = self.looked_at.min(view.bytes.len());
        let end = view.bytes[from..].iter().position(|byte| *byte == b'\n').map(|at| from + at);
        self.looked_at = 0;
        match (end, self.lost.take()) {
            (Some(end), None) => Ok(line(&view.bytes[..end], end + 1, view)),
            (Some(end), Some(lost)) => Ok(lost.found_end(end + 1)),
            (None, lost) if view.is_ended => Ok(last(view, lost)),
            (None, None) if view.bytes.len() <= MAX_RECORD_BYTES => {
                self.looked_at = view.bytes.len();
                Ok(Step::More)
            }
            (None, lost) if view.bytes.is_empty() => {
                self.lost = lost;
                Ok(Step::More)
            }
            (None, lost) => {
                self.lost = Some(lost.unwrap_or_else(|| Lost::in_view(view)));
                Ok(Step::Skip(view.bytes.len()))
            }
        }
    }

    fn carry(&self) -> Value {
        Value::Null
    }
}

fn last(view: View<'_>, lost: Option<Lost>) -> Step {
    let bytes = view.bytes.len();
    match lost {
        Some(lost) => lost.found_end(bytes),
        None if bytes == 0 => Step::End,
        None => line(view.bytes, bytes, view),
    }
}

fn line(text: &[u8], bytes: usize, view: View<'_>) -> Step {
    if text.trim_ascii().is_empty() {
        return Step::Skip(bytes);
    }
    Step::Record(Framed { bytes, line: view.line, outcome: object(text, view) })
}

/// Reads the object that `text` is; the problem says where in the line it stops being one.
pub(crate) fn object(text: &[u8], view: View<'_>) -> Result<Value, Problem> {
    let line = view.line;
    utf8(text, view)?;
    match json::parse(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(other) => {
            let kind = other.kind();
            Err(Problem::new("JSON", format!("line {line}: expected an object, found {kind}")))
        }
        Err(error) => Err(Problem::new("JSON", format!("line {line}: {error} of the record"))),
    }
}
