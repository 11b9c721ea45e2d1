//! `ferrule deploy`: the hub in an AWS account.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Outcome;
use crate::definitions::Definitions;
use crate::hub::Place;
use crate::output::{Output, counted};
use crate::stack::{Account, Details, Options};
use crate::{Ended, Fault, operator, setting_up};

/// Tables, where every target can write to.
const ALWAYS: &str = "records";

/// Deploy the hub to AWS: the same template, with the connectors that the definitions use.
///
/// Credentials are what the AWS tools find in the environment (with SSO: `aws configure export-credentials`).
/// Writes `stack.json` into the folder; the other commands find the hub by it. The same again is an update.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule deploy infra/examples --region eu-central-1")]
pub(super) struct Deploy {
    /// Definitions: files or folders
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Region of the account
    #[arg(long, env = "AWS_REGION")]
    region: String,
    /// Name of the stack
    #[arg(long, default_value = "ferrule")]
    name: String,
    /// Second part of every secret's name
    #[arg(long, default_value = "prod")]
    stage: String,
    /// Whose data it is
    #[arg(long, default_value = "demo")]
    tenant: String,
    /// `arm64` or `x86_64`
    #[arg(long, default_value = "arm64", value_parser = ["arm64", "x86_64"])]
    architecture: String,
    /// ARN of an SNS topic that hears of alarms
    #[arg(long, value_name = "ARN")]
    alarm_topic: Option<String>,
    /// The functions are in `target/lambda` already
    #[arg(long)]
    prebuilt: bool,
}

impl Deploy {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let tenant = operator::tenant(&self.tenant)?;
        let connectors = connectors(&Definitions::read_right(&self.paths)?);
        let known = Details::read(&place.dir).ok();
        if known.as_ref().is_some_and(Details::is_local) {
            return Err(Fault::Invalid(format!(
                "{} belongs to a hub on this machine: name another --dir",
                place.dir.display()
            )));
        }
        let options = Options {
            name: self.name.clone(),
            connectors: connectors.clone(),
            profile: "release".to_owned(),
            ..Options::new(&place.dir)
        };
        let account = self.account();
        let mut details = setting_up::deploy(account, options, output).await?;
        let store = operator::store(&details);
        operator::register(&store, &connectors).await?;
        let key = match known.and_then(|known| known.customer_key) {
            Some(key) => key,
            None => operator::first_key(&store, &tenant).await?,
        };
        details.remember_customer_key(&place.dir, key)?;
        let shown = json!({
            "stack": details.stack, "api_url": details.api_url, "region": details.region,
            "connectors": connectors, "tenant": tenant,
        });
        output.result(&shown, |output| {
            let number = counted(connectors.len() as u64, "connector");
            output.line(&format!("The hub {} is in {}.", details.stack, details.region));
            output.line(&format!("  API  {}/v1", details.api_url));
            output.line(&format!("  with {number}: {}", connectors.join(", ")));
            output
                .line("Next: ferrule apply the definitions, ferrule secret set their credentials.");
        });
        Ok(Ended::Well)
    }

    fn account(&self) -> Account {
        Account {
            region: self.region.clone(),
            stage: self.stage.clone(),
            architecture: self.architecture.clone(),
            alarm_topic: self.alarm_topic.clone(),
            prebuilt: self.prebuilt,
        }
    }
}

/// Returns the connectors that the definitions use.
fn connectors(definitions: &Definitions) -> Vec<String> {
    let used = definitions.connections().map(|(_, connection)| connection.connector.to_string());
    let all: BTreeSet<String> = used.chain([ALWAYS.to_owned()]).collect();
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn deploys_the_connectors_that_the_definitions_use_and_no_other() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/incidents.yaml");
        let definitions = Definitions::read_right(&[example]).unwrap();
        assert_eq!(connectors(&definitions), ["files", "records"]);
    }
}
