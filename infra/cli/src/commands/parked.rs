//! `ferrule parked`: what is kept until somebody replays or discards it.

use clap::Args;
use ferrule_core::{Object, Value};

use super::{Outcome, look::query, rows};
use crate::Ended;
use crate::hub::{Hub, Place, loose};
use crate::output::{self, Output};

/// Most entries of one page.
const MOST: usize = 1000;

/// Show what is parked: kept with its payload until somebody replays or discards it. Oldest first.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule parked incidents-in\n  ferrule parked --code TYPE --since 2026-11-01T00:00:00Z"
)]
pub(super) struct Parked {
    /// Only of this integration
    #[arg(value_name = "NAME")]
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
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
}

impl Parked {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let hub = Hub::open(place)?;
        let mut asked = query([
            ("integration", self.integration),
            ("run", self.run),
            ("code", self.code),
            ("since", self.since),
            ("until", self.until),
        ]);
        let (wanted, mut parked) = (self.limit as usize, Vec::new());
        // A page may have fewer than asked for, or none, before the end.
        let next = loop {
            let left = wanted.saturating_sub(parked.len()).min(MOST);
            asked.push(("limit", left.to_string()));
            let answer = hub.get("parked", &asked).await?;
            asked.retain(|(name, _)| !["limit", "cursor"].contains(name));
            parked.extend(rows(&answer.body));
            let next = answer.body.get("next").cloned().unwrap_or_default();
            let Some(cursor) = next.as_str().filter(|_| parked.len() < wanted) else { break next };
            asked.push(("cursor", cursor.to_owned()));
        };
        let has_more = next.as_str().is_some();
        let page = Object::from_iter([("items", Value::from(parked.clone())), ("next", next)]);
        output.result(&Value::from(page), |output| {
            let parked: Vec<_> = parked.iter().map(loose).collect();
            output.table("", &output::parked(&parked), "nothing is parked");
            if has_more {
                output.remark(
                    "there is more: --limit shows it, `ferrule replay --all --preview` counts it",
                );
            }
        });
        Ok(Ended::Well)
    }
}
