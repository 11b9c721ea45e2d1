//! Deploys with the SAM CLI: the same commands to AWS and, with the endpoint pointed at it, to the local one.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize;

use super::aws::Account;
use super::emulator::Access;
use super::{Environments, Options, Progress, StackError, Step, Workspace, process};

/// The secrets' stage on every local stack.
pub(super) const STAGE: &str = "local";

/// One deployment of the template.
pub(super) struct Deployment<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) environments: &'a Environments,
    pub(super) options: &'a Options,
    pub(super) goal: Goal<'a>,
}

/// Where the template goes.
#[derive(Clone, Copy)]
pub(super) enum Goal<'a> {
    Local(&'a Access),
    Aws(&'a Account),
}

/// What the template says about what it made, by name.
pub(super) type Outputs = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    output_key: String,
    output_value: String,
}

impl Deployment<'_> {
    /// Builds, deploys and returns the stack's outputs.
    pub(super) fn run(&self, progress: Progress<'_>) -> Result<Outputs, StackError> {
        Step::Deploy.tell(progress, "sam build");
        process::run(&mut self.build(), &self.log("sam-build"))?;
        Step::Deploy.tell(progress, "sam deploy");
        process::run(&mut self.deploy(), &self.log("sam-deploy"))?;
        let outputs = process::output(&mut self.list(), &self.log("sam-list"))?;
        let outputs: Vec<Output> = serde_json::from_str(&outputs).map_err(|error| {
            StackError::Unexpected(format!("the SAM CLI's list of outputs is no JSON: {error}"))
        })?;
        Step::Deploy.tell(progress, "deployed");
        Ok(outputs.into_iter().map(|output| (output.output_key, output.output_value)).collect())
    }

    fn build(&self) -> Command {
        let mut command = self.sam();
        command.args(["build", "--language-extensions", "--template-file"]);
        command.arg(self.workspace.template()).arg("--build-dir").arg(self.build_dir());
        command.arg("--parameter-overrides").args(self.parameters());
        command
    }

    fn deploy(&self) -> Command {
        let mut command = self.sam();
        command.args(["deploy", "--language-extensions", "--resolve-s3", "--no-confirm-changeset"]);
        command.args(["--no-progressbar", "--no-fail-on-empty-changeset"]);
        command.args(["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]);
        command.args(["--stack-name", &self.options.name, "--template-file"]);
        command.arg(self.build_dir().join("template.yaml"));
        command.arg("--parameter-overrides").args(self.parameters());
        command
    }

    /// The same for both steps: the build expands the loop over the connectors, so it must know them.
    fn parameters(&self) -> Vec<String> {
        let mut parameters = match self.goal {
            Goal::Local(_) => vec![
                "Local=true".to_owned(),
                format!("Stage={STAGE}"),
                format!("Architecture={ARCHITECTURE}"),
                format!("TimeScale={}", self.options.time_scale),
            ],
            Goal::Aws(account) => account.parameters(),
        };
        if !self.options.connectors.is_empty() {
            parameters.push(format!("ConnectorNames={}", self.options.connectors.join(",")));
        }
        parameters
    }

    fn list(&self) -> Command {
        let mut command = self.sam();
        command.args(["list", "stack-outputs", "--output", "json"]);
        command.args(["--stack-name", &self.options.name]);
        command
    }

    fn sam(&self) -> Command {
        let mut command = Command::new(self.environments.deploy("sam"));
        command.current_dir(self.workspace.root());
        match self.goal {
            Goal::Local(access) => {
                // A private home: nothing of the operator's own AWS configuration is read or written.
                command.env("HOME", &self.options.dir);
                command.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
                command.envs(access.environment());
            }
            Goal::Aws(account) => {
                command.env("AWS_REGION", &account.region);
                command.env("AWS_DEFAULT_REGION", &account.region);
            }
        }
        command.env("SAM_CLI_TELEMETRY", "0").env("SAM_CLI_POLL_DELAY", "1");
        command
    }

    fn build_dir(&self) -> std::path::PathBuf {
        self.options.dir.join("build")
    }

    fn log(&self, name: &str) -> std::path::PathBuf {
        self.options.dir.join("logs").join(format!("{name}.log"))
    }
}

/// What this machine calls itself and what Lambda calls it.
pub(super) const ARCHITECTURE: &str =
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
