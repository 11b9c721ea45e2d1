//! `ferrule sync`: a run, and what came of it.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{Outcome, approve};
use crate::hub::{Hub, Place, segment};
use crate::output::{self, Line, Lines, Output, count};
use crate::{Ended, Fault};

/// How often a running run is looked at.
const POLL: Duration = Duration::from_millis(500);

/// State of a run that its guard has stopped.
const WAITING: &str = "waiting_for_approval";

/// Start a run of an integration.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule sync incidents-in --wait")]
pub(super) struct Sync {
    /// Which integration
    #[arg(value_name = "NAME")]
    name: String,
    /// Wait until the run has ended, and show what came of it
    #[arg(long)]
    wait: bool,
    /// Read everything, whatever the cursor says
    #[arg(long)]
    full: bool,
}

impl Sync {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let hub = Hub::open(place)?;
        let run = start(&hub, &self.name, self.full).await?;
        if !self.wait {
            output.result(&json!({ "run": run }), |output| {
                output.line(&format!("started run {run}; `ferrule runs` shows how it goes"));
            });
            return Ok(Ended::Well);
        }
        let lines = Lines::new(output);
        let ended = wait(&hub, &run, &lines.add(&self.name)).await?;
        output.result(&ended, |output| show(output, &ended));
        Ok(verdict(&ended))
    }
}

/// Starts a run and returns its id.
pub(super) async fn start(hub: &Hub, integration: &str, full: bool) -> Result<String, Fault> {
    let body = json!({ "integration": integration, "full": full });
    let answer = hub.post("sync", &body).await?.loose();
    answer["run"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Fault::Failed(format!("no run in the answer: {answer}")))
}

/// Waits until a run has ended, or waits for somebody, and returns its row of the sync log.
pub(super) async fn wait(hub: &Hub, run: &str, line: &Line) -> Result<Value, Fault> {
    let path = format!("runs/{}", segment(run));
    loop {
        let now = hub.get(&path, &[]).await?.loose();
        let number = |key: &str| now["counts"][key].as_u64().unwrap_or(0);
        let loaded = ["created", "updated", "deleted", "unchanged", "stale"].map(number);
        let done = format!(
            "{} records accounted for",
            count(loaded.iter().sum::<u64>() + number("refused"))
        );
        match now["state"].as_str() {
            Some("running") => line.tell("running", &done),
            Some(state) => {
                line.done(&format!("{}, {done}", state.replace('_', " ")));
                return Ok(now);
            }
            None => return Err(Fault::Failed(format!("no state in the answer: {now}"))),
        }
        crate::pause(POLL).await;
    }
}

/// Shows a run that has ended, or that waits for somebody.
pub(super) fn show(output: Output, run: &Value) {
    let text = |key: &str| run[key].as_str().unwrap_or_default();
    if text("state") == WAITING {
        approve::show(output, run);
        let run = output::plain(text("run"), 100);
        output.line(&format!(
            "\n`ferrule approve {run}` lets it write, `ferrule reject {run}` ends it"
        ));
        return;
    }
    let heading = format!("{}: {}", text("integration"), text("state"));
    output.table(&heading, &output::run(run), "");
    if !text("reason").is_empty() {
        output.line(&format!("  {}", output::plain(text("reason"), 500)));
    }
    output.table("Time per stage", &output::stages(run), "");
}

/// Turns the state of a run into how the command ends.
pub(super) fn verdict(run: &Value) -> Ended {
    match run["state"].as_str() {
        Some("succeeded") => Ended::Well,
        Some("partial") => Ended::InPart,
        Some(WAITING) => Ended::Waiting,
        _ => Ended::Badly,
    }
}
