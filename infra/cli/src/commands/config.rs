//! `ferrule config`: values with their history, in the hub.

mod given;

use clap::{Args, Subcommand};
use ferrule_core::{Object, Value};

use given::Given;

use super::{Outcome, rows};
use crate::Ended;
use crate::hub::{Hub, If, Place, loose, segment};
use crate::output::{self, Grid, Output};

/// Set, show and take back configuration values.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Set a value; everybody who listens is told
    Set(Set),
    /// Show a value, or all that match a pattern
    Get(Get),
    /// Show who changed a value, when and why
    History(History),
    /// Set the value of an earlier version again
    Rollback(Rollback),
    /// Delete a value; its history stays
    Delete(Delete),
}

/// Set a value; everybody who listens is told.
///
/// What is on a command line ends up in the shell's history: a secret is better read from standard input (`-`). It is
/// never shown again, neither here nor by the hub.
#[derive(Debug, Args)]
#[command(after_help = concat!(
    "Example:\n  ferrule config set app.database.port 5432 --reason 'moved to the new host'\n  ",
    "ferrule config set app.limits @limits.json --schema limits.schema.json --environment staging\n  ",
    "printf %s \"$PASSWORD\" | ferrule config set app.database.password - --sensitive --text\n",
    "\nExit codes: 2 the value is no JSON or does not fit its schema, 5 changed by somebody else, or \
     the key may not; see `ferrule exit-codes`."
))]
pub(super) struct Set {
    #[arg(value_name = "KEY")]
    key: String,
    /// JSON, or plain text; `@FILE` reads a file, `-` standard input
    #[arg(value_name = "VALUE|@FILE|-", allow_negative_numbers = true)]
    value: Given,
    /// Take the value as text even if it looks like JSON
    #[arg(long)]
    text: bool,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    how: How,
    /// A JSON Schema that this and later values must fit; `none` takes it away
    #[arg(long, value_name = "FILE")]
    schema: Option<String>,
    /// The value is a secret from now on, and its history too: only a hash is ever shown
    #[arg(long)]
    sensitive: bool,
}

/// Show a value, or all that match a pattern.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule config get app.database.host\n  ferrule config get '*.database.*,!test.*'\n\nExit codes: 5 there is no such value; see `ferrule exit-codes`."
)]
pub(super) struct Get {
    /// A key, or patterns with `*` (any run of characters), `!` (takes out) and commas
    #[arg(value_name = "KEY|PATTERN")]
    key: String,
    /// Of this environment [default: `default` for a key, all for a pattern]
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u32,
}

/// Show who changed a value, when and why.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule config history app.database.host --limit 5\n\nExit codes: 5 there never was such a value; see `ferrule exit-codes`."
)]
pub(super) struct History {
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    of: Of,
    /// At most so many, newest first
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
}

/// Set the value of an earlier version again, as a new version.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule config rollback app.database.host 3 --reason 'the new host is down'\n\nExit codes: 5 unknown key or version, or changed by somebody else; see `ferrule exit-codes`."
)]
pub(super) struct Rollback {
    #[arg(value_name = "KEY")]
    key: String,
    #[arg(value_name = "VERSION")]
    version: u32,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    how: How,
}

/// Delete a value; its history stays.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule config delete app.database.host --reason unused\n\nExit codes: 5 unknown key, or changed by somebody else; see `ferrule exit-codes`."
)]
pub(super) struct Delete {
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    how: How,
}

/// Where a value stands.
#[derive(Debug, Args)]
struct Of {
    /// Of this environment
    #[arg(long, value_name = "NAME", default_value = "default")]
    environment: String,
}

/// How a value is changed.
#[derive(Debug, Args)]
struct How {
    /// Why: for the history, and for those who are told
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only when the value is of this version; 0 is only when there is none
    #[arg(long, value_name = "N")]
    if_version: Option<u64>,
    /// Tell nobody
    #[arg(long)]
    local_only: bool,
}

impl Config {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        match self {
            Self::Set(set) => set.run(place, output).await,
            Self::Get(get) if get.is_pattern() => get.list(place, output).await,
            Self::Get(get) => get.one(place, output).await,
            Self::History(history) => history.run(place, output).await,
            Self::Rollback(rollback) => rollback.run(place, output).await,
            Self::Delete(delete) => delete.run(place, output).await,
        }
    }
}

impl Set {
    async fn run(self, place: &Place, output: Output) -> Outcome {
        let mut body = self.how.body(&self.of);
        body.insert("value", self.value.read(self.text, std::io::stdin().lock())?);
        match self.schema.as_deref() {
            None => (),
            Some("none") => body.insert("schema", Value::Null),
            Some(file) => body.insert("schema", given::schema(file)?),
        }
        if self.sensitive {
            body.insert("sensitive", Value::from(true));
        }
        let path = format!("config/{}", segment(&self.key));
        let hub = Hub::open(place)?;
        let answer = hub.put_if(&path, &self.how.query(), &body.into(), self.how.state()).await?;
        output.result(&answer.body, |output| changed(output, &loose(&answer.body)));
        Ok(Ended::Well)
    }
}

impl Rollback {
    async fn run(self, place: &Place, output: Output) -> Outcome {
        let mut body = self.how.body(&self.of);
        body.insert("version", Value::from(i64::from(self.version)));
        let path = format!("config/{}/rollback", segment(&self.key));
        let hub = Hub::open(place)?;
        let answer = hub.post_if(&path, &self.how.query(), &body.into(), self.how.state()).await?;
        output.result(&answer.body, |output| changed(output, &loose(&answer.body)));
        Ok(Ended::Well)
    }
}

