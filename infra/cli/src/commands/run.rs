//! `ferrule run`: definitions, in this process.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use ferrule_core::definition::Integration;
use ferrule_core::{Name, RunState, Value};
use ferrule_store::ErrorRow;
use serde::Serialize;

use super::Outcome;
use crate::definitions::Definitions;
use crate::output::{self, Output, counted};
use crate::twin::{Code, Errors, Pace, StandIn, Twin};
use crate::{Ended, Fault};

/// Rows of the error log that a person is shown.
const ERRORS: usize = 20;

/// Records that are shown.
const SAMPLE: usize = 5;

/// Run definitions in this process: no AWS, nothing to set up, nothing kept.
///
/// Serves the connectors `files`, `rest` and `records`. The tables that `records` writes are in memory,
/// and gone at the end.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule run infra/examples/incidents.yaml --input export.csv")]
pub(super) struct Run {
    /// Definitions: files or folders
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Read this file, whatever the source says
    #[arg(long, value_name = "FILE", conflicts_with = "folder")]
    input: Option<PathBuf>,
    /// Folder that stands in for the hub's own bucket [default: `data` beside the definition]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Run only this integration [default: all with a source, in the order of the file]
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Read everything, whatever the cursor says
    #[arg(long)]
    full: bool,
    /// Write although a guard would stop the run: tables are empty here, and what a target holds is not known
    #[arg(long)]
    approve: bool,
    /// Show records of this table [default: the table that the integration writes]
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
}

impl Run {
    pub(super) async fn run(self, output: Output) -> Outcome {
        let definitions = Definitions::read_right(&self.files)?;
        let integrations = self.chosen(&definitions)?;
        let twin = Twin::new(pace(&definitions))?.approving(self.approve);
        self.fill(&twin, &definitions, &integrations).await?;
        let mut reports = Vec::new();
        for integration in &integrations {
            reports.push(Box::pin(self.one(&twin, integration, output)).await?);
        }
        let errors = twin.take_errors().await?;
        let ended = ended(&reports);
        let peak_memory_bytes = peak_memory_bytes();
        let result = Results {
            runs: &reports,
            errors: &errors.kept,
            codes: &errors.codes,
            peak_memory_bytes,
        };
        output.result(&result, |output| {
            show(output, &reports);
            show_errors(output, &errors);
            if let Some(peak) = peak_memory_bytes {
                output.line(&format!("\nPeak memory: {} MiB", peak.div_ceil(1024 * 1024)));
            }
        });
        Ok(ended)
    }

    /// Returns the integrations that are meant.
    fn chosen<'d>(&self, definitions: &'d Definitions) -> Result<Vec<&'d Integration>, Fault> {
        let all = definitions.integrations().map(|(_, integration)| integration);
        let chosen: Vec<_> = match &self.only {
            Some(only) => all.filter(|one| one.metadata.name.as_str() == only).collect(),
            None => all.filter(|one| one.source.is_some()).collect(),
        };
        match (chosen.is_empty(), &self.only) {
            (false, _) => Ok(chosen),
            (true, Some(only)) => Err(Fault::Invalid(format!("no integration is named {only}"))),
            (true, None) => {
                Err(Fault::Invalid("nothing to run: no integration has a source".into()))
            }
        }
    }

    async fn fill(
        &self,
        twin: &Twin,
        definitions: &Definitions,
        integrations: &[&Integration],
    ) -> Result<(), Fault> {
        let sources = integrations.iter().filter_map(|one| one.source.as_ref());
        let sources: Vec<&Name> = sources.map(|source| &source.connection).collect();
        let mut files = Vec::new();
        for (path, connection) in definitions.connections() {
            let beside = path.parent().unwrap_or(Path::new(""));
            let is_source = sources.contains(&&connection.metadata.name);
            let used = self.stand_in(beside)?.connection(connection, beside, is_source)?;
            twin.put_connection(&used).await?;
            if connection.connector.as_str() == "files" {
                files.push(&connection.metadata.name);
            }
        }
        for (path, integration) in definitions.integrations() {
            let beside = path.parent().unwrap_or(Path::new(""));
            let used = self.stand_in(beside)?.integration(integration, &files);
            twin.put_integration(&used).await?;
        }
        Ok(())
    }

    fn stand_in(&self, beside: &Path) -> Result<StandIn, Fault> {
        match (&self.input, &self.folder) {
            (Some(input), _) => {
                let file = std::fs::canonicalize(input).map_err(Fault::io("read", input))?;
                Ok(StandIn::File(file))
            }
            (None, Some(folder)) => Ok(StandIn::Folder(folder.clone())),
            (None, None) => Ok(StandIn::Folder(beside.join("data"))),
        }
    }

    async fn one(
        &self,
        twin: &Twin,
        integration: &Integration,
        output: Output,
    ) -> Result<Report, Fault> {
        let name = &integration.metadata.name;
        let lines = output::Lines::new(output);
        let line = lines.add(name.as_str());
        let started = Instant::now();
        let run = twin
            .run(name, self.full, &mut |progress| {
                line.tell("running", &progress.to_string());
            })
            .await?;
        line.done(&format!("{} read", counted(run.counts.read, "record")));
        let table = self.table(integration)?;
        let (records, held) = match &table {
            Some(table) => (twin.records(table, SAMPLE).await?, Some(twin.count(table).await?)),
            None => (Vec::new(), None),
        };
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        // As it went for a person: the twin's own clock leaps.
        let took = i64::try_from(took_ms).unwrap_or(i64::MAX);
        let run = ferrule_core::Run { ended_at: Some(run.started_at.saturating_add(took)), ..run };
        let records: Result<Vec<Value>, _> = records.iter().map(Value::of).collect();
        let records = records.map_err(|error| Fault::Failed(error.to_string()))?;
        Ok(Report { run, took_ms, table, held, records })
    }

    /// Returns the hub table to show.
    fn table(&self, integration: &Integration) -> Result<Option<Name>, Fault> {
        let to = integration.output.destination();
        let written = to.and_then(|to| to.settings.get("table")).and_then(Value::as_str);
        let table = self.table.as_deref().or(written);
        let table = table.map(Name::new).transpose();
        table.map_err(|error| Fault::Invalid(error.to_string()))
    }
}

