//! What a person sees: tables that fit the terminal on standard output, progress and remarks on
//! standard error. With `--json`, standard output is one JSON document and nothing else.

mod errors;
mod generic;
mod grid;
mod parked;
mod progress;
mod records;
mod runs;
mod text;

use std::io::{IsTerminal, Write, stderr, stdout};

use serde::Serialize;

pub(crate) use errors::{REASONS, reasons, refused};
pub(crate) use generic::rows;
pub(crate) use grid::Grid;
pub(crate) use parked::records as records_of;
pub(crate) use parked::{amount, definitions, is_nothing, parked, preview};
pub(crate) use progress::{Line, Lines};
pub(crate) use records::sample;
pub(crate) use runs::{run, runs, stages, whole};
pub(crate) use text::{count, counted, moment, plain, since};

/// Where results and remarks go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Takes whether results are JSON.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Tells whether results are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result: as JSON, or in words.
    pub(crate) fn result(self, value: &impl Serialize, words: impl FnOnce(Self)) {
        if self.json {
            let text = serde_json::to_string_pretty(value);
            self.line(&text.unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}")));
        } else {
            words(self);
        }
    }

    /// Prints a line of the result.
    #[expect(clippy::unused_self, reason = "who has no output has nowhere to print")]
    pub(crate) fn line(self, line: &str) {
        // Whoever closed the pipe wants no more.
        writeln!(stdout(), "{line}").ok();
    }

    /// Prints a table under a heading, or the sentence when it is empty.
    pub(crate) fn table(self, heading: &str, grid: &Grid, empty: &str) {
        if !heading.is_empty() {
            self.line(&format!("\n{}", bold(heading)));
        }
        if grid.is_empty() {
            self.line(&format!("  {empty}"));
        } else {
            self.line(&grid.render());
        }
    }

    /// Says something that is not the result.
    #[expect(clippy::unused_self, reason = "who has no output has nowhere to print")]
    pub(crate) fn remark(self, text: &str) {
        writeln!(stderr(), "{text}").ok();
    }
}

fn bold(text: &str) -> String {
    if stdout().is_terminal() { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}
