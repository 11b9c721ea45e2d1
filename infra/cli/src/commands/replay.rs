//! `ferrule replay`: sends parked work again.

use clap::Args;
use serde_json::json;

use super::Outcome;
use crate::Ended;
use crate::hub::{Hub, Place, segment};
use crate::output::Output;

/// Send parked work again, by its id in the error log.
///
/// Asked twice, it is done once. What comes of it stands in the error log and in the target.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ferrule errors --state parked\n  ferrule replay 5d41402abc4b")]
pub(super) struct Replay {
    /// The error's id
    #[arg(value_name = "ID")]
    id: String,
}

impl Replay {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let path = format!("errors/{}/replay", segment(&self.id));
        let row = Hub::open(place)?.post(&path, &json!({})).await?.loose();
        output.result(&row, |output| {
            let text = |key: &str| row[key].as_str().unwrap_or_default();
            let records = row["record"]["count"].as_u64().unwrap_or_default();
            let (integration, stage) = (text("integration"), text("stage"));
            output.line(&format!(
                "{} of {integration} sent to {stage} again",
                crate::output::counted(records, "record")
            ));
        });
        Ok(Ended::Well)
    }
}