/// What all runs came to. Numbers stay exact: records are written as they are.
#[derive(Serialize)]
struct Results<'r> {
    runs: &'r [Report],
    /// Some; of all of them, `codes` says how many there are.
    errors: &'r [ErrorRow],
    codes: &'r [Code],
    peak_memory_bytes: Option<u64>,
}

/// What one run came to.
#[derive(Serialize)]
struct Report {
    run: ferrule_core::Run,
    took_ms: u64,
    table: Option<Name>,
    /// How many records the table holds.
    #[serde(rename = "records_in_table")]
    held: Option<u64>,
    #[serde(rename = "sample")]
    records: Vec<Value>,
}

/// Returns the most memory that this process has held; only Linux tells.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = peak.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Somebody outside is waiting when an API is called: only then is waiting real.
fn pace(definitions: &Definitions) -> Pace {
    let mut connectors = definitions.connections().map(|(_, connection)| &connection.connector);
    if connectors.any(|connector| connector.as_str() == "rest") {
        Pace::Real
    } else {
        Pace::Skipping
    }
}

fn ended(reports: &[Report]) -> Ended {
    let any = |state| reports.iter().any(|report| report.run.state == state);
    let is_bad = any(RunState::Failed) || any(RunState::Running);
    match (is_bad, any(RunState::Partial)) {
        (false, _) if any(RunState::WaitingForApproval) => Ended::Waiting,
        (true, _) => Ended::Badly,
        (false, true) => Ended::InPart,
        (false, false) => Ended::Well,
    }
}

fn show(output: Output, reports: &[Report]) {
    for report in reports {
        let run = serde_json::to_value(&report.run).unwrap_or_default();
        let name = &report.run.integration;
        let state = run["state"].as_str().unwrap_or_default();
        let took = output::since(report.took_ms);
        output.table(&format!("{name}: {state} in {took}"), &output::run(&run), "");
        if let Some(reason) = &report.run.reason {
            output.line(&format!("  {}", output::plain(reason, 500)));
        }
        if let Some(why) = report.run.look.as_ref().and_then(|look| look.why.as_ref()) {
            output.line(&format!(
                "  its guard stopped it before the first write: {why}; --approve lets it write"
            ));
        }
        output.table("Time per stage", &output::stages(&run), "");
        if let (Some(table), Some(held)) = (&report.table, report.held) {
            let (grid, hidden) = output::sample(&report.records);
            let heading = format!("Table {table}: {}", counted(held, "record"));
            output.table(&heading, &grid, "no records");
            if !hidden.is_empty() {
                output.line(&format!("  and the columns {}", hidden.join(", ")));
            }
        }
    }
}

/// Shows what was refused, and what may be there twice.
fn show_errors(output: Output, errors: &Errors) {
    let is_twice = |code: &str| code == ferrule_connector::MAYBE_TWICE;
    let (twice, codes): (Vec<&Code>, Vec<&Code>) =
        errors.codes.iter().partition(|code| is_twice(&code.code));
    if let Some(twice) = twice.first() {
        let records = counted(twice.records, "record");
        output.line(&format!(
            "  {records} may have been delivered twice: an answer of the target was lost, and it knows no keys"
        ));
    }
    if codes.is_empty() {
        return;
    }
    let value = |row: &ErrorRow| serde_json::to_value(row).unwrap_or_default();
    let examples: Vec<_> = codes.iter().map(|code| (value(&code.example), code.records)).collect();
    let reasons = output::reasons(examples.iter().map(|(example, records)| (example, *records)));
    output.table(output::REASONS, &reasons, "");
    let shown = errors.kept.iter().filter(|row| !is_twice(&row.code)).take(ERRORS);
    let shown: Vec<_> = shown.map(value).collect();
    output.table("Error log", &output::refused(&shown), "");
    let more = codes.iter().map(|code| code.rows).sum::<u64>().saturating_sub(shown.len() as u64);
    if more > 0 {
        let kept = errors.kept.len() as u64;
        let is_all = errors.codes.iter().map(|code| code.rows).sum::<u64>() <= kept;
        let has = if is_all { "them".into() } else { format!("{} of all", output::count(kept)) };
        output.line(&format!("  and {} more; --json has {has}", output::count(more)));
    }
}
