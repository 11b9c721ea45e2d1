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

    /// Returns the selection as a preview saw it: what is parked since then is not meant.
    pub(super) fn seen(&self, preview: &Value) -> Map<String, Value> {
        let mut body = self.body();
        if preview["until"].is_string() {
            body.remove("all");
            body.insert("until".to_owned(), preview["until"].clone());
        }
        body
    }

    /// Says how many of the ids are not parked, or no more.
    pub(super) fn missing(&self, found: u64) -> u64 {
        (self.ids.len() as u64).saturating_sub(found)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        picked: Picked,
    }

    #[test]
    fn what_is_parked_after_the_preview_is_not_meant() {
        let preview = json!({ "until": "2026-11-01T00:00:00Z" });
        for (said, is) in [
            (&["", "--all"][..], json!({ "until": "2026-11-01T00:00:00Z" })),
            (&["", "--code", "X"], json!({ "code": "X", "until": "2026-11-01T00:00:00Z" })),
            (&["", "--until", "2026-12-01T00:00:00Z"], json!({ "until": "2026-11-01T00:00:00Z" })),
        ] {
            let picked = Line::parse_from(said).picked;
            assert_eq!(Value::Object(picked.seen(&preview)), is, "{said:?}");
        }
    }
}
