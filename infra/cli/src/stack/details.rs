//! `stack.json`: what the users of a stack need to know of it.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::deploy::{Outputs, STAGE};
use super::emulator::Emulator;
use super::{Options, StackError};

/// What the users of a stack need to know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// The stack's name.
    pub stack: String,
    /// The second part of every secret's name.
    pub stage: String,
    /// Where the local AWS answers; empty when the stack is in an AWS account.
    pub endpoint: String,
    /// Where the HTTP API answers; `/v1` and `/webhooks` are below it.
    pub api_url: String,
    /// The `X-Customer-Key` of the operator, once one was issued.
    pub customer_key: Option<String>,
    /// The region every client names.
    pub region: String,
    /// The access key of the local AWS's root.
    pub access_key: String,
    /// Its secret; made anew for each stack.
    pub secret_key: String,
    /// Queue URLs up to and including the stack's name and a dash.
    pub queues: String,
    /// The bucket of parked payloads.
    pub payloads: String,
    /// The bucket of the files connector.
    pub files: String,
    /// How much faster than real time waits and windows are.
    pub time_scale: u32,
    /// The emulator's process; its group holds the function processes too.
    pub pid: u32,
}

impl Details {
    pub(super) fn new(
        options: &Options,
        emulator: &Emulator,
        outputs: &Outputs,
    ) -> Result<Self, StackError> {
        let output = |name: &str| {
            outputs.get(name).cloned().ok_or_else(|| {
                StackError::Unexpected(format!("the deployed template has no output {name}"))
            })
        };
        let access = emulator.access();
        Ok(Self {
            stack: options.name.clone(),
            stage: STAGE.to_owned(),
            // By path: not every resolver knows names under `localhost`.
            api_url: format!("{}/_aws/execute-api/{}", access.endpoint, output("ApiId")?),
            endpoint: access.endpoint.clone(),
            customer_key: None,
            region: access.region.clone(),
            access_key: access.key_id.clone(),
            secret_key: access.secret_key.clone(),
            queues: output("QueuePrefix")?,
            payloads: output("PayloadsBucket")?,
            files: output("FilesBucket")?,
            time_scale: options.time_scale,
            pid: emulator.pid(),
        })
    }

    /// Reads `stack.json` in `dir`.
    pub fn read(dir: &Path) -> Result<Self, StackError> {
        let path = path(dir);
        let text = std::fs::read(&path).map_err(|_| StackError::NotUp(dir.to_owned()))?;
        serde_json::from_slice(&text).map_err(|error| {
            StackError::Unexpected(format!("{} is damaged: {error}", path.display()))
        })
    }

    /// Writes `stack.json` in `dir`, readable by its owner only, and for a stack on this machine
    /// `env` beside it.
    pub(super) fn write(&self, dir: &Path) -> Result<(), StackError> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| StackError::Unexpected(format!("stack.json: {error}")))?;
        if self.is_local() {
            write_own(&env_path(dir), self.env().as_bytes())?;
        }
        write_own(&path(dir), &text)
    }

    /// Returns the environment of a function of this stack, a variable a line: what
    /// `cargo lambda watch --env-file` reads.
    fn env(&self) -> String {
        let scale = self.time_scale.to_string();
        let variables = [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_REGION", &self.region),
            ("AWS_ACCESS_KEY_ID", &self.access_key),
            ("AWS_SECRET_ACCESS_KEY", &self.secret_key),
            ("FERRULE_STACK", &self.stack),
            ("FERRULE_STAGE", &self.stage),
            ("FERRULE_QUEUES", &self.queues),
            ("FERRULE_PAYLOADS", &self.payloads),
            ("FERRULE_FILES", &self.files),
            ("FERRULE_TIME_SCALE", &scale),
            ("FERRULE_LOCAL", "true"),
        ];
        let lines: Vec<String> =
            variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        lines.concat()
    }

    /// Writes the key that callers of the HTTP API use into `stack.json` in `dir`.
    pub fn remember_customer_key(
        &mut self,
        dir: &Path,
        key: impl Into<String>,
    ) -> Result<(), StackError> {
        self.customer_key = Some(key.into());
        self.write(dir)
    }

    /// Tells whether the stack is on this machine.
    pub fn is_local(&self) -> bool {
        !self.endpoint.is_empty()
    }

    pub(super) fn remove(dir: &Path) -> Result<(), StackError> {
        for path in [env_path(dir), path(dir)] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StackError::io("remove", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Writes a file that only its owner reads.
fn write_own(path: &Path, text: &[u8]) -> Result<(), StackError> {
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text))
        .map_err(StackError::io("write", path))
}

fn env_path(dir: &Path) -> PathBuf {
    dir.join("env")
}

fn path(dir: &Path) -> PathBuf {
    dir.join("stack.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_up_says_how_to_start_it() {
        let failure = Details::read(Path::new("/no/such/folder")).unwrap_err().to_string();
        assert_eq!(failure, "no stack is up in /no/such/folder; `ferrule up` starts one");
    }
}
