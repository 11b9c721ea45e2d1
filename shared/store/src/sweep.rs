//! Ends every run that nothing else ends any more.
//!
//! A run ends when all of its batches are accounted for, and whoever gives work up accounts for it.
//! What is left is work that nobody has: the events or the digest that a run was claimed for were
//! parked before they were sent on; a sender brought half a delivery and never came again; the
//! integration was changed or removed between two attempts; a text could not be read. Nothing is
//! lost by that (what was accepted is parked, with its payload), but the run would stay open.
//!
//! So every run is looked at once more a day after it began, by a walk over the sync log that goes on
//! where it stopped; the first one begins a month back. The run of a replay, which may be slow on
//! purpose, has a month. One that holds a lease is left alone while it has it, and looked at again; any
//! other that is still open is given up as `STALLED`. Runs of an integration that has spent its budget
//! today or yesterday are left alone, too: their messages wait for the next one. Of those only the first is
//! remembered, since there may be thousands, and looked at until it waits no longer.
//!
//! Giving up is no last word for a run without lease: when its messages were only slow (a target that is
//! down for days), their notes make it what it is, and when parked work is replayed its claim counts
//! as not sent, so that all of it is done.

use std::time::Duration;

use ferrule_core::{Failure, Name, Note, Run, RunId, RunState, Tenant};
use serde::{Deserialize, Serialize};
use tracing::error;

use crate::{Item, Query, Store, Table, When, runs::REPLAY};

/// A run is looked at so long after it began: longer than any retry schedule waits.
const AGE: Duration = Duration::from_hours(24);

/// How often there is a walk, once it has caught up.
const EVERY: Duration = Duration::from_mins(10);

/// How much of the sync log is walked over before that is noted, and how far back the first walk begins.
const STRETCH: Duration = Duration::from_hours(6);
const FIRST: Duration = Duration::from_hours(30 * 24);

/// A call begins no further stretch after this many milliseconds.
const AT_ONCE_MS: i64 = 10_000;

/// Runs and integrations at most that are looked at again; DynamoDB's limit on a row is far away.
const GOING_ON: usize = 2_000;

/// Runs of an integration that waits which are read at a time: the first is likely to wait still.
const AGAIN: usize = 100;

/// Partition and sort key of the row that says how far the walk has come.
const ROW: (&str, &str) = ("#schedule", "swept");

/// Code of a run that was given up for want of news.
const STALLED: &str = "STALLED";

/// How far the walk has come.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Swept {
    /// Every run that began before this moment was looked at; milliseconds since 1970.
    until_ms: i64,
    /// Older ones that held their lease then.
    #[serde(default)]
    going_on: Vec<(Tenant, RunId)>,
    /// Integrations whose work waits for a budget, each with its first open run.
    #[serde(default)]
    waiting: Vec<(Tenant, Name, RunId)>,
}

/// Makes the note that gives a run up.
pub(crate) fn stalled(why: &str) -> Note {
    Note::Failed { code: STALLED.into(), message: format!("{why}: the run is given up") }
}

/// Tells whether a run was given up, and is what its news says should they come. One with a lease is
/// not: its cursor was not committed, and the next run has read the same again.
pub(crate) fn is_given_up(run: &Run) -> bool {
    let reason = run.reason.as_deref().and_then(|reason| reason.strip_prefix(STALLED));
    let is_stalled = reason.is_some_and(|rest| rest.starts_with(':'));
    run.token == 0 && run.state == RunState::Failed && is_stalled
}

impl Store {
    /// Gives up the runs that nobody works on any more; returns them. Does nothing when that was
    /// done a short while ago.
    pub async fn sweep_runs(&self) -> Result<Vec<Run>, Failure> {
        let (mut given_up, began_ms) = (Vec::new(), self.clock.now_ms());
        while let Some(more) = Box::pin(self.sweep_stretch()).await? {
            given_up.extend(more);
            if self.clock.now_ms() - began_ms > AT_ONCE_MS {
                break;
            }
        }
        Ok(given_up)
    }

    /// Looks at the next stretch of the sync log; `None` when all of it was looked at.
    async fn sweep_stretch(&self) -> Result<Option<Vec<Run>>, Failure> {
        let row = self.tables.get(Table::State, ROW.0, ROW.1).await?;
        let swept: Swept = row.as_ref().map(Item::read).transpose()?.unwrap_or_default();
        let until_ms = self.clock.now_ms() - self.scaled_ms(AGE);
        if until_ms - swept.until_ms < self.scaled_ms(EVERY) {
            return Ok(None);
        }
        let from_ms = swept.until_ms.max(until_ms - self.scaled_ms(FIRST));
        let until_ms = until_ms.min(from_ms + self.scaled_ms(STRETCH));
        let mut walk = Walk { next: Swept { until_ms, ..Swept::default() }, given_up: Vec::new() };
        for (tenant, run) in &swept.going_on {
            match self.run(tenant, run).await {
                Ok(Some(run)) => self.look_at(&mut walk, tenant, run).await?,
                Ok(None) => {}
                Err(failure @ Failure::Invalid { .. }) => pass_over(tenant, &failure),
                Err(failure) => return Err(failure),
            }
        }
        for waiting in &swept.waiting {
            self.look_again(&mut walk, waiting, from_ms).await?;
        }
        for tenant in self.tenants().await? {
            self.walk(&mut walk, &tenant, from_ms).await?;
        }
        let mut next = Item::new(ROW.0, ROW.1, &walk.next)?;
        next.rev = 1;
        let when = row.map_or(When::Absent, |row| When::Rev(row.rev));
        // Of two at once, both have looked at the same runs.
        self.tables.put(Table::State, next, when).await?;
        Ok(Some(walk.given_up))
    }

