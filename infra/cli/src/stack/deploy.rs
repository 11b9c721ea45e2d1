//! Deploys with the SAM CLI: the very commands that deploy to AWS, with the endpoint pointed at the local one.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize;

use super::emulator::Access;
use super::{Environments, Options, Progress, StackError, Step, Workspace, process};

/// The secrets' stage on every local stack.
pub(super) const STAGE: &str = "local";

/// One deployment of the template.
pub(super) struct Deployment<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) environments: &'a Environments,
    pub(super) options: &'a Options,
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
    pub(super) fn run(
        &self,
        access: &Access,
        progress: Progress<'_>,
    ) -> Result<Outputs, StackError> {
        Step::Deploy.tell(progress, "sam build");
        process::run(&mut self.build(access), &self.log("sam-build"))?;
        Step::Deploy.tell(progress, "sam deploy");
        process::run(&mut self.deploy(access), &self.log("sam-deploy"))?;
        let outputs = process::output(&mut self.list(access), &self.log("sam-list"))?;
        let outputs: Vec<Output> = serde_json::from_str(&outputs).map_err(|error| {
            StackError::Unexpected(format!("the SAM CLI's list of outputs is no JSON: {error}"))
        })?;
        Step::Deploy.tell(progress, "deployed");
        Ok(outputs.into_iter().map(|output| (output.output_key, output.output_value)).collect())
    }

    fn build(&self, access: &Access) -> Command {
        let mut command = self.sam(access);
        command.args(["build", "--language-extensions", "--template-file"]);
        command.arg(self.workspace.template()).arg("--build-dir").arg(self.build_dir());
        command.arg("--parameter-overrides").args(self.parameters());
        command
    }

    fn deploy(&self, access: &Access) -> Command {
        let mut command = self.sam(access);
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
        let mut parameters = vec![
            "Local=true".to_owned(),
            format!("Stage={STAGE}"),
            format!("Architecture={ARCHITECTURE}"),
            format!("TimeScale={}", self.options.time_scale),
        ];
        if !self.options.connectors.is_empty() {
            parameters.push(format!("ConnectorNames={}", self.options.connectors.join(",")));
        }
        parameters
    }

    fn list(&self, access: &Access) -> Command {
        let mut command = self.sam(access);
        command.args(["list", "stack-outputs", "--output", "json"]);
        command.args(["--stack-name", &self.options.name]);
        command
    }

    fn sam(&self, access: &Access) -> Command {
        let mut command = Command::new(self.environments.deploy("sam"));
        // A private home: nothing of the operator's own AWS configuration is read or written.
        command.current_dir(self.workspace.root()).env("HOME", &self.options.dir);
        command
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .envs(access.environment());
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
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
