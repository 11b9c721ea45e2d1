//! `ferrule apply`, `get` and `delete`: definitions in the hub.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ferrule_core::document::Document;
use ferrule_core::{Object, Value};
use serde_json::json;

use super::Outcome;
use crate::definitions::Definitions;
use crate::hub::{Hub, Place, segment};
use crate::output::{self, Output, counted};
use crate::{Ended, Fault};

/// Store definitions in the hub: connections first, then integrations.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule apply infra/examples/incidents.yaml")]
pub(super) struct Apply {
    /// Definitions: files or folders
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
}

/// Show definitions: all names, or one definition.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule get integration incidents-in")]
pub(super) struct Get {
    /// What to show [default: both]
    #[arg(value_name = "KIND")]
    kind: Option<Kind>,
    /// Which one [default: all]
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Remove a definition. What it has loaded stays.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule delete integration incidents-in")]
pub(super) struct Delete {
    #[arg(value_name = "KIND")]
    kind: Kind,
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    #[value(alias = "integrations")]
    Integration,
    #[value(alias = "connections")]
    Connection,
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Self::Integration => "integrations",
            Self::Connection => "connections",
        }
    }
}

impl Apply {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let definitions = Definitions::read_right(&self.paths)?;
        let hub = Hub::open(place)?;
        let stored = apply(&hub, &definitions).await?;
        output.result(&json!({ "stored": stored }), |output| {
            for name in &stored {
                output.line(&format!("stored {name}"));
            }
            output.line(&counted(stored.len() as u64, "definition"));
        });
        Ok(Ended::Well)
    }
}

/// Stores connections, then the integrations that use them; returns their paths.
pub(super) async fn apply(hub: &Hub, definitions: &Definitions) -> Result<Vec<String>, Fault> {
    let mut stored = Vec::new();
    for wanted in [Kind::Connection, Kind::Integration] {
        let all = definitions.files.iter().flat_map(|file| &file.documents);
        for document in all.filter(|document| kind(document) == wanted) {
            let path = format!("{}/{}", wanted.path(), document.name());
            let body = document.to_value().map_err(|error| Fault::Failed(error.to_string()))?;
            hub.put(&path, &body).await?;
            stored.push(path);
        }
    }
    Ok(stored)
}

fn kind(document: &Document) -> Kind {
    match document {
        Document::Integration(_) => Kind::Integration,
        Document::Connection(_) => Kind::Connection,
    }
}

impl Get {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let hub = Hub::open(place)?;
        if let (Some(kind), Some(name)) = (self.kind, &self.name) {
            let path = format!("{}/{}", kind.path(), segment(name));
            let answer = hub.get(&path, &[]).await?;
            let definition = &answer.body;
            let etag = answer.etag.map_or(Value::Null, Value::from);
            let shown = Object::from_iter([("etag", etag), ("definition", definition.clone())]);
            output.result(&shown, |output| output.result_text(definition));
            return Ok(Ended::Well);
        }
        let kinds =
            self.kind.map_or_else(|| vec![Kind::Connection, Kind::Integration], |k| vec![k]);
        let mut all = Object::new();
        for kind in kinds {
            let answer = hub.get(kind.path(), &[]).await?;
            let rows = super::rows(&answer.body);
            if !output.is_json() {
                output.table(kind.path(), &output::rows(&rows), "none");
            }
            all.insert(kind.path(), Value::Array(rows));
        }
        output.result(&all, |_| ());
        Ok(Ended::Well)
    }
}

impl Delete {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let hub = Hub::open(place)?;
        let path = format!("{}/{}", self.kind.path(), segment(&self.name));
        hub.delete(&path).await?;
        output
            .result(&json!({ "deleted": path }), |output| output.line(&format!("deleted {path}")));
        Ok(Ended::Well)
    }
}

impl Output {
    /// Prints a definition by itself.
    fn result_text(self, definition: &Value) {
        let text = serde_json::to_string_pretty(definition);
        self.line(&text.unwrap_or_else(|_| definition.to_string()));
    }
}
