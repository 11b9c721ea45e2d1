//! What a person sees: tables that fit the terminal on standard output, progress and remarks on
//! standard error. With `--json`, standard output is one JSON document and nothing else.

mod cost;
mod errors;
mod generic;
mod grid;
mod parked;
mod plan;
mod progress;
mod records;
mod runs;
mod text;

use std::io::{self, BufWriter, IsTerminal, Write, stderr, stdout};

use std::sync::OnceLock;

use serde::Serialize;

use crate::Fault;

pub(crate) use cost::{days, items, usd};
pub(crate) use errors::{REASONS, reasons, refused};
pub(crate) use generic::rows;
pub(crate) use grid::Grid;
pub(crate) use parked::records as records_of;
pub(crate) use parked::{amount, definitions, is_nothing, parked, preview};
pub(crate) use plan::{changes, held, planned, takes, would_refuse};
pub(crate) use progress::{Line, Lines};
pub(crate) use records::sample;
pub(crate) use runs::{run, runs, stages, whole};
pub(crate) use text::{count, counted, moment, plain, since};

/// Why a result could not be written to its end.
static CUT: OnceLock<String> = OnceLock::new();

/// Fails when a result could not be written to its end: that is no success.
pub(crate) fn written() -> Result<(), Fault> {
    CUT.get().map_or(Ok(()), |why| Err(Fault::Failed(format!("the result is not whole: {why}"))))
}

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
            // Piece by piece: it may be long. Whoever closed the pipe wants no more.
            let mut out = BufWriter::new(stdout());
            let written = serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from);
            let written = written.and_then(|()| writeln!(out)).and_then(|()| out.flush());
            if let Err(error) = written
                && error.kind() != io::ErrorKind::BrokenPipe
            {
                CUT.get_or_init(|| error.to_string());
            }
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
