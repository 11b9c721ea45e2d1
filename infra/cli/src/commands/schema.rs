//! `ferrule schema`: what editors need to know.

use clap::Args;

use super::Outcome;
use crate::output::Output;
use crate::{Ended, Fault};

/// Print the JSON Schema of definitions, for editors.
///
/// The file `infra/schema/ferrule.schema.json` is what this prints.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule schema > ferrule.schema.json")]
pub(super) struct Schema {}

impl Schema {
    #[expect(clippy::unused_self, reason = "commands are alike")]
    pub(super) fn run(self, output: Output) -> Outcome {
        let text = ferrule_core::schema::definitions();
        output.line(text.map_err(|error| Fault::Failed(error.to_string()))?.trim_end());
        Ok(Ended::Well)
    }
}
