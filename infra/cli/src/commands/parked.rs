//! `ferrule parked`: what is kept until somebody replays or discards it.

use clap::Args;

use super::{Outcome, look::query, rows};
use crate::Ended;
use crate::hub::{Hub, Place, loose};
use crate::output::{self, Output};

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
        let query = query([
            ("integration", self.integration),
            ("run", self.run),
            ("code", self.code),
            ("since", self.since),
            ("until", self.until),
            ("limit", Some(self.limit.to_string())),
        ]);
        let answer = Hub::open(place)?.get("parked", &query).await?;
        output.result(&answer.body, |output| {
            let parked: Vec<_> = rows(&answer.body).iter().map(loose).collect();
            output.table("", &output::parked(&parked), "nothing is parked");
            if !loose(&answer.body)["next"].is_null() {
                output.remark(
                    "there is more: --limit shows it, `ferrule replay --all --preview` counts it",
                );
            }
        });
        Ok(Ended::Well)
    }
}
