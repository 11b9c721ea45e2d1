//! The Python environments: one for the emulator, one for the SAM CLI (decision 0001 says why two).

use std::path::{Path, PathBuf};
use std::process::Command;

use super::lock::lock;
use super::process;
use super::{Progress, StackError, Step, Workspace};

const PYTHONS: [&str; 6] =
    ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// The Python environments, made and checked.
#[derive(Debug, Clone)]
pub struct Environments {
    folder: PathBuf,
}

impl Environments {
    /// Makes what is missing. Costs a minute and the network once; afterwards nothing.
    pub fn ready(
        workspace: &Workspace,
        logs: &Path,
        progress: Progress<'_>,
    ) -> Result<Self, StackError> {
        let folder = workspace.target().join("ferrule-venv");
        let logs = logs.join("logs");
        std::fs::create_dir_all(&logs).map_err(StackError::io("create", &logs))?;
        let _guard = lock(&folder.join("lock"))?;
        let environments = Self { folder };
        for name in ["emulator", "deploy"] {
            environments.make(workspace, name, &logs, progress)?;
        }
        Step::Environments.tell(progress, "ready");
        Ok(environments)
    }

    /// Returns a program of the emulator's environment.
    pub fn emulator(&self, program: &str) -> PathBuf {
        self.folder.join("emulator/bin").join(program)
    }

    /// Returns a program of the SAM CLI's environment: `sam`, `cfn-lint`, `python`.
    pub fn deploy(&self, program: &str) -> PathBuf {
        self.folder.join("deploy/bin").join(program)
    }

    /// Makes one environment unless its stamp, the very list it was made from, is current. The stamp is written last.
    fn make(
        &self,
        workspace: &Workspace,
        name: &str,
        logs: &Path,
        progress: Progress<'_>,
    ) -> Result<(), StackError> {
        let list = workspace.root().join(format!("infra/requirements-{name}.txt"));
        let wanted = std::fs::read(&list).map_err(StackError::io("read", &list))?;
        let home = self.folder.join(name);
        let stamp = home.join("made-from.txt");
        // A Python that was removed since leaves a dangling link behind.
        if home.join("bin/python").exists() && std::fs::read(&stamp).is_ok_and(|is| is == wanted) {
            return Ok(());
        }
        Step::Environments.tell(progress, format!("installing the {name} environment (once)"));
        let python = python()?;
        let log = logs.join(format!("pip-{name}.log"));
        process::run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&home), &log)
            .map_err(without_venv)?;
        let mut pip = Command::new(home.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
            .args(["--no-deps", "--no-compile", "--only-binary", ":all:", "--require-hashes", "-r"])
            .arg(&list);
        process::run(&mut pip, &log)?;
        std::fs::write(&stamp, wanted).map_err(StackError::io("write", &stamp))
    }
}

/// Returns the first Python on the path that is new enough.
fn python() -> Result<&'static str, StackError> {
    let new_enough = "import sys; sys.exit(sys.version_info < (3, 10))";
    let works = |name: &&str| {
        let ended = Command::new(name).args(["-c", new_enough]).output();
        ended.is_ok_and(|output| output.status.success())
    };
    PYTHONS.into_iter().find(works).ok_or_else(|| {
        StackError::Missing("install Python 3.10 or newer; no python3 on the path is".to_owned())
    })
}

/// Debian and Ubuntu split the standard library: say which half is missing.
fn without_venv(error: StackError) -> StackError {
    match error {
        StackError::Command { tail, .. } if tail.contains("ensurepip is not") => {
            StackError::Missing(format!("Python comes without venv here:\n{tail}"))
        }
        other => other,
    }
}
