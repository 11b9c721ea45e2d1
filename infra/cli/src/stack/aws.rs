//! The same template in an AWS account.

use super::deploy::{ARCHITECTURE, Deployment, Goal, Outputs};
use super::{Details, Environments, Options, Progress, StackError, Workspace, functions};

/// Where in AWS a stack goes. Credentials are what the AWS tools find in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The region.
    pub region: String,
    /// The second part of every secret's name.
    pub stage: String,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    /// ARN of an SNS topic that hears of alarms.
    pub alarm_topic: Option<String>,
    /// The functions are in `target/lambda` already.
    pub prebuilt: bool,
}

impl Account {
    pub(super) fn parameters(&self) -> Vec<String> {
        let mut parameters =
            vec![format!("Stage={}", self.stage), format!("Architecture={}", self.architecture)];
        parameters.extend(self.alarm_topic.iter().map(|arn| format!("AlarmTopicArn={arn}")));
        parameters
    }

    /// Builds the functions and deploys them with the template; returns what `stack.json` says of it.
    pub fn deploy(&self, options: &Options, progress: Progress<'_>) -> Result<Details, StackError> {
        let workspace = Workspace::find()?;
        std::fs::create_dir_all(options.dir.join("logs"))
            .map_err(StackError::io("create", &options.dir))?;
        let environments = Environments::ready(&workspace, &options.dir, progress)?;
        if !self.prebuilt {
            self.builds_here()?;
            functions::build(&workspace, &options.profile, &options.dir, progress)?;
        }
        let deployment = Deployment {
            workspace: &workspace,
            environments: &environments,
            options,
            goal: Goal::Aws(self),
        };
        let details = self.details(options, &deployment.run(progress)?)?;
        details.write(&options.dir)?;
        Ok(details)
    }

    fn builds_here(&self) -> Result<(), StackError> {
        if self.architecture == ARCHITECTURE && cfg!(target_os = "linux") {
            return Ok(());
        }
        Err(StackError::Missing(format!(
            "this machine does not build for {} Linux: build with cargo lambda (infra/README.md, step 2) \
             and deploy with --prebuilt",
            self.architecture
        )))
    }

    fn details(&self, options: &Options, outputs: &Outputs) -> Result<Details, StackError> {
        let output = |name: &str| {
            outputs.get(name).cloned().ok_or_else(|| {
                StackError::Unexpected(format!("the deployed template has no output {name}"))
            })
        };
        Ok(Details {
            stack: options.name.clone(),
            stage: self.stage.clone(),
            endpoint: String::new(),
            api_url: output("ApiUrl")?,
            customer_key: None,
            region: self.region.clone(),
            access_key: String::new(),
            secret_key: String::new(),
            queues: output("QueuePrefix")?,
            payloads: output("PayloadsBucket")?,
            files: output("FilesBucket")?,
            time_scale: 1,
            pid: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(architecture: &str) -> Account {
        Account {
            region: "eu-central-1".into(),
            stage: "prod".into(),
            architecture: architecture.into(),
            alarm_topic: Some("arn:aws:sns:eu-central-1:1:ops".into()),
            prebuilt: false,
        }
    }

    #[test]
    fn tells_the_template_what_it_cannot_know() {
        let parameters = account("arm64").parameters();
        let topic = "AlarmTopicArn=arn:aws:sns:eu-central-1:1:ops";
        assert_eq!(parameters, ["Stage=prod", "Architecture=arm64", topic]);
    }

    #[test]
    fn says_how_to_build_for_another_machine() {
        let said = account("riscv").builds_here().unwrap_err().to_string();
        assert!(said.contains("--prebuilt"), "{said}");
    }
}
