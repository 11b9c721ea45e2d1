//! Records of a CSV file: every value is text, exactly as written.

use ferrule_connector::{Failure, Object, Value};

use crate::fields::Fields;
use crate::format::Dialect;
use crate::frame::{Framed, Framer, Lost, MAX_RECORD_BYTES, Problem, Step, View, utf8};

/// Longest header that travels from page to page.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Finds the rows of a CSV file.
pub(crate) struct Rows {
    dialect: Dialect,
    columns: Columns,
    scan: Scan,
    lost: Option<Lost>,
    fields: Fields,
}

/// What is known about the columns.
#[derive(Debug, Clone, PartialEq)]
enum Columns {
    /// The first row is still to come. When it is a header, the names given here replace its own.
    Unknown(Vec<String>),
    /// Their names.
    Known(Vec<String>),
}

/// How far a row has been looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Scan {
    pos: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    StartOfValue,
    Bare,
    Quoted,
    /// After a quote in a quoted value: its end, or the first of two.
    QuoteInQuoted,
}

impl Rows {
    /// Begins at the start of a file (`carry` is null), or after a row.
    pub(crate) fn new(
        dialect: Dialect,
        columns: &[String],
        carry: &Value,
    ) -> Result<Self, Failure> {
        let known = match carry {
            Value::Null if dialect.header || columns.is_empty() => {
                Columns::Unknown(columns.to_vec())
            }
            Value::Null => Columns::Known(unique(columns.to_vec())?),
            header => Columns::Known(header.to().map_err(|error| {
                Failure::coded("POSITION", format!("the columns in the position: {error}"))
            })?),
        };
        let (scan, lost) = (Scan::default(), None);
        Ok(Self { dialect, columns: known, scan, lost, fields: Fields::new(dialect) })
    }

    /// Passes the rest of a row that is too long.
    fn pass(&mut self, lost: Lost, view: View<'_>) -> Step {
        let end = view.bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        match end {
            Some(end) => lost.found_end(end),
            None if view.is_ended => lost.found_end(view.bytes.len()),
            None if view.bytes.is_empty() => {
                self.lost = Some(lost);
                Step::More
            }
            None => {
                self.lost = Some(lost);
                Step::Skip(view.bytes.len())
            }
        }
    }

    /// The window has no end of the row that it begins with.
    fn endless(&mut self, view: View<'_>) -> Result<Step, Failure> {
        let is_too_long = view.bytes.len() > MAX_RECORD_BYTES;
        if !view.is_ended && !is_too_long {
            return Ok(Step::More);
        }
        let state = std::mem::take(&mut self.scan).state;
        if state == State::Quoted {
            return Ok(unclosed(view));
        }
        if is_too_long {
            return Ok(self.pass(Lost::in_view(view), view));
        }
        self.row(view.bytes.len(), view)
    }

    fn row(&mut self, bytes: usize, view: View<'_>) -> Result<Step, Failure> {
        let raw = &view.bytes[..bytes];
        let framed = |outcome| Step::Record(Framed { bytes, line: view.line, outcome });
        match &self.columns {
            Columns::Known(names) => {
                let has_header = self.dialect.header;
                let outcome = utf8(raw, view)
                    .and_then(|_| self.fields.read(raw))
                    .and_then(|fields| record(names, has_header, &fields, view.line));
                Ok(framed(outcome))
            }
            Columns::Unknown(given) => {
                let first = utf8(raw, view)
                    .and_then(|_| self.fields.read(raw))
                    .map_err(|problem| header_failure(&problem.message))?;
                let names = if self.dialect.header {
                    header(given, &first)?
                } else {
                    (1..=first.len()).map(|n| format!("column_{n}")).collect()
                };
                let outcome = record(&names, self.dialect.header, &first, view.line);
                self.columns = Columns::Known(names);
                Ok(if self.dialect.header { Step::Skip(bytes) } else { framed(outcome) })
            }
        }
    }
}

