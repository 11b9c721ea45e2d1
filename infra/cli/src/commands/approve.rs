//! `ferrule approve` and `ferrule reject`: what becomes of a run that its guard has stopped.

use clap::Args;
use serde_json::{Value, json};

use super::{Outcome, ask, plan, sync};
use crate::Ended;
use crate::hub::{Hub, Place, segment};
use crate::output::{self, Lines, Output};

/// Let a run write that its guard has stopped.
///
/// Shows what it would change and asks. What was read is what is written: nothing is read again. Who approved it is
/// in the audit trail.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule approve 0199c2f07b4d7c31 --wait\n\nExit codes: 1 you said no; 5 it is over, or somebody else has decided; see `ferrule exit-codes`."
)]
pub(super) struct Approve {
    /// Which run; `ferrule runs` lists them
    #[arg(value_name = "RUN")]
    run: String,
    /// Do not ask; without a terminal it must be said
    #[arg(long, short)]
    yes: bool,
    /// Wait until the run has ended, and show what came of it
    #[arg(long)]
    wait: bool,
}

/// End a run that its guard has stopped: it writes nothing, and the next run reads the same again.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule reject 0199c2f07b4d7c31")]
pub(super) struct Reject {
    /// Which run; `ferrule runs` lists them
    #[arg(value_name = "RUN")]
    run: String,
}

impl Approve {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        if !self.yes {
            ask::somebody_answers("`ferrule runs --json`")?;
        }
        let hub = Hub::open(place)?;
        let path = format!("runs/{}", segment(&self.run));
        let before = hub.get(&path, &[]).await?.loose();
        let is_waiting = before["state"] == "waiting_for_approval";
        if is_waiting && !output.is_json() {
            show(output, &before);
        }
        if is_waiting && !self.yes && !ask::is_wanted("Let it write?")? {
            output.remark("nothing was decided; it waits on");
            return Ok(Ended::Badly);
        }
        // Whatever is wrong with the request, the hub says so.
        let approved = hub.post(&format!("{path}/approve"), &json!({})).await?.loose();
        if self.wait {
            let lines = Lines::new(output);
            let name = before["integration"].as_str().unwrap_or_default();
            let ended = sync::wait(&hub, &self.run, &lines.add(name)).await?;
            output.result(&ended, |output| sync::show(output, &ended));
            return Ok(sync::verdict(&ended));
        }
        output.result(&approved, |output| {
            output.line(&format!("run {} goes on", output::plain(&self.run, 100)));
        });
        Ok(Ended::Well)
    }
}

impl Reject {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let hub = Hub::open(place)?;
        let path = format!("runs/{}/reject", segment(&self.run));
        let rejected = hub.post(&path, &json!({})).await?.loose();
        output.result(&rejected, |output| {
            let run = output::plain(&self.run, 100);
            output.line(&format!("run {run} is over and has written nothing"));
        });
        Ok(Ended::Well)
    }
}

/// Shows what a run that waits would do.
pub(super) fn show(output: Output, run: &Value) {
    let name = run["integration"].as_str().unwrap_or_default();
    let heading = format!("{name} waits for approval: nothing is written yet");
    output.table(&heading, &output::held(run), "");
    plan::changes(output, &run["guard"]);
}
