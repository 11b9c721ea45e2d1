//! Which of what is parked is meant, as the operator says it.

use clap::Args;
use serde_json::{Map, Value, json};

/// Which of what is parked.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Picked {
    /// Errors by their ids, or the first letters of them: `ferrule parked` shows them
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Only of this integration
    #[arg(long, value_name = "NAME")]
    integration: Option<String>,
    /// Only what failed in this run
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Only with this code
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Only parked since this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only parked until this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Everything that is parked
    #[arg(long, conflicts_with_all = ["ids", "integration", "run", "code", "since", "until"])]
    all: bool,
}

impl Picked {
    /// Returns the selection as a request says it.
    pub(super) fn body(&self) -> Map<String, Value> {
        let Self { ids, integration, run, code, since, until, all } = self;
        let texts = [
            ("integration", integration),
            ("run", run),
            ("code", code),
            ("since", since),
            ("until", until),
        ];
        let said = texts.into_iter().filter_map(|(name, is)| Some((name, json!(is.as_ref()?))));
        let mut body: Map<String, Value> = said.map(|(name, is)| (name.to_owned(), is)).collect();
        if !ids.is_empty() {
            body.insert("ids".to_owned(), json!(ids));
        }
        if *all {
            body.insert("all".to_owned(), json!(true));
        }
        body
    }

    /// Says how many of the ids are not parked, or no more.
    pub(super) fn missing(&self, found: u64) -> u64 {
        (self.ids.len() as u64).saturating_sub(found)
    }
}
