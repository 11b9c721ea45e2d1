//! What an integration with a budget has cost today, and whether it waits until tomorrow.
//!
//! One row each, by the estimate of what its runs used. It is written about a thousand times a day at most:
//! of what is cheaper than a thousandth of the budget, so many stand for all.

use ferrule_core::{
    Digest, Event, Failure, Name, Object, Run, RunId, RunState, Tenant, Value, cost,
    definition::{Budget, Integration},
    event::BUDGET_SPENT,
};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{
    DAY_MS, Item, NotStarted, Posted, Store, Stored, Table, When, Write, outbox::post,
    runs::run_row,
};

/// Times a compare-and-swap is tried; beyond, an estimate is a little too low.
const TRIES: usize = 10;

/// Such a part of the budget is written down at once.
const GRAIN: f64 = 0.001;

/// What an integration has cost on one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Days since 1970, UTC.
    pub day: i64,
    /// Dollars, estimated.
    pub usd: f64,
    /// Somebody was told that it is too much.
    #[serde(default)]
    pub told: bool,
    /// The last day before this one on which it was too much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
}

impl Spent {
    /// Begins the next day.
    fn on(self, day: i64) -> Self {
        let before = if self.told { Some(self.day) } else { self.before };
        Self { day, before, ..Self::default() }
    }
}

/// Why an integration waits, and how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pause {
    /// Its budget in dollars a day.
    pub budget_usd: f64,
    /// What it has cost today.
    pub spent_usd: f64,
    /// When the next budget begins, in milliseconds since 1970.
    pub until_ms: i64,
}

impl std::fmt::Display for Pause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (budget, spent) = (dollars(self.budget_usd), dollars(self.spent_usd));
        write!(
            f,
            "today's budget of {budget} is spent ({spent}): what is not urgent waits until midnight UTC"
        )
    }
}

/// Writes dollars with as many digits as tell something.
fn dollars(usd: f64) -> String {
    if usd >= 0.01 { format!("${usd:.2}") } else { format!("${usd:.6}") }
}

fn key(name: &Name) -> String {
    format!("budget#{name}")
}

fn budget_of(integration: &Integration) -> Option<Budget> {
    integration.limits.as_ref().and_then(|limits| limits.budget)
}

/// Returns what an integration may cost a day, in dollars.
pub(crate) fn usd_per_day(integration: &Integration) -> Option<f64> {
    budget_of(integration).map(|budget| budget.usd_per_day)
}

impl Store {
    /// Returns what an integration with a budget has cost today.
    pub async fn spent(&self, tenant: &Tenant, name: &Name) -> Result<Spent, Failure> {
        let row = self.tables.get(Table::State, tenant.as_str(), &key(name)).await?;
        self.spent_by(row.as_ref())
    }

    /// Reads what a row says of today; one of another day says nothing.
    fn spent_by(&self, row: Option<&Item>) -> Result<Spent, Failure> {
        let day = self.clock.now_ms().div_euclid(DAY_MS);
        let there: Option<Spent> = row.map(Item::read).transpose()?;
        Ok(match there {
            Some(there) if there.day == day => there,
            there => there.unwrap_or_default().on(day),
        })
    }

    /// Tells whether work of a run may wait for a budget, or has done so today or yesterday: it is not
    /// lost because nothing is heard of it.
    pub(crate) async fn is_held_back(&self, tenant: &Tenant, run: &Run) -> Result<bool, Failure> {
        let Some(budget_usd) = run.budget_usd else { return Ok(false) };
        let spent = self.spent(tenant, &run.integration).await?;
        let was_spent = spent.before.is_some_and(|day| day + 1 >= spent.day);
        Ok(spent.told || spent.usd >= budget_usd || was_spent)
    }

    /// Says whether an integration waits until tomorrow. `known` is its definition as a message knows it:
    /// a budget that was raised since counts as it is now.
    pub async fn pause(
        &self,
        tenant: &Tenant,
        known: &Integration,
    ) -> Result<Option<Pause>, Failure> {
        let Some(budget) = budget_of(known) else { return Ok(None) };
        let name = &known.metadata.name;
        let spent = self.spent(tenant, name).await?;
        if spent.usd < budget.usd_per_day {
            return Ok(None);
        }
        let today = self.integration(tenant, name).await?;
        let budget = today.and_then(|stored| budget_of(&stored.definition));
        let is_spent = |budget: &Budget| spent.usd >= budget.usd_per_day;
        Ok(budget.filter(is_spent).map(|budget| Pause {
            budget_usd: budget.usd_per_day,
            spent_usd: spent.usd,
            until_ms: (spent.day + 1) * DAY_MS,
        }))
    }

