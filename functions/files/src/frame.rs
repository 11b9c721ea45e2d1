//! Finding one record after another in a window of text.

use ferrule_connector::{Failure, Value};

use crate::text::Text;

/// Longest text of one record: what is longer is refused, alone.
pub(crate) const MAX_RECORD_BYTES: usize = 4 * 1024 * 1024;

/// Finds records in a text. Knows one format; never reads anything itself.
pub(crate) trait Framer: Send {
    /// Looks at the window; says what its beginning is.
    ///
    /// Asked again with a wider window, or with one that begins after what was taken.
    fn step(&mut self, view: View<'_>) -> Result<Step, Failure>;

    /// Returns what a new framer must know to go on right after the last record.
    fn carry(&self) -> Value;
}

/// A window and where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'w> {
    /// The text.
    pub(crate) bytes: &'w [u8],
    /// The file ends with it.
    pub(crate) is_ended: bool,
    /// Where it begins, in bytes of the file's text.
    pub(crate) at: u64,
    /// The line in which it begins, from 1.
    pub(crate) line: u64,
}

impl<'w> View<'w> {
    /// Looks at a text, never at more than one byte over the longest record: what is too long is
    /// so however much of it has arrived.
    pub(crate) fn of(text: &'w Text) -> Self {
        let window = text.window();
        let bytes = &window[..window.len().min(MAX_RECORD_BYTES + 1)];
        let is_ended = text.is_ended() && bytes.len() == window.len();
        Self { bytes, is_ended, at: text.at(), line: text.line() }
    }
}

/// What the beginning of a window is.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing that can be told: more text is needed.
    More,
    /// This many bytes of no interest.
    Skip(usize),
    /// One record, or what should have been one.
    Record(Framed),
    /// The end of the records.
    End,
}

/// The text of one record and what it holds.
#[derive(Debug)]
pub(crate) struct Framed {
    /// Bytes of the window that belong to it.
    pub(crate) bytes: usize,
    /// Line on which it begins.
    pub(crate) line: u64,
    /// The record, or why there is none.
    pub(crate) outcome: Result<Value, Problem>,
}

/// Why a text is not a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    /// Stable upper-case code.
    pub(crate) code: &'static str,
    /// What is wrong and what was expected.
    pub(crate) message: String,
    /// The text's beginning, when the window no longer has it.
    pub(crate) raw: Option<String>,
}

impl Problem {
    pub(crate) fn new(code: &'static str, message: String) -> Self {
        Self { code, message, raw: None }
    }
}

/// A record that is too long, while its text passes by.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    line: u64,
    raw: String,
}

impl Lost {
    /// Notes where the record that fills the window begins.
    pub(crate) fn in_view(view: View<'_>) -> Self {
        Self { line: view.line, raw: excerpt(view.bytes) }
    }

    /// Refuses the record, of which the last `bytes` are in the window.
    pub(crate) fn found_end(self, bytes: usize) -> Step {
        let limit = MAX_RECORD_BYTES / (1024 * 1024);
        let message = format!("the record on line {} is longer than {limit} MiB", self.line);
        let raw = Some(self.raw);
        let problem = Problem { code: "RECORD_TOO_BIG", message, raw };
        Step::Record(Framed { bytes, line: self.line, outcome: Err(problem) })
    }
}

/// Returns `text` as UTF-8; the problem names the byte that is not.
pub(crate) fn utf8<'t>(text: &'t [u8], view: View<'_>) -> Result<&'t str, Problem> {
    std::str::from_utf8(text).map_err(|error| {
        let at = view.at + error.valid_up_to() as u64;
        let line = view.line;
        Problem::new("ENCODING", format!("line {line} has invalid UTF-8 at byte {at} of the text"))
    })
}

/// Returns the beginning of a text for the error log.
pub(crate) fn excerpt(text: &[u8]) -> String {
    const MAX_BYTES: usize = 4096;
    String::from_utf8_lossy(&text[..text.len().min(MAX_BYTES)]).into_owned()
}