    /// Looks at every run of a tenant that began in the time that this walk is about.
    async fn walk(&self, walk: &mut Walk, tenant: &Tenant, from_ms: i64) -> Result<(), Failure> {
        let query = Query {
            pk: tenant.as_str().into(),
            from: Some(id_at(from_ms)),
            to: Some(id_at(walk.next.until_ms)),
            ..Query::default()
        };
        self.look_through(walk, tenant, query, |_| false).await
    }

    /// Looks at the runs of an integration that waited for a budget, up to where the walk has come, until
    /// one of them waits still.
    async fn look_again(
        &self,
        walk: &mut Walk,
        (tenant, name, first): &(Tenant, Name, RunId),
        to_ms: i64,
    ) -> Result<(), Failure> {
        let query = Query {
            pk: tenant.as_str().into(),
            by_alt: true,
            from: Some(format!("{name}#{first}")),
            to: Some(format!("{name}#{}", id_at(to_ms))),
            limit: AGAIN,
            ..Query::default()
        };
        self.look_through(walk, tenant, query, |next| next.waits(tenant, name)).await
    }

    /// Looks at runs until there is no other, or `is_enough` is known of them.
    async fn look_through(
        &self,
        walk: &mut Walk,
        tenant: &Tenant,
        mut query: Query,
        is_enough: impl Fn(&Swept) -> bool,
    ) -> Result<(), Failure> {
        loop {
            let rows = self.tables.query(Table::SyncLog, query.clone()).await?;
            for item in &rows.items {
                match item.read::<Run>() {
                    Ok(run) => self.look_at(walk, tenant, run).await?,
                    Err(failure) => pass_over(tenant, &failure),
                }
                if is_enough(&walk.next) {
                    return Ok(());
                }
            }
            match rows.next {
                Some(next) => query.start = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn look_at(&self, walk: &mut Walk, tenant: &Tenant, run: Run) -> Result<(), Failure> {
        if run.state.is_over() {
            return Ok(());
        }
        let (name, id) = (run.integration.clone(), run.run.clone());
        if run.budget_usd.is_some() && run.token == 0 && walk.next.waits(tenant, &name) {
            return Ok(());
        }
        match self.give_up_if_left(tenant, run).await {
            Ok(Some(Left::GivenUp(run))) => walk.given_up.push(*run),
            Ok(Some(Left::GoesOn)) => walk.next.goes_on(tenant, id),
            Ok(Some(Left::Waits)) if walk.next.waiting.len() < GOING_ON => {
                walk.next.waiting.push((tenant.clone(), name, id));
            }
            Ok(_) => {}
            Err(failure @ (Failure::Invalid { .. } | Failure::Rejected { .. })) => {
                pass_over(tenant, &failure);
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    async fn give_up_if_left(&self, tenant: &Tenant, run: Run) -> Result<Option<Left>, Failure> {
        let is_replay = run.trigger == REPLAY;
        let is_young = run.started_at > self.clock.now_ms() - self.scaled_ms(FIRST);
        if is_replay && is_young || run.token > 0 && self.holds_lease(tenant, &run).await? {
            return Ok(Some(Left::GoesOn));
        }
        if run.token == 0 && self.is_held_back(tenant, &run).await? {
            return Ok(Some(Left::Waits));
        }
        let note = stalled("nobody works on it any more");
        let given_up = self.note(tenant, &run.run, &[note]).await?;
        Ok(given_up.map(|run| Left::GivenUp(Box::new(run))))
    }

    fn scaled_ms(&self, span: Duration) -> i64 {
        i64::try_from(self.scaled(span).as_millis()).unwrap_or(i64::MAX / 2)
    }
}

/// A run that cannot be read or noted keeps no other waiting; nobody can end it.
fn pass_over(tenant: &Tenant, failure: &Failure) {
    error!(%tenant, code = failure.code(), %failure, "cannot look at a run");
}

/// What became of an open run.
enum Left {
    /// It holds its lease.
    GoesOn,
    /// Its work waits for a budget.
    Waits,
    /// It is over now.
    GivenUp(Box<Run>),
}

impl Swept {
    /// Remembers a run, once.
    fn goes_on(&mut self, tenant: &Tenant, run: RunId) {
        let run = (tenant.clone(), run);
        if self.going_on.len() < GOING_ON && !self.going_on.contains(&run) {
            self.going_on.push(run);
        }
    }

    /// Tells whether work of an integration is known to wait.
    fn waits(&self, tenant: &Tenant, name: &Name) -> bool {
        self.waiting.iter().any(|(whose, waiting, _)| whose == tenant && waiting == name)
    }
}

/// Returns where the ids of runs begin that began then: an id begins with its time.
fn id_at(ms: i64) -> String {
    format!("{:012x}", ms.max(0))
}

/// A walk over the sync log.
struct Walk {
    next: Swept,
    given_up: Vec<Run>,
}

#[cfg(test)]
mod tests;
