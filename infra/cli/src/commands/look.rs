//! `ferrule runs`, `errors`, `records`, `status`, `connection check`: what there is to see.

use std::time::Duration;

use clap::{Args, Subcommand};
use ferrule_core::Value;
use serde_json::json;

use super::{Outcome, rows};
use crate::hub::{Hub, Place, loose, segment};
use crate::output::{self, Grid, Output};
use crate::{Ended, Fault};

/// How often, and how many times, the answer of a connection check is looked for.
const CHECK_POLL: Duration = Duration::from_millis(250);
const CHECK_LOOKS: u32 = 240;

/// Show the sync log: runs, newest first.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule runs incidents-in --limit 5")]
pub(super) struct Runs {
    /// Only of this integration
    #[arg(value_name = "NAME")]
    integration: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
}

/// Show the error log: what was refused or parked, and why, newest first.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule errors --integration incidents-in --since 2026-11-01T00:00:00Z"
)]
pub(super) struct Errors {
    /// Only of this integration
    #[arg(long, value_name = "NAME")]
    integration: Option<String>,
    /// Only with this code
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Only in this state: open, parked, replayed, discarded
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only last seen since this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
}

/// Show a table of the hub, or one record of it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule records tickets --limit 5\n  ferrule records tickets INC0007011"
)]
pub(super) struct Records {
    /// A table of the hub, or `sync_log`, `error_log`, `field_mapping`, `configuration`
    #[arg(value_name = "TABLE")]
    table: String,
    /// Only this record, whole
    #[arg(value_name = "KEY")]
    key: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
    /// Only changed since this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    updated_since: Option<String>,
}

/// Show how every integration stands.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule status")]
pub(super) struct Status {
    /// Only of this integration
    #[arg(value_name = "NAME")]
    integration: Option<String>,
}

/// Try connections, and show how they stand.
#[derive(Debug, Subcommand)]
pub(super) enum Connection {
    /// Try a connection: is the host there, are the credentials good?
    #[command(after_help = "Example:\n  ferrule connection check incident-export")]
    Check {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Show how a connection stands: its last check, its breaker, targets that are gone
    #[command(after_help = "Example:\n  ferrule connection health slack")]
    Health {
        #[arg(value_name = "NAME")]
        name: String,
    },
}

impl Runs {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let query =
            query([("integration", self.integration), ("limit", Some(self.limit.to_string()))]);
        let answer = Hub::open(place)?.get("runs", &query).await?;
        output.result(&answer.body, |output| {
            let runs: Vec<_> = rows(&answer.body).iter().map(loose).collect();
            output.table("", &output::runs(&runs), "no runs yet");
        });
        Ok(Ended::Well)
    }
}

impl Errors {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let query = query([
            ("integration", self.integration),
            ("code", self.code),
            ("state", self.state),
            ("since", self.since),
            ("limit", Some(self.limit.to_string())),
        ]);
        let answer = Hub::open(place)?.get("errors", &query).await?;
        output.result(&answer.body, |output| {
            let errors: Vec<_> = rows(&answer.body).iter().map(loose).collect();
            output.table("", &output::refused(&errors), "no errors");
        });
        Ok(Ended::Well)
    }
}

impl Records {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let hub = Hub::open(place)?;
        let path = format!("records/{}", segment(&self.table));
        if let Some(key) = &self.key {
            let answer = hub.get(&format!("{path}/{}", segment(key)), &[]).await?;
            output.result(&answer.body, |output| one(output, &answer.body));
            return Ok(Ended::Well);
        }
        let limit = Some(self.limit.to_string());
        let query = query([("limit", limit), ("updated_since", self.updated_since)]);
        let answer = hub.get(&path, &query).await?;
        output.result(&answer.body, |output| table(output, &rows(&answer.body)));
        Ok(Ended::Well)
    }
}

impl Status {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let query = query([("integration", self.integration)]);
        let answer = Hub::open(place)?.get("status", &query).await?;
        output.result(&answer.body, |output| {
            output.table("", &status(&rows(&answer.body)), "no integrations yet");
            for one in rows(&answer.body).iter().map(loose) {
                let (name, paused) = (one["integration"].as_str(), one["paused"].as_str());
                if let (Some(name), Some(paused)) = (name, paused) {
                    output.line(&format!("{name} waits: {}", output::plain(paused, 500)));
                }
            }
        });
        Ok(Ended::Well)
    }
}