impl Delete {
    async fn run(self, place: &Place, output: Output) -> Outcome {
        let mut query = self.how.query();
        query.push(("environment", self.of.environment.clone()));
        query.extend(self.how.reason.clone().map(|reason| ("reason", reason)));
        let path = format!("config/{}", segment(&self.key));
        Hub::open(place)?.delete_if(&path, &query, self.how.state()).await?;
        let (key, environment) = (self.key, self.of.environment);
        let deleted = serde_json::json!({ "deleted": key, "environment": environment });
        output.result(&deleted, |output| {
            output.line(&format!("deleted {key} in {environment}; its history stays"));
        });
        Ok(Ended::Well)
    }
}

impl Get {
    fn is_pattern(&self) -> bool {
        self.key.contains(['*', '!', ','])
    }

    async fn one(self, place: &Place, output: Output) -> Outcome {
        let environment = self.environment.map(|name| ("environment", name));
        let query: Vec<_> = environment.into_iter().collect();
        let path = format!("config/{}", segment(&self.key));
        let answer = Hub::open(place)?.get(&path, &query).await?;
        output.result(&answer.body, |output| {
            output.line(&shown(&answer.body, true));
            let view = loose(&answer.body);
            let reason =
                view["reason"].as_str().map(|why| format!(": {}", output::plain(why, 200)));
            output.remark(&format!(
                "version {} in {}, {} by {}{}",
                view["version"],
                view["environment"].as_str().unwrap_or_default(),
                output::moment(&view["at"]),
                output::plain(view["by"].as_str().unwrap_or_default(), 100),
                reason.unwrap_or_default(),
            ));
        });
        Ok(Ended::Well)
    }

    async fn list(self, place: &Place, output: Output) -> Outcome {
        let mut query = vec![("match", self.key), ("limit", self.limit.to_string())];
        query.extend(self.environment.map(|name| ("environment", name)));
        let answer = Hub::open(place)?.get("config", &query).await?;
        output.result(&answer.body, |output| {
            let mut grid = Grid::new(["key", "environment", "value", "version", "changed", "by"]);
            for row in &rows(&answer.body) {
                let view = loose(row);
                grid.add([
                    text(&view["key"]),
                    text(&view["environment"]),
                    shown(row, false),
                    view["version"].to_string(),
                    output::moment(&view["at"]),
                    text(&view["by"]),
                ]);
            }
            output.table("", &grid, "no value matches");
            more(output, &answer.body);
        });
        Ok(Ended::Well)
    }
}

impl History {
    async fn run(self, place: &Place, output: Output) -> Outcome {
        let query = [("environment", self.of.environment), ("limit", self.limit.to_string())];
        let path = format!("config/{}/history", segment(&self.key));
        let answer = Hub::open(place)?.get(&path, &query).await?;
        output.result(&answer.body, |output| {
            let mut grid = Grid::new(["version", "what", "value", "when", "by", "why"]);
            for row in &rows(&answer.body) {
                let view = loose(row);
                let of = view["of"].as_u64().map(|of| format!(" to {of}")).unwrap_or_default();
                grid.add([
                    view["version"].to_string(),
                    text(&view["action"]) + &of,
                    shown(row, false),
                    output::moment(&view["at"]),
                    text(&view["by"]),
                    text(&view["reason"]),
                ]);
            }
            output.table("", &grid, "no versions");
            more(output, &answer.body);
        });
        Ok(Ended::Well)
    }
}

impl How {
    fn body(&self, of: &Of) -> Object {
        let mut body = Object::new();
        body.insert("environment", Value::from(of.environment.as_str()));
        if let Some(reason) = &self.reason {
            body.insert("reason", Value::from(reason.as_str()));
        }
        body
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        if self.local_only { vec![("local_only", "true".to_owned())] } else { Vec::new() }
    }

    fn state(&self) -> If {
        match self.if_version {
            None => If::Always,
            Some(0) => If::Absent,
            Some(version) => If::Is(format!("\"{version}\"")),
        }
    }
}

/// Says what became of a change. What is sensitive has no value in the answer.
fn changed(output: Output, view: &serde_json::Value) {
    let (key, version) = (text(&view["key"]), &view["version"]);
    let environment = text(&view["environment"]);
    let hidden = if view["sensitive"] == true { ", hidden" } else { "" };
    output.line(&match view["changed"].as_bool() {
        Some(false) => format!("{key} in {environment} is so already: version {version}{hidden}"),
        _ => format!("{key} in {environment} is now version {version}{hidden}"),
    });
}

/// Writes a value: text as it is, for scripts, and everything else as JSON.
fn shown(view: &Value, is_whole: bool) -> String {
    match (view.get("value"), view.get("hash").and_then(Value::as_str)) {
        (Some(Value::String(text)), _) => text.to_string(),
        (Some(value), _) if is_whole => {
            serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
        }
        (Some(value), _) => value.to_string(),
        (None, Some(hash)) => format!("(hidden) {hash}"),
        (None, None) => String::new(),
    }
}

fn more(output: Output, page: &Value) {
    if page.get("next").is_some_and(|next| !next.is_null()) {
        output.remark("there is more: ask with a higher --limit");
    }
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