impl Framer for Rows {
    fn step(&mut self, view: View<'_>) -> Result<Step, Failure> {
        if let Some(lost) = self.lost.take() {
            return Ok(self.pass(lost, view));
        }
        if view.bytes.is_empty() {
            return Ok(if view.is_ended { Step::End } else { Step::More });
        }
        if self.scan.pos == 0
            && let Some(step) = line_ends(view)
        {
            return Ok(step);
        }
        match self.scan.end_of_row(view.bytes, self.dialect) {
            Some(end) => {
                self.scan = Scan::default();
                self.row(end, view)
            }
            None => self.endless(view),
        }
    }

    fn carry(&self) -> Value {
        match &self.columns {
            Columns::Unknown(_) => Value::Null,
            Columns::Known(names) => {
                names.iter().map(|n| n.as_str().into()).collect::<Vec<_>>().into()
            }
        }
    }
}

/// Passes the line ends that the window begins with: of the row before, and of empty lines.
fn line_ends(view: View<'_>) -> Option<Step> {
    let is_end = |byte: &&u8| matches!(**byte, b'\n' | b'\r');
    let run = view.bytes.iter().take_while(is_end).count();
    (run > 0).then_some(Step::Skip(run))
}

/// The quote that begins in the window's first row is never closed: this row is refused up to the
/// end of its line, and what follows has its chance.
fn unclosed(view: View<'_>) -> Step {
    let end = view.bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    let message = format!("line {} opens a quote that is never closed", view.line);
    let bytes = end.unwrap_or(view.bytes.len());
    let outcome = Err(Problem::new("CSV_QUOTE", message));
    Step::Record(Framed { bytes, line: view.line, outcome })
}

impl Scan {
    /// Returns where the row ends that `bytes` begin with.
    fn end_of_row(&mut self, bytes: &[u8], dialect: Dialect) -> Option<usize> {
        use State::{Bare, QuoteInQuoted, Quoted, StartOfValue};
        for (pos, &byte) in bytes.iter().enumerate().skip(self.pos) {
            let is_quote = Some(byte) == dialect.quote;
            let is_end = matches!(byte, b'\n' | b'\r');
            self.state = match self.state {
                Quoted if is_quote => QuoteInQuoted,
                Quoted => Quoted,
                _ if is_end => return Some(pos),
                QuoteInQuoted | StartOfValue if is_quote => Quoted,
                _ if byte == dialect.delimiter => StartOfValue,
                _ => Bare,
            };
        }
        self.pos = bytes.len();
        None
    }
}

fn record(
    names: &[String],
    has_header: bool,
    fields: &[&str],
    line: u64,
) -> Result<Value, Problem> {
    if names.len() != fields.len() {
        let (found, expected) = (columns(fields.len()), names.len());
        let whose = if has_header { "the header has" } else { "expected" };
        let message = format!("line {line} has {found}, {whose} {expected}");
        return Err(Problem::new("CSV_COLUMNS", message));
    }
    let pairs = names.iter().zip(fields);
    let object: Object = pairs.map(|(name, text)| (name.as_str(), Value::from(*text))).collect();
    Ok(object.into())
}

fn columns(count: usize) -> String {
    if count == 1 { "1 column".to_owned() } else { format!("{count} columns") }
}

fn header(given: &[String], found: &[&str]) -> Result<Vec<String>, Failure> {
    if given.is_empty() {
        let name = |(at, name): (usize, &&str)| {
            if name.is_empty() { format!("column_{}", at + 1) } else { (*name).to_owned() }
        };
        return unique(found.iter().enumerate().map(name).collect());
    }
    if given.len() != found.len() {
        let (given, found) = (columns(given.len()), columns(found.len()));
        return Err(header_failure(&format!("`columns` names {given}, the file has {found}")));
    }
    unique(given.to_vec())
}

fn unique(names: Vec<String>) -> Result<Vec<String>, Failure> {
    if names.iter().map(String::len).sum::<usize>() > MAX_HEADER_BYTES {
        return Err(header_failure(&format!("it is longer than {MAX_HEADER_BYTES} bytes")));
    }
    let mut sorted: Vec<_> = names.iter().collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|two| two[0] == two[1]) {
        Some(two) => Err(header_failure(&format!(
            "column {:?} is there twice; name the columns in `columns`",
            two[0]
        ))),
        None => Ok(names),
    }
}

fn header_failure(wrong: &str) -> Failure {
    Failure::coded("CSV_HEADER", format!("the header of the CSV file: {wrong}"))
}
