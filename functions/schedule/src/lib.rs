#![doc = include_str!("../README.md")]

mod checks;
mod due;
mod replays;
mod silence;

use ferrule_core::{
    Failure, Name, Tenant,
    definition::{Integration, ScheduleTrigger, Trigger},
};
use ferrule_store::{Item, NotStarted, Posted, Scheduled, Store, Stored, Table, When, Write, post};
use serde::{Deserialize, Serialize};
use tracing::{error, info, warn};

/// Starts what is due, gives up what is stuck, and notices silence.
#[derive(Debug)]
pub struct Schedule {
    store: Store,
}

/// What is known of an integration's schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Ticked {
    /// Start of the schedule: when it was first seen, in milliseconds since 1970.
    first_ms: i64,
    /// Last tick that was dealt with, in milliseconds since 1970.
    last_ms: i64,
    /// A tick whose start began and is not known to have ended: it is gone on with before any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begun_ms: Option<i64>,
    /// The silence since this moment is in the error log; milliseconds since 1970.
    #[serde(default)]
    silence: i64,
}

/// What is known, and the revision of the row that says so.
#[derive(Debug)]
struct Known {
    ticked: Ticked,
    rev: u64,
}

impl Schedule {
    /// Wires it to the store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Does everything that is due now. One integration's trouble does not keep the others waiting.
    pub async fn tick(&self) -> Result<(), Failure> {
        if let Err(failure) = Box::pin(checks::ask(&self.store)).await {
            error!(code = failure.code(), %failure, "cannot have connections checked");
        }
        self.drain().await;
        self.flush().await;
        for Scheduled { tenant, integration } in self.store.scheduled().await? {
            let looked_at = Box::pin(self.look_at(&tenant, &integration));
            if let Err(failure) = looked_at.await {
                error!(%tenant, %integration, code = failure.code(), %failure, "cannot schedule");
            }
        }
        Box::pin(replays::go_on(&self.store)).await;
        self.sweep().await;
        Ok(())
    }

    /// Has digests sent that whoever should have had them sent has not.
    async fn flush(&self) {
        match self.store.flush_overdue().await {
            Ok(0) => {}
            Ok(digests) => info!(digests, "asked for digests that are overdue"),
            Err(failure) => {
                error!(code = failure.code(), %failure, "cannot ask for digests that are overdue");
            }
        }
    }

    /// Ends runs that nothing else ends any more.
    async fn sweep(&self) {
        match Box::pin(self.store.sweep_runs()).await {
            Ok(runs) => {
                for run in runs {
                    error!(integration = %run.integration, run = %run.run, "gave up a run that nobody works on");
                }
            }
            Err(failure) => error!(code = failure.code(), %failure, "cannot look for open runs"),
        }
    }

    /// Sends events that whoever wrote them down has not sent.
    async fn drain(&self) {
        match self.store.drain_outbox().await {
            Ok(0) => {}
            Ok(rows) => info!(rows, "sent what waited in the outbox"),
            Err(failure) => {
                error!(code = failure.code(), %failure, "cannot send what waits in the outbox");
            }
        }
    }

    async fn look_at(&self, tenant: &Tenant, name: &Name) -> Result<(), Failure> {
        if let Some(run) = self.store.reap(tenant, name).await? {
            error!(%tenant, integration = %name, run = %run.run, "gave up a run without news");
        }
        let Some(stored) = self.store.integration(tenant, name).await? else { return Ok(()) };
        let Some(mut known) = self.known(tenant, name).await? else { return Ok(()) };
        let started = match &stored.definition.trigger {
            Some(Trigger::Schedule(trigger)) => {
                self.start_due(tenant, name, trigger, &mut known).await
            }
            _ => Ok(()),
        };
        // Silence matters most where nothing can be started.
        let noticed = self.notice_silence(tenant, &stored, known).await;
        started.and(noticed)
    }

    /// Starts the run of the tick that is due.
    ///
    /// The tick is noted before the start and after it: whoever comes after a crash in between goes on
    /// with the same tick, also when the next one is due already or missed ticks are left out.
    async fn start_due(
        &self,
        tenant: &Tenant,
        name: &Name,
        trigger: &ScheduleTrigger,
        known: &mut Known,
    ) -> Result<(), Failure> {
        let ticked = known.ticked.clone();
        let tick_ms = if let Some(begun_ms) = ticked.begun_ms {
            begun_ms
        } else {
            let (now_ms, seed) = (self.store.clock.now_ms(), format!("{tenant}/{name}"));
            let due = due::due(trigger, ticked.first_ms, ticked.last_ms, now_ms, &seed)?;
            let Some(tick_ms) = due else { return Ok(()) };
            let begun = Ticked { begun_ms: Some(tick_ms), ..ticked.clone() };
            if !self.put(tenant, name, begun, known).await? {
                return Ok(()); // Somebody else starts it right now.
            }
            tick_ms
        };
        let started = self.start(tenant, name, tick_ms).await;
        // What is wrong with the definition is no better in a minute; the rest is tried again.
        if matches!(started, Ok(()) | Err(Failure::Invalid { .. } | Failure::Rejected { .. })) {
            let done = Ticked { last_ms: tick_ms, begun_ms: None, ..ticked };
            self.put(tenant, name, done, known).await?;
        }
        started
    }

