//! `ferrule cost`: what the runs of an integration have cost.

use clap::Args;

use super::{Outcome, look::query};
use crate::Ended;
use crate::hub::{Hub, Place};
use crate::output::{self, Output};

/// Show what the runs of an integration have cost in AWS: an estimate, by what the sync log counts.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule cost incidents-in --days 30\n\nWhat the source and the target cost is not in it, nor what the hub costs idle."
)]
pub(super) struct Cost {
    /// The integration
    #[arg(value_name = "NAME")]
    integration: String,
    /// Of so many days, today included
    #[arg(long, default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=90))]
    days: u16,
}

impl Cost {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let asked =
            query([("integration", Some(self.integration)), ("days", Some(self.days.to_string()))]);
        let cost = Hub::open(place)?.get("cost", &asked).await?.loose();
        output.result(&cost, |output| words(output, &cost));
        Ok(Ended::Well)
    }
}

fn words(output: Output, cost: &serde_json::Value) {
    let number = |key: &str| output::count(cost[key].as_u64().unwrap_or(0));
    let (runs, records) = (number("runs"), number("records"));
    let (usd, since) = (output::usd(&cost["usd"]), output::moment(&cost["since"]));
    output.line(&format!("{usd} for {runs} runs with {records} records since {since}"));
    output.table("By day (UTC)", &output::days(cost), "no runs");
    output.table("By what AWS bills", &output::items(cost), "nothing");
    let budget = &cost["budget"];
    if budget.is_object() {
        let (most, spent) =
            (output::usd(&budget["usd_per_day"]), output::usd(&budget["spent_today"]));
        output.line(&format!("\nbudget: {spent} of {most} today"));
        if let Some(paused) = budget["paused"].as_str() {
            output.line(&output::plain(paused, 500));
        }
    }
    if cost["more"].as_bool() == Some(true) {
        output.remark("there are more runs than were looked at: ask for fewer --days");
    }
    let prices = &cost["prices"];
    let text = |key: &str| output::plain(prices[key].as_str().unwrap_or_default(), 50);
    output.remark(&format!(
        "an estimate, at list prices of {} in {}, without free tiers",
        text("date"),
        text("region")
    ));
}
