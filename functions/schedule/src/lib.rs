#![doc = include_str!("../README.md")]

mod checks;
mod due;
mod silence;

use ferrule_core::{
    Failure, Name, Tenant,
    definition::{Integration, Trigger},
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
    /// The silence since this moment is in the error log; milliseconds since 1970.
    #[serde(default)]
    silence: i64,
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
        for Scheduled { tenant, integration } in self.store.scheduled().await? {
            let looked_at = Box::pin(self.look_at(&tenant, &integration));
            if let Err(failure) = looked_at.await {
                error!(%tenant, %integration, code = failure.code(), %failure, "cannot schedule");
            }
        }
        Ok(())
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
        let (ticked, rev) = self.ticked(tenant, name).await?;
        let mut next = ticked.clone();
        let now_ms = self.store.clock.now_ms();
        if let Some(Trigger::Schedule(trigger)) = &stored.definition.trigger {
            let seed = format!("{tenant}/{name}");
            if let Some(tick_ms) =
                due::due(trigger, ticked.first_ms, ticked.last_ms, now_ms, &seed)?
            {
                next.last_ms = tick_ms;
                if self.put(tenant, name, &next, rev).await? {
                    self.start(tenant, name).await?;
                }
                return Ok(());
            }
        }
        if let Some(expect) = &stored.definition.expect {
            let standing = self.store.standing(tenant, name).await?;
            let since = standing.success_ms.max(ticked.first_ms);
            if silence::is_silent(expect, since, now_ms) && ticked.silence != since {
                next.silence = since;
                self.store.log_errors(tenant, &[silence::row(&stored, since, now_ms)]).await?;
                return self.tell_of_silence(tenant, &stored, (&next, rev), now_ms).await;
            }
        }
        if next != ticked || rev.is_none() {
            self.put(tenant, name, &next, rev).await?;
        }
        Ok(())
    }

    /// Notes that a silence is known and posts its event, both or neither.
    async fn tell_of_silence(
        &self,
        tenant: &Tenant,
        stored: &Stored<Integration>,
        (next, rev): (&Ticked, Option<u64>),
        now_ms: i64,
    ) -> Result<(), Failure> {
        let name = &stored.definition.metadata.name;
        let posted = Posted::one(silence::event(name, next.silence, now_ms));
        let (row, when) = row(tenant, name, next, rev)?;
        let writes = vec![Write::Put(Table::State, row, when), post(tenant, &posted)?];
        if self.store.tables.transact(writes).await? {
            warn!(%tenant, integration = %name, "no success for too long");
            self.store.send_posted(tenant, &posted).await?;
        }
        Ok(())
    }

    async fn start(&self, tenant: &Tenant, name: &Name) -> Result<(), Failure> {
        match self.store.start_run(tenant, name, "schedule", false).await {
            Ok(run) => {
                info!(%tenant, integration = %name, run = %run.run, "started");
                Ok(())
            }
            Err(NotStarted::Running(run)) => {
                info!(%tenant, integration = %name, %run, "skipped: the last run is still going on");
                Ok(())
            }
            Err(NotStarted::Failed(failure)) => Err(failure),
            Err(other) => Err(Failure::invalid(other.to_string())),
        }
    }

    async fn ticked(&self, tenant: &Tenant, name: &Name) -> Result<(Ticked, Option<u64>), Failure> {
        let row = self.store.tables.get(Table::State, tenant.as_str(), &key(name)).await?;
        if let Some(row) = row {
            Ok((row.read()?, Some(row.rev)))
        } else {
            let first_ms = self.store.clock.now_ms();
            Ok((Ticked { first_ms, ..Ticked::default() }, None))
        }
    }

    /// Writes it down before the start: of two functions at once only one starts the run.
    async fn put(
        &self,
        tenant: &Tenant,
        name: &Name,
        ticked: &Ticked,
        rev: Option<u64>,
    ) -> Result<bool, Failure> {
        let (row, when) = row(tenant, name, ticked, rev)?;
        Ok(self.store.tables.put(Table::State, row, when).await?.is_done())
    }
}

fn row(
    tenant: &Tenant,
    name: &Name,
    ticked: &Ticked,
    rev: Option<u64>,
) -> Result<(Item, When), Failure> {
    let mut row = Item::new(tenant.as_str(), key(name), ticked)?;
    row.rev = 1;
    Ok((row, rev.map_or(When::Absent, When::Rev)))
}

fn key(name: &Name) -> String {
    format!("schedule#{name}")
}

#[cfg(test)]
mod tests;
