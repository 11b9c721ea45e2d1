//! `ferrule schema`: what editors need to know.

use clap::Args;
use ferrule_core::definition::{Connection, Integration};
use schemars::JsonSchema;
use serde::Serialize;

use super::Outcome;
use crate::Ended;
use crate::output::Output;

/// Print the JSON Schema of definitions, for editors.
///
/// The file `infra/examples/definition.schema.json` is what this prints.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule schema > definition.schema.json")]
pub(super) struct Schema {}

/// An integration or a connection.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "A Ferrule definition")]
enum Definition {
    Integration(Box<Integration>),
    Connection(Box<Connection>),
}

impl Schema {
    #[expect(clippy::unused_self, reason = "commands are alike")]
    pub(super) fn run(self, output: Output) -> Outcome {
        output.line(text().trim_end());
        Ok(Ended::Well)
    }
}

/// Returns the schema as it is committed.
pub(crate) fn text() -> String {
    let schema = schemars::schema_for!(Definition);
    let text = serde_json::to_string_pretty(&schema);
    text.unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}")) + "\n"
}
