//! Runs a tool with its words in a log file, and shows the last of them when it fails.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use super::StackError;

const TAIL_LINES: usize = 25;

/// Runs `command` to its end; everything it says goes to the file `log`.
pub(super) fn run(command: &mut Command, log: &Path) -> Result<(), StackError> {
    let file = File::create(log).map_err(StackError::io("create", log))?;
    let copy = file.try_clone().map_err(StackError::io("open", log))?;
    let outcome = command.stdin(Stdio::null()).stdout(file).stderr(copy).status();
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
    let output = command.stdin(Stdio::null()).stderr(file).output();
    let (status, printed) = match output {
        Ok(output) => (Ok(output.status), output.stdout),
        Err(error) => (Err(error), Vec::new()),
    };
    judge(command, log, status)?;
    Ok(String::from_utf8_lossy(&printed).into_owned())
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
