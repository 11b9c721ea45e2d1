//! `ferrule up` and `ferrule down`: the hub on this machine.

use clap::Args;
use serde_json::json;

use super::Outcome;
use crate::hub::Place;
use crate::output::Output;
use crate::stack::{Options, Stack};
use crate::{Ended, Fault, operator, setting_up};

/// Start the hub on this machine: the real template on a local AWS.
///
/// Needs Rust and Python 3.10 or newer, nothing else. The first time takes some minutes. Writes `stack.json`
/// into the folder; the other commands find the hub by it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule up --connector files --connector records")]
pub(super) struct Up {
    /// Name of the stack
    #[arg(long, default_value = "ferrule")]
    name: String,
    /// Whose data it is
    #[arg(long, default_value = "demo")]
    tenant: String,
    /// Deploy this connector; more than once for several [default: all of the template's]
    #[arg(long = "connector", value_name = "NAME")]
    connectors: Vec<String>,
    /// Divide every wait and window by this
    #[arg(long, value_name = "N", default_value_t = 1)]
    time_scale: u32,
    /// Cargo profile of the functions
    #[arg(long, value_name = "NAME", default_value = "local")]
    profile: String,
}

/// Stop the hub on this machine and everything that it started.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule down")]
pub(super) struct Down {}

impl Up {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let tenant = operator::tenant(&self.tenant)?;
        let options = Options {
            name: self.name,
            connectors: self.connectors,
            time_scale: self.time_scale,
            profile: self.profile,
            ..Options::new(&place.dir)
        };
        let mut stack = setting_up::up(options, output).await?;
        setting_up::furnish(&mut stack, &tenant).await?;
        let details = stack.details().clone();
        stack.keep()?;
        let file = place.dir.join("stack.json");
        let shown = json!({
            "stack": details.stack, "endpoint": details.endpoint, "api_url": details.api_url,
            "region": details.region, "tenant": tenant, "details": file,
        });
        output.result(&shown, |output| {
            output.line(&format!("The hub {} is up for tenant {tenant}.", details.stack));
            output.line(&format!("  API     {}/v1", details.api_url));
            output.line(&format!("  AWS     {}", details.endpoint));
            output.line(&format!("  details {} (has the customer key)", file.display()));
            output.line("Next: ferrule apply infra/examples/incidents.yaml; ferrule down ends it.");
        });
        Ok(Ended::Well)
    }
}

impl Down {
    #[expect(clippy::unused_self, reason = "commands are alike")]
    pub(super) fn run(self, place: &Place, output: Output) -> Outcome {
        let details = crate::stack::Details::read(&place.dir)?;
        if !details.is_local() {
            return Err(Fault::Invalid(format!(
                "the hub {0} is in AWS: `sam delete --stack-name {0}` removes it (infra/README.md)",
                details.stack
            )));
        }
        if let Ok(stack) = Stack::open(&place.dir) {
            stack.down()?;
        } else {
            // It ended without us; what it left behind is removed.
            let file = place.dir.join("stack.json");
            std::fs::remove_file(&file).map_err(Fault::io("remove", &file))?;
        }
        output.result(&json!({ "stack": details.stack, "state": "down" }), |output| {
            output.line(&format!("The hub {} is down; nothing of it runs.", details.stack));
        });
        Ok(Ended::Well)
    }
}
