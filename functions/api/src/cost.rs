//! What the runs of an integration have cost, by the sync log.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use ferrule_core::{Failure, Name, Run, Tenant, cost};
use ferrule_store::{DAY_MS, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    auth::Caller,
    input::{Asked, name},
    problem::Problem,
    views::time,
};

/// Days that are looked at when nothing else is said, and at most.
const DAYS: u16 = 7;
const MOST_DAYS: u16 = 90;

/// Runs of one page of the sync log, and at most in all.
const AT_ONCE: usize = 500;
const MOST_RUNS: u64 = 5_000;

/// Query of `GET /v1/cost`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    integration: String,
    days: Option<u16>,
}

/// What the runs of an integration have cost: an estimate, by what the sync log counts.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CostView {
    integration: String,
    /// Runs that began since then are in it.
    since: String,
    runs: u64,
    /// Records that were read.
    records: u64,
    /// Dollars, without what the source and the target cost.
    usd: f64,
    /// Each day with runs, the newest first.
    days: Vec<DayView>,
    /// What it was used for.
    items: Vec<ItemView>,
    /// There are more runs than were looked at.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
    /// What it may cost, when that is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<BudgetView>,
    prices: PricesView,
}

/// One day, UTC.
#[derive(Debug, Serialize, JsonSchema)]
struct DayView {
    day: String,
    runs: u64,
    records: u64,
    usd: f64,
}

/// Something that AWS bills.
#[derive(Debug, Serialize, JsonSchema)]
struct ItemView {
    item: &'static str,
    quantity: f64,
    usd: f64,
}

/// The budget of an integration, and how far it is spent.
#[derive(Debug, Serialize, JsonSchema)]
struct BudgetView {
    usd_per_day: f64,
    /// Dollars since midnight UTC, by the hub's running estimate.
    spent_today: f64,
    /// Why what is not urgent waits, when it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<String>,
}

/// Which prices were taken.
#[derive(Debug, Serialize, JsonSchema)]
struct PricesView {
    date: &'static str,
    region: &'static str,
}

/// A sum over runs.
#[derive(Default)]
struct Sum {
    runs: u64,
    records: u64,
    usage: cost::Usage,
}

impl Sum {
    fn of(run: &Run) -> Self {
        Self { runs: 1, records: run.counts.read, usage: cost::of_run(run) }
    }

    fn add(&mut self, more: &Self) {
        self.runs += more.runs;
        self.records += more.records;
        self.usage += more.usage;
    }
}

/// Answers `GET /v1/cost`.
pub(crate) async fn cost(
    caller: Caller,
    State(store): State<Store>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<CostView>, Problem> {
    let name = name("integration", &filter.integration)?;
    let tenant = &caller.tenant;
    let stored = store.integration(tenant, &name).await?;
    let stored = stored.ok_or_else(|| Problem::not_found(format!("integration {name}")))?;
    let days = filter.days.unwrap_or(DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Problem::bad_request(format!("days is between 1 and {MOST_DAYS}")));
    }
    let days = i64::from(days);
    let today = store.clock.now_ms().div_euclid(DAY_MS);
    let since_ms = (today - days + 1) * DAY_MS;
    let (by_day, more) = by_day(&store, tenant, &name, since_ms).await?;
    let mut all = Sum::default();
    for sum in by_day.values() {
        all.add(sum);
    }
    let budget = match stored.definition.limits.as_ref().and_then(|limits| limits.budget) {
        Some(budget) => Some(BudgetView {
            usd_per_day: budget.usd_per_day,
            spent_today: store.spent(tenant, &name).await?.usd,
            paused: store.pause(tenant, &stored.definition).await?.map(|pause| pause.to_string()),
        }),
        None => None,
    };
    Ok(Json(CostView {
        integration: name.to_string(),
        since: time(since_ms),
        runs: all.runs,
        records: all.records,
        usd: all.usage.usd(),
        days: by_day.into_iter().rev().map(day).collect(),
        items: items(&all.usage),
        more,
        budget,
        prices: PricesView { date: cost::DATE, region: cost::REGION },
    }))
}

/// Sums the runs since a moment up, by day; tells whether there are more than it looked at.
async fn by_day(
    store: &Store,
    tenant: &Tenant,
    name: &Name,
    since_ms: i64,
) -> Result<(BTreeMap<i64, Sum>, bool), Failure> {
    let (mut days, mut start, mut seen) = (BTreeMap::<i64, Sum>::new(), None, 0);
    loop {
        let (runs, next) = store.runs(tenant, Some(name), AT_ONCE, start).await?;
        for run in runs {
            if run.started_at < since_ms {
                return Ok((days, false));
            }
            days.entry(run.started_at.div_euclid(DAY_MS)).or_default().add(&Sum::of(&run));
            seen += 1;
        }
        match next {
            Some(_) if seen >= MOST_RUNS => return Ok((days, true)),
            Some(next) => start = Some(next),
            None => return Ok((days, false)),
        }
    }
}

fn day((day, sum): (i64, Sum)) -> DayView {
    let Sum { runs, records, usage } = sum;
    let day = time(day * DAY_MS).chars().take(10).collect();
    DayView { day, runs, records, usd: usage.usd() }
}

fn items(usage: &cost::Usage) -> Vec<ItemView> {
    let lines = usage.lines();
    lines.map(|(price, quantity, usd)| ItemView { item: price.name, quantity, usd }).collect()
}
