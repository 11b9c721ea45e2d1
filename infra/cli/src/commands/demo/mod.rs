//! `ferrule demo`: everything, once, and whether the counts are what the input says.

mod census;
mod change;
mod receiver;
mod report;

use std::path::{Path, PathBuf};
use std::time::Instant;

use census::Census;
use clap::Args;
use ferrule_core::Value;
use ferrule_core::document::Document;

use super::{Outcome, apply, rows, sync};
use crate::definitions::Definitions;
use crate::hub::{Hub, Place};
use crate::output::{Lines, Output, counted};
use crate::stack::{Options, Stack, Workspace};
use crate::{Ended, Fault, operator, setting_up};
use report::Report;

const TENANT: &str = "demo";
const INTEGRATION: &str = "incidents-in";
const TABLE: &str = "tickets";
const DEFINITIONS: &str = "infra/examples/incidents.yaml";
const SAMPLE: &str = "infra/examples/data/incidents/sample.csv";

/// Records of a page that is read back.
const PAGE: usize = 1000;

/// Set everything up, run the example, and compare with the input.
///
/// Starts a local AWS, deploys the template with the SAM CLI, applies `infra/examples/incidents.yaml`, loads a
/// CSV of incidents into the hub's table `tickets`, runs the same again, changes a configuration value
/// that becomes a Slack message, a GitHub issue and a signed webhook (at a receiver on this machine,
/// by `infra/examples/changes.yaml`), and ends everything. The first time
/// takes some minutes. Ends with 0 only when the counts are what a plain reading of the CSV says.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cargo run -- demo --input export.csv")]
pub(super) struct Demo {
    /// Another CSV of the same shape [default: the project's own sample]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Leave the hub up; `ferrule down` ends it
    #[arg(long)]
    keep: bool,
}

impl Demo {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let workspace = Workspace::find()?;
        let input = self.input.unwrap_or_else(|| workspace.root().join(SAMPLE));
        let census = Census::of(&input)?;
        let own = workspace.target().join("demo").join(std::process::id().to_string());
        let dir = if self.keep { place.dir.clone() } else { own };
        let began = Instant::now();
        let mut stack = setting_up::up(Options::new(&dir), output).await?;
        setting_up::furnish(&mut stack, &operator::tenant(TENANT)?).await?;
        let set_up = began.elapsed();
        let report = job(&stack, &workspace, &input, output).await?;
        let report = Report { input, census, set_up, ..report };
        report.show(output);
        if self.keep {
            stack.keep()?;
            output.remark(
                "the hub stays up: `ferrule status`, `ferrule records tickets`, `ferrule down`",
            );
        } else {
            stack.down()?;
            // Logs are of interest only when something went wrong.
            std::fs::remove_dir_all(&dir).ok();
        }
        Ok(if report.is_right() { Ended::Well } else { Ended::Badly })
    }
}

/// Runs the job twice on a stack that is up.
async fn job(
    stack: &Stack,
    workspace: &Workspace,
    input: &Path,
    output: Output,
) -> Result<Report, Fault> {
    let details = stack.details();
    let key = details.customer_key.as_deref().unwrap_or_default();
    let hub = Hub::new(&details.api_url, key.into())?;
    let lines = Lines::new(output);
    let line = lines.add("definitions");
    let stored = apply::apply(&hub, &definitions(workspace)?).await?;
    line.done(&format!("{} stored", counted(stored.len() as u64, "definition")));
    put_input(stack, input).await?;
    let first = sync(&hub, false, &lines, "first sync").await?;
    let errors = all(&hub, "errors").await?.iter().map(crate::hub::loose).collect();
    let tickets = all(&hub, &format!("records/{TABLE}")).await?;
    let second = sync(&hub, true, &lines, "second sync").await?;
    let way = change::follow(stack, workspace, &hub, &lines).await?;
    Ok(Report { first, second, errors, tickets, way, ..Report::default() })
}

/// Returns the example's definitions. The demo itself says when they run.
fn definitions(workspace: &Workspace) -> Result<Definitions, Fault> {
    let mut definitions = Definitions::read_right(&[workspace.root().join(DEFINITIONS)])?;
    for document in definitions.files.iter_mut().flat_map(|file| &mut file.documents) {
        if let Document::Integration(integration) = document {
            integration.trigger = None;
            integration.expect = None;
        }
    }
    Ok(definitions)
}

/// Puts the file where the example's connection looks for it: in the hub's own bucket.
async fn put_input(stack: &Stack, input: &Path) -> Result<(), Fault> {
    let store = operator::store_of_files(stack.details());
    let bytes = std::fs::read(input).map_err(Fault::io("read", input))?;
    let tenant = operator::tenant(TENANT)?;
    Ok(store.payloads.put(&tenant, "incidents/demo.csv", bytes).await?)
}

async fn sync(
    hub: &Hub,
    full: bool,
    lines: &Lines,
    name: &str,
) -> Result<serde_json::Value, Fault> {
    let line = lines.add(name);
    let run = sync::start(hub, INTEGRATION, full).await?;
    sync::wait(hub, &run, &line).await
}

/// Reads a list to its end.
async fn all(hub: &Hub, path: &str) -> Result<Vec<Value>, Fault> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", PAGE.to_string())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page = hub.get(path, &query).await?.body;
        all.extend(rows(&page));
        match page.get("next").and_then(Value::as_str) {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(all),
        }
    }
}
