//! `ferrule plan`: what a run would do, and nothing of it done.

use clap::Args;
use serde_json::{Value, json};

use super::{Outcome, sync};
use crate::hub::{Hub, Place};
use crate::output::{self, Lines, Output};
use crate::{Ended, Fault};

/// Say what a run of an integration would do.
///
/// Reads the source and maps its records as a run does, compares them with what the target is known to hold, and
/// writes nothing. No cursor moves, nobody is told, nothing is parked; a run that is going on is not hindered.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule plan incidents-in\n  ferrule plan incidents-in --sample 50 --json\n\nExit codes: 4 some records would be refused; 1 the run would fail; see `ferrule exit-codes`."
)]
pub(super) struct Plan {
    /// Which integration
    #[arg(value_name = "NAME")]
    name: String,
    /// Look at so many records at most
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    sample: u64,
    /// Read everything, whatever the cursor says
    #[arg(long)]
    full: bool,
}

impl Plan {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let hub = Hub::open(place)?;
        let body = json!({
            "integration": self.name, "full": self.full, "plan": true, "sample": self.sample
        });
        let answer = hub.post("sync", &body).await?.loose();
        let plan = answer["run"].as_str();
        let plan = plan.ok_or_else(|| Fault::Failed(format!("no run in the answer: {answer}")))?;
        let lines = Lines::new(output);
        let ended = sync::wait(&hub, plan, &lines.add(&self.name)).await?;
        output.result(&ended, |output| show(output, &ended));
        Ok(match ended["state"].as_str() {
            Some("succeeded") => Ended::Well,
            Some("partial") => Ended::InPart,
            _ => Ended::Badly,
        })
    }
}

fn show(output: Output, run: &Value) {
    let name = run["integration"].as_str().unwrap_or_default();
    output.table(&format!("What a run of {name} would do"), &output::planned(run), "");
    if let Some(reason) = run["reason"].as_str() {
        output.line(&format!("  it would fail: {}", output::plain(reason, 500)));
    }
    changes(output, &run["plan"]);
    let refused = output::would_refuse(&run["plan"]);
    if !refused.is_empty() {
        output.table(output::REASONS, &refused, "");
    }
    output.table("What it would take", &output::takes(&run["plan"]), "");
    if run["plan"]["more"] == true {
        output.line("\nThe source has more than was looked at; --sample looks at more.");
    }
}

/// Shows changes by their fields.
pub(super) fn changes(output: Output, of: &Value) {
    let changes = output::changes(of);
    if !changes.is_empty() {
        output.table("Changes, for example", &changes, "");
    }
}
