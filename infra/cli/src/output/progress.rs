//! Progress on standard error: moving lines on a terminal, plain lines elsewhere, nothing with `--json`.

use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Output;

const TICK: Duration = Duration::from_millis(120);

/// One thing that is going on.
#[derive(Debug)]
pub(crate) struct Line {
    bar: Option<ProgressBar>,
    /// What was said last, where lines do not move.
    said: Mutex<String>,
    output: Output,
    name: String,
}

/// Several things that are going on at once.
#[derive(Debug)]
pub(crate) struct Lines {
    all: MultiProgress,
    output: Output,
}

impl Lines {
    /// Starts with none.
    pub(crate) fn new(output: Output) -> Self {
        Self { all: MultiProgress::new(), output }
    }

    /// Adds a line.
    pub(crate) fn add(&self, name: &str) -> Line {
        let moves = !self.output.is_json() && stderr().is_terminal();
        let bar = moves.then(|| {
            let bar = self.all.add(ProgressBar::new_spinner());
            bar.set_style(style("{spinner} {prefix:14} {wide_msg}"));
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(TICK);
            bar
        });
        Line { bar, said: Mutex::default(), output: self.output, name: name.to_owned() }
    }
}

impl Line {
    /// Says what is being done now. `key` tells news from mere counting: without a terminal, only
    /// news is printed.
    pub(crate) fn tell(&self, key: &str, detail: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(detail.to_owned());
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *said != key && !self.output.is_json() {
            self.output.remark(&format!("{:14} {detail}", self.name));
        }
        key.clone_into(&mut said);
    }

    /// Says how it ended; the line stays.
    pub(crate) fn done(&self, detail: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_style(style("\u{2713} {prefix:14} {wide_msg}"));
                bar.finish_with_message(detail.to_owned());
            }
            None => self.tell(detail, detail),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
