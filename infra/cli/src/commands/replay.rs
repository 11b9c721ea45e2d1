//! `ferrule replay`: sends parked work again, after a look at what that means.

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::{Outcome, ask, picked::Picked, sync};
use crate::Ended;
use crate::hub::{Hub, Place, segment};
use crate::output::{self, Lines, Output, counted};

/// How often a replay that is going on is looked at.
const POLL: Duration = Duration::from_millis(500);

/// Send parked work again.
///
/// It says first how much it is, how old, under which definitions it failed, and what today's definition makes of
/// it; on a terminal it asks. Asked twice, it is done once.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule replay --integration incidents-in --preview\n  ferrule replay --integration incidents-in --code TYPE --yes --wait\n  ferrule replay 5d41402abc4b --with as-was --yes\n\nExit codes: 1 you said no, or a run failed; 4 some were left as they are, or refused again; see `ferrule exit-codes`."
)]
pub(super) struct Replay {
    #[command(flatten)]
    picked: Picked,
    /// Under which definition
    #[arg(long, value_enum, default_value_t = With::Today)]
    with: With,
    /// Most records in a while: 10/s, 6000/m [default: 6000/m]
    #[arg(long, value_name = "RATE")]
    rate: Option<String>,
    /// Only say what it would do
    #[arg(long, conflicts_with_all = ["yes", "wait"])]
    preview: bool,
    /// Do not ask; without a terminal it must be said
    #[arg(long, short)]
    yes: bool,
    /// Wait until everything is sent and accounted for, and show what came of it
    #[arg(long)]
    wait: bool,
}

/// Under which definition parked work is sent again.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum With {
    /// The integration's as it is now
    Today,
    /// The one under which it failed
    AsWas,
}

impl Replay {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        if !self.yes && !self.preview {
            ask::somebody_answers("--preview")?;
        }
        let hub = Hub::open(place)?;
        let mut body = self.body(self.picked.body());
        body.insert("preview".to_owned(), json!(true));
        let preview = hub.post("replays", &Value::Object(body)).await?.loose();
        let errors = preview["errors"].as_u64().unwrap_or_default();
        if self.preview || output::is_nothing(&preview) {
            output.result(&preview, |output| show(output, &preview, self.picked.missing(errors)));
            return Ok(Ended::Well);
        }
        if !output.is_json() {
            show(output, &preview, self.picked.missing(errors));
        }
        let records = output::records_of(&preview);
        if !self.yes && !ask::is_wanted(&format!("Send {records} again?"))? {
            output.remark("nothing was sent");
            return Ok(Ended::Badly);
        }
        let replay = hub
            .post("replays", &Value::Object(self.body(self.picked.seen(&preview))))
            .await?
            .loose();
        if self.wait {
            return wait(&hub, replay, output).await;
        }
        output.result(&replay, |output| begun(output, &replay));
        Ok(verdict(&replay))
    }

    /// Adds to a selection how it is sent.
    fn body(&self, mut body: Map<String, Value>) -> Map<String, Value> {
        let with = match self.with {
            With::Today => "today",
            With::AsWas => "as-was",
        };
        body.insert("with".to_owned(), json!(with));
        if let Some(rate) = &self.rate {
            body.insert("rate".to_owned(), json!(rate));
        }
        body
    }
}

/// Shows what a replay would do.
fn show(output: Output, preview: &Value, missing: u64) {
    if missing > 0 {
        output.remark(&format!("{} not parked, or no more", counted(missing, "id")));
    }
    if output::is_nothing(preview) {
        output.line("nothing that is parked matches");
        return;
    }
    output.table("What would be sent again", &output::preview(preview), "");
    output.table("Failed under", &output::definitions(preview), "");
}

fn begun(output: Output, replay: &Value) {
    let text = |key: &str| output::plain(replay[key].as_str().unwrap_or_default(), 100);
    let sent = counted(replay["records"].as_u64().unwrap_or_default(), "record");
    output.line(&match replay["state"].as_str() {
        Some("done") => format!("{sent} sent again (replay {})", text("id")),
        _ => format!(
            "{sent} sent again so far, the rest follows at {} (replay {})",
            text("rate"),
            text("id")
        ),
    });
    left(output, replay);
    for run in replay["runs"].as_array().into_iter().flatten() {
        let run = |key: &str| output::plain(run[key].as_str().unwrap_or_default(), 100);
        output.line(&format!(
            "  run {} of {} counts what becomes of them",
            run("run"),
            run("integration")
        ));
    }
}

fn left(output: Output, replay: &Value) {
    for reason in replay["reasons"].as_array().into_iter().flatten() {
        let number = counted(reason["errors"].as_u64().unwrap_or_default(), "error");
        let why = output::plain(reason["reason"].as_str().unwrap_or_default(), 300);
        output.line(&format!("  {number} left: {why}"));
    }
}

/// Waits until everything is sent, and what can be counted is accounted for.
async fn wait(hub: &Hub, begun: Value, output: Output) -> Outcome {
    let lines = Lines::new(output);
    let line = lines.add("replay");
    let path = format!("replays/{}", segment(begun["id"].as_str().unwrap_or_default()));
    let mut replay = begun;
    while replay["state"] == "running" {
        let sent = output::count(replay["records"].as_u64().unwrap_or_default());
        line.tell("sending", &format!("{sent} sent"));
        crate::pause(POLL).await;
        replay = hub.get(&path, &[]).await?.loose();
    }
    line.done("everything is sent");
    let mut ended = Vec::new();
    for run in replay["runs"].as_array().into_iter().flatten() {
        let name = run["integration"].as_str().unwrap_or_default();
        let run = run["run"].as_str().unwrap_or_default();
        ended.push(sync::wait(hub, run, &lines.add(name)).await?);
    }
    let mut worst = verdict(&replay);
    for run in &ended {
        worst = worse(worst, sync::verdict(run));
    }
    replay["ended"] = json!(ended);
    output.result(&replay, |output| {
        left(output, &replay);
        for run in &ended {
            sync::show(output, run);
        }
    });
    Ok(worst)
}

fn verdict(replay: &Value) -> Ended {
    match replay["left"].as_u64() {
        Some(0) | None => Ended::Well,
        Some(_) => Ended::InPart,
    }
}

fn worse(one: Ended, other: Ended) -> Ended {
    match (one, other) {
        (Ended::Badly, _) | (_, Ended::Badly) => Ended::Badly,
        (Ended::InPart, _) | (_, Ended::InPart) => Ended::InPart,
        _ => Ended::Well,
    }
}
