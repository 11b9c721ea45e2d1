//! Builds the function binaries and puts each where the template looks for it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::lock::lock;
use super::process::{self, Tool};
use super::{Progress, StackError, Step, Workspace};

/// One line of cargo's report, as far as it is used here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
    #[serde(default)]
    fresh: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds every function with `profile` and copies it to `target/lambda/<name>/bootstrap`. Only functions are built: a feature that another
/// package of the workspace turns on would otherwise leak into them.
pub fn build(
    workspace: &Workspace,
    profile: &str,
    logs: &Path,
    progress: Progress<'_>,
) -> Result<(), StackError> {
    let _guard = lock(&workspace.target().join("ferrule-functions.lock"))?;
    let functions = workspace.functions()?;
    let log = logs.join("logs/cargo.log");
    let built = cargo(workspace, &functions, profile, &log, progress)?;
    for (name, executable) in &built {
        place(executable, &workspace.lambda(name))?;
    }
    Step::Functions.tell(progress, format!("{} functions built", built.len()));
    Ok(())
}

fn cargo(
    workspace: &Workspace,
    functions: &[String],
    profile: &str,
    log: &Path,
    progress: Progress<'_>,
) -> Result<Vec<(String, PathBuf)>, StackError> {
    let file = File::create(log).map_err(StackError::io("create", log))?;
    let mut command =
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".to_owned().into()));
    command.current_dir(workspace.root()).args(["build", "--locked", "--bins", "--profile"]);
    command.args([profile, "--message-format", "json-render-diagnostics"]);
    for name in functions {
        command.args(["-p", name]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
    let mut tool = Tool::start(&mut command).map_err(StackError::io("run", Path::new("cargo")))?;
    let mut built = Vec::new();
    let mut compiled = 0_usize;
    for line in tool.child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let Ok(message) = serde_json::from_str::<Message>(&line.unwrap_or_default()) else {
            continue;
        };
        let Some(target) = message.target.filter(|_| message.reason == "compiler-artifact") else {
            continue;
        };
        if !message.fresh {
            compiled += 1;
            let detail = format!("compiled {compiled} crates, last {}", target.name);
            Step::Functions.tell(progress, detail);
        }
        built.extend(message.executable.map(|executable| (target.name, executable)));
    }
    process::judge(&command, log, tool.child.wait())?;
    Ok(built)
}

/// Copies `executable` to `folder/bootstrap` in one step, so that a deployment running at the same time sees the old or the new one whole.
fn place(executable: &Path, folder: &Path) -> Result<(), StackError> {
    std::fs::create_dir_all(folder).map_err(StackError::io("create", folder))?;
    let bootstrap = folder.join("bootstrap");
    // Cargo renews the time of a binary only when it builds it.
    let time = |path: &Path| path.metadata().and_then(|is| is.modified()).ok();
    if time(&bootstrap) >= time(executable) && same_size(&bootstrap, executable) {
        return Ok(());
    }
    let next = folder.with_extension("next");
    std::fs::copy(executable, &next).map_err(StackError::io("copy", executable))?;
    std::fs::rename(&next, &bootstrap).map_err(StackError::io("replace", &bootstrap))
}

fn same_size(left: &Path, right: &Path) -> bool {
    let size = |path: &Path| path.metadata().map(|is| is.len()).ok();
    size(left) == size(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_bootstrap_only_when_the_binary_is_newer() {
        let root = std::env::temp_dir().join(format!("ferrule-place-{}", std::process::id()));
        let folder = root.join("lambda/api");
        std::fs::create_dir_all(&root).unwrap();
        let binary = root.join("api");
        std::fs::write(&binary, "one").unwrap();
        place(&binary, &folder).unwrap();
        std::fs::write(&binary, "three").unwrap();
        place(&binary, &folder).unwrap();
        let placed = std::fs::read_to_string(folder.join("bootstrap")).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(placed, "three");
    }
}