    /// Notes in the sync log that a tick was left out; returns why. Whoever began it and died may have
    /// taken the lease for it: that is free again.
    pub(crate) async fn skip(
        &self,
        tenant: &Tenant,
        stored: &Stored<Integration>,
        tick: RunId,
        pause: Pause,
    ) -> Result<NotStarted, Failure> {
        let (name, now_ms) = (stored.definition.metadata.name.clone(), self.clock.now_ms());
        let run = Run {
            state: RunState::Skipped,
            ended_at: Some(now_ms),
            reason: Some(pause.to_string()),
            ..Run::new(tick, name, stored.hash.clone(), "schedule", now_ms)
        };
        let mut writes = vec![Write::Put(Table::SyncLog, run_row(tenant, &run)?, When::Absent)];
        writes.extend(self.freeing(tenant, &run).await?);
        if self.tables.transact(writes).await? {
            return Ok(NotStarted::Spent(pause));
        }
        Err(Failure::unavailable(
            "sync log",
            format!("the tick of {} is begun by many", run.integration),
        ))
    }

    /// Keeps the lease of a run whose messages wait: nobody is to take it for stuck.
    pub async fn hold_on(&self, tenant: &Tenant, run: &RunId) -> Result<(), Failure> {
        match self.run(tenant, run).await? {
            Some(run) => self.renew(tenant, &run).await,
            None => Ok(()),
        }
    }

    /// Charges what a run has used since it was charged last. An estimate is no reason for anything to
    /// fail: what cannot be written down is left out.
    pub(crate) async fn charge(&self, tenant: &Tenant, before: &Run, after: &Run) {
        let Some(budget) = after.budget_usd else { return };
        let grain = budget * GRAIN;
        let share = part(after);
        // Its beginning is paid with its first batch; what a guard let go has begun before.
        let is_first = before.progress.done().0 == 0 && before.look.is_none();
        let paid = if is_first { 0.0 } else { cost::of_run(before).usd() };
        let usd = (cost::of_run(after).usd() - paid).max(0.0);
        let usd = if usd >= grain {
            usd
        } else if share * grain < usd {
            grain
        } else {
            return;
        };
        if let Err(failure) = self.spend(tenant, after, usd, budget).await {
            warn!(code = failure.code(), %failure, "cannot write down what a run has cost");
        }
    }

    async fn spend(
        &self,
        tenant: &Tenant,
        run: &Run,
        usd: f64,
        budget_usd: f64,
    ) -> Result<(), Failure> {
        let (pk, name) = (tenant.as_str(), &run.integration);
        for _ in 0..TRIES {
            let row = self.tables.get(Table::State, pk, &key(name)).await?;
            let mut spent = self.spent_by(row.as_ref())?;
            spent.usd += usd;
            let tells = spent.usd >= budget_usd && !spent.told && !run.alert;
            spent.told |= tells;
            let mut item = Item::new(pk, key(name), &spent)?;
            item.rev = 1;
            let when = row.map_or(When::Absent, |row| When::Rev(row.rev));
            let posted = tells.then(|| Posted::one(event(run, spent, budget_usd)));
            let mut writes = vec![Write::Put(Table::State, item, when)];
            writes.extend(posted.as_ref().map(|posted| post(tenant, posted)).transpose()?);
            if self.tables.transact(writes).await? {
                return match posted {
                    Some(posted) => self.send_posted(tenant, &posted).await,
                    None => Ok(()),
                };
            }
        }
        Err(Failure::own("budget", format!("{name} is charged by many at once")))
    }
}

/// Where in its thousandth a note of a run falls, between 0 and 1: by its id and how far it is, so that a
/// repeat falls on the same place.
fn part(run: &Run) -> f64 {
    let done = run.progress.done().0.to_string();
    let hash = Digest::of(&[run.run.as_str().as_bytes(), done.as_bytes()]);
    let first = u32::from_str_radix(&hash.as_str()[..8], 16).unwrap_or(0);
    f64::from(first) / f64::from(u32::MAX)
}

fn event(run: &Run, spent: Spent, budget_usd: f64) -> Event {
    let name = &run.integration;
    let until_ms = (spent.day + 1) * DAY_MS;
    let pause = Pause { budget_usd, spent_usd: spent.usd, until_ms };
    let data = Object::from_iter([
        ("integration", Value::from(name.as_str())),
        ("run", Value::from(run.run.as_str())),
        ("message", Value::from(format!("{name}: {pause}"))),
    ]);
    Event {
        id: format!("budget-{name}-{}", spent.day),
        kind: BUDGET_SPENT.into(),
        at: spent.day * DAY_MS,
        subject: name.to_string(),
        data,
    }
}

#[cfg(test)]
mod tests;