impl Connection {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let hub = Hub::open(place)?;
        let name = match self {
            Self::Check { name } => name,
            Self::Health { name } => return health(&hub, &name, output).await,
        };
        let path = format!("connections/{}/check", segment(&name));
        let asked = hub.post(&path, &json!({})).await?.loose();
        let path = format!("{path}/{}", segment(asked["check"].as_str().unwrap_or_default()));
        let checked = answer(&hub, &path).await?;
        let is_good = checked["ok"].as_bool().unwrap_or(false);
        output.result(&checked, |output| {
            let message = checked["message"].as_str().unwrap_or_default();
            let verdict = if is_good { "works" } else { "does not work" };
            output.line(&format!("{name} {verdict}: {}", output::plain(message, 500)));
        });
        Ok(if is_good { Ended::Well } else { Ended::Badly })
    }
}

/// Shows how a connection stands.
async fn health(hub: &Hub, name: &str, output: Output) -> Outcome {
    let path = format!("connections/{}/health", segment(name));
    let stands = hub.get(&path, &[]).await?.loose();
    let text = |value: &serde_json::Value| output::plain(value.as_str().unwrap_or_default(), 500);
    let (breaker, gone) = (&stands["breaker"], stands["disabled"].as_array());
    output.result(&stands, |output| {
        let since = output::moment(&stands["since"]);
        output.line(&match stands["ok"].as_bool() {
            Some(true) => format!("{name} works since {since}: {}", text(&stands["message"])),
            Some(false) => format!("{name} fails since {since}: {}", text(&stands["message"])),
            None => format!("{name} was not checked yet; `ferrule connection check {name}` does"),
        });
        if breaker["state"] == "open" {
            let since = output::moment(&breaker["opened_at"]);
            output.line(&format!("its breaker is open since {since}: messages wait"));
        }
        for one in gone.into_iter().flatten() {
            let since = output::moment(&one["since"]);
            let (target, reason) = (text(&one["target"]), text(&one["reason"]));
            output.line(&format!("nothing is sent to {target} since {since}: {reason}"));
        }
    });
    let is_good = stands["ok"].as_bool().unwrap_or(true) && breaker["state"] != "open";
    Ok(if is_good { Ended::Well } else { Ended::Badly })
}

/// Waits for the connector to answer.
async fn answer(hub: &Hub, path: &str) -> Result<serde_json::Value, Fault> {
    for _ in 0..CHECK_LOOKS {
        let checked = hub.get(path, &[]).await?.loose();
        if checked["done"].as_bool().unwrap_or(false) {
            return Ok(checked);
        }
        crate::pause(CHECK_POLL).await;
    }
    Err(Fault::Failed("the connector did not answer within a minute; is it deployed?".to_owned()))
}

/// Returns the parameters that were given.
pub(super) fn query<const N: usize>(
    all: [(&'static str, Option<String>); N],
) -> Vec<(&'static str, String)> {
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn status(integrations: &[Value]) -> Grid {
    let mut grid = Grid::new([
        "integration",
        "starts by",
        "last run",
        "started",
        "read",
        "refused",
        "last success",
        "cursor",
    ]);
    for one in integrations.iter().map(loose) {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let last = &one["last_run"];
        let number =
            |key: &str| last["counts"][key].as_u64().map(output::count).unwrap_or_default();
        grid.add([
            text(&one["integration"]),
            text(&one["trigger"]),
            text(&last["state"]),
            output::moment(&last["started_at"]),
            number("read"),
            number("refused"),
            output::moment(&one["last_success"]),
            text(&one["cursor"]),
        ]);
    }
    grid
}

/// Shows a page of records.
fn table(output: Output, records: &[Value]) {
    let (grid, hidden) = output::sample(records);
    output.table("", &grid, "no records");
    if !hidden.is_empty() {
        output.line(&format!("  and the columns {}", hidden.join(", ")));
    }
}

/// Shows one record, a line for each of its columns.
fn one(output: Output, record: &Value) {
    let mut grid = output::Grid::new(["column", "value"]);
    let value = record.get("value").unwrap_or(record);
    for (column, value) in value.as_object().into_iter().flat_map(ferrule_core::Object::iter) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        grid.add([column.to_owned(), text]);
    }
    output.table("", &grid, "it has no columns");
}
