//! Runs a tool with its words in a log file, and shows the last of them when it fails.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

use super::StackError;

/// The tools that run now, each a process group of its own.
static RUNNING: Mutex<Running> = Mutex::new(Running { interrupted: false, groups: Vec::new() });

struct Running {
    interrupted: bool,
    groups: Vec<u32>,
}

/// Ends the tools that run now, and lets no other one begin: the operator wants out.
pub fn interrupt() {
    let mut running = running();
    running.interrupted = true;
    for group in running.groups.drain(..).filter_map(|group| i32::try_from(group).ok()) {
        if let Some(group) = Pid::from_raw(group) {
            // It may have ended by itself meanwhile.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A tool that [`interrupt`] can end.
pub(super) struct Tool {
    pub(super) child: Child,
}

impl Tool {
    /// Starts a tool as a process group of its own.
    pub(super) fn start(command: &mut Command) -> std::io::Result<Self> {
        let mut running = running();
        if running.interrupted {
            return Err(std::io::Error::other("interrupted"));
        }
        let child = command.process_group(0).spawn()?;
        running.groups.push(child.id());
        Ok(Self { child })
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let id = self.child.id();
        running().groups.retain(|group| *group != id);
    }
}

const TAIL_LINES: usize = 25;

/// Runs `command` to its end; everything it says goes to the file `log`.
pub(super) fn run(command: &mut Command, log: &Path) -> Result<(), StackError> {
    let file = File::create(log).map_err(StackError::io("create", log))?;
    let copy = file.try_clone().map_err(StackError::io("open", log))?;
    let tool = Tool::start(command.stdin(Stdio::null()).stdout(file).stderr(copy));
    let outcome = tool.and_then(|mut tool| tool.child.wait());
    judge(command, log, outcome)
}

/// Turns how a command ended into a result that says what it said last.
pub(super) fn judge(
    command: &Command,
    log: &Path,
    outcome: std::io::Result<std::process::ExitStatus>,
) -> Result<(), StackError> {
    let outcome = match outcome {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let log = log.to_owned();
    Err(StackError::Command { command: name(command), outcome, log, tail: tail(&said) })
}

/// Runs `command` and returns what it printed.
pub(super) fn output(command: &mut Command, log: &Path) -> Result<String, StackError> {
    let file = File::create(log).map_err(StackError::io("create", log))?;
    let tool = Tool::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file));
    let mut printed = String::new();
    let outcome = tool.and_then(|mut tool| {
        if let Some(mut out) = tool.child.stdout.take() {
            out.read_to_string(&mut printed)?;
        }
        tool.child.wait()
    });
    judge(command, log, outcome)?;
    Ok(printed)
}

fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let first = command.get_args().next().map(|first| first.to_string_lossy());
    first.map_or_else(|| program.to_string(), |first| format!("{program} {first}"))
}

fn tail(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_the_tool_said_last() {
        let log = std::env::temp_dir().join(format!("ferrule-process-{}.log", std::process::id()));
        let failure = run(Command::new("sh").args(["-c", "echo went wrong; exit 3"]), &log);
        std::fs::remove_file(&log).unwrap();
        let text = failure.unwrap_err().to_string();
        assert!(text.contains("went wrong") && text.contains("sh -c failed"), "{text}");
    }

    #[test]
    fn keeps_the_last_lines_of_a_long_log() {
        let said = (0..100).map(|line| line.to_string()).collect::<Vec<_>>().join("\n");
        assert_eq!(tail(&said).lines().next(), Some("75"));
    }
}