    async fn notice_silence(
        &self,
        tenant: &Tenant,
        stored: &Stored<Integration>,
        known: Known,
    ) -> Result<(), Failure> {
        let Some(expect) = &stored.definition.expect else { return Ok(()) };
        let standing = self.store.standing(tenant, &stored.definition.metadata.name).await?;
        let (since, now_ms) =
            (standing.success_ms.max(known.ticked.first_ms), self.store.clock.now_ms());
        if !silence::is_silent(expect, since, now_ms) || known.ticked.silence == since {
            return Ok(());
        }
        let next = Ticked { silence: since, ..known.ticked };
        self.store.log_errors(tenant, &[silence::row(stored, since, now_ms)]).await?;
        self.tell_of_silence(tenant, stored, (&next, known.rev), now_ms).await
    }

    /// Notes that a silence is known and posts its event, both or neither.
    async fn tell_of_silence(
        &self,
        tenant: &Tenant,
        stored: &Stored<Integration>,
        (next, rev): (&Ticked, u64),
        now_ms: i64,
    ) -> Result<(), Failure> {
        let name = &stored.definition.metadata.name;
        let posted = Posted::one(silence::event(name, next.silence, now_ms));
        let row = row(tenant, name, next)?;
        let writes = vec![Write::Put(Table::State, row, When::Rev(rev)), post(tenant, &posted)?];
        if self.store.tables.transact(writes).await? {
            warn!(%tenant, integration = %name, "no success for too long");
            self.store.send_posted(tenant, &posted).await?;
        }
        Ok(())
    }

    /// Starts the run of a tick; however often, and by however many at once, it is one run.
    async fn start(&self, tenant: &Tenant, name: &Name, tick_ms: i64) -> Result<(), Failure> {
        match self.store.start_tick(tenant, name, tick_ms).await {
            Ok(run) => {
                info!(%tenant, integration = %name, run = %run.run, "started");
                Ok(())
            }
            Err(NotStarted::Running(run)) => {
                info!(%tenant, integration = %name, %run, "skipped: the last run is still going on");
                Ok(())
            }
            Err(NotStarted::Spent(pause)) => {
                info!(%tenant, integration = %name, %pause, "skipped: the budget is spent");
                Ok(())
            }
            Err(NotStarted::Failed(failure)) => Err(failure),
            Err(other) => Err(Failure::invalid(other.to_string())),
        }
    }

    /// Returns what is known of a schedule. One that is seen for the first time is written down before
    /// anything is counted from that moment; `None` when somebody else does so right now.
    async fn known(&self, tenant: &Tenant, name: &Name) -> Result<Option<Known>, Failure> {
        let there = self.store.tables.get(Table::State, tenant.as_str(), &key(name)).await?;
        if let Some(row) = there {
            return Ok(Some(Known { ticked: row.read()?, rev: row.rev }));
        }
        let ticked = Ticked { first_ms: self.store.clock.now_ms(), ..Ticked::default() };
        let row = row(tenant, name, &ticked)?;
        let rev = row.rev;
        let is_done = self.store.tables.put(Table::State, row, When::Absent).await?.is_done();
        Ok(is_done.then_some(Known { ticked, rev }))
    }

    /// Writes down what is known from now on; `false` when somebody else has done so meanwhile.
    async fn put(
        &self,
        tenant: &Tenant,
        name: &Name,
        ticked: Ticked,
        known: &mut Known,
    ) -> Result<bool, Failure> {
        let row = row(tenant, name, &ticked)?;
        let put = self.store.tables.put(Table::State, row, When::Rev(known.rev)).await?;
        if put.is_done() {
            *known = Known { ticked, rev: known.rev + 1 };
        }
        Ok(put.is_done())
    }
}

fn row(tenant: &Tenant, name: &Name, ticked: &Ticked) -> Result<Item, Failure> {
    let mut row = Item::new(tenant.as_str(), key(name), ticked)?;
    row.rev = 1;
    Ok(row)
}

fn key(name: &Name) -> String {
    format!("schedule#{name}")
}

#[cfg(test)]
mod tests;
