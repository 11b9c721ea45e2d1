//! `ferrule check`: definitions, checked without running them.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Outcome;
use crate::definitions::{Definitions, Wrong};
use crate::output::{Output, counted};
use crate::{Ended, Fault};

/// Check definitions and run the tests inside them.
///
/// Everything that is wrong is shown with its file, line and column, and what was expected.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule check infra/examples")]
pub(super) struct Check {
    /// Definitions: files or folders
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
}

/// An example that came out differently.
#[derive(Debug, serde::Serialize)]
struct Differs {
    file: PathBuf,
    integration: String,
    test: String,
    differences: Vec<String>,
}

impl Check {
    pub(super) fn run(self, output: Output) -> Outcome {
        let definitions = match Definitions::read(&self.paths)? {
            Ok(definitions) => definitions,
            Err(wrong) => return show_wrong(output, &wrong),
        };
        let (ran, differs) = examples(&definitions)?;
        let number = definitions.files.iter().map(|file| file.documents.len() as u64).sum();
        let ended = if differs.is_empty() { Ended::Well } else { Ended::Badly };
        let result = json!({
            "definitions": number, "tests": ran, "problems": [], "differences": differs
        });
        output.result(&result, |output| {
            for one in &differs {
                let Differs { file, integration, test, differences } = one;
                output.line(&format!("{}: {integration}: {test:?}", file.display()));
                for line in differences {
                    output.line(&format!("    {line}"));
                }
            }
            let failed = match differs.len() {
                0 => "all as expected".to_owned(),
                some => format!("{some} came out differently"),
            };
            let (number, ran) = (counted(number, "definition"), counted(ran, "test"));
            output.line(&format!("{number} checked, {ran} inside run: {failed}"));
        });
        Ok(ended)
    }
}

/// Runs the tests inside the definitions; returns how many there are, and which do not hold.
fn examples(definitions: &Definitions) -> Result<(u64, Vec<Differs>), Fault> {
    let mut ran = 0;
    let mut differs = Vec::new();
    for (file, integration) in definitions.integrations() {
        let mismatches = integration.run_examples().map_err(|problems| {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Fault::Invalid(format!("{}: {}", file.display(), problems.join("\n")))
        })?;
        ran += integration.tests.len() as u64;
        differs.extend(mismatches.into_iter().map(|mismatch| Differs {
            file: file.to_owned(),
            integration: integration.metadata.name.to_string(),
            test: mismatch.name,
            differences: mismatch.differences,
        }));
    }
    Ok((ran, differs))
}

/// In JSON, what is wrong is the result; in words, it is an error.
fn show_wrong(output: Output, wrong: &[Wrong]) -> Outcome {
    let number = counted(wrong.len() as u64, "problem");
    output.result(&json!({ "problems": wrong }), |output| {
        for one in wrong {
            output.line(&one.to_string());
        }
    });
    Err(Fault::Invalid(number))
}
