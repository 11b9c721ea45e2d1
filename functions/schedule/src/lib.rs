#![doc = include_str!("../README.md")]

mod checks;
mod due;
mod silence;

use ferrule_core::{Failure, Name, Tenant, definition::Trigger};
use ferrule_store::{Item, NotStarted, Scheduled, Store, Table, When};
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
        for Scheduled { tenant, integration } in self.store.scheduled().await? {
            let looked_at = Box::pin(self.look_at(&tenant, &integration));
            if let Err(failure) = looked_at.await {
                error!(%tenant, %integration, code = failure.code(), %failure, "cannot schedule");
            }
        }
        Ok(())
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
                warn!(%tenant, integration = %name, "no success for too long");
            }
        }
        if next != ticked || rev.is_none() {
            self.put(tenant, name, &next, rev).await?;
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
        let mut row = Item::new(tenant.as_str(), key(name), ticked)?;
        row.rev = 1;
        let when = rev.map_or(When::Absent, When::Rev);
        Ok(self.store.tables.put(Table::State, row, when).await?.is_done())
    }
}

fn key(name: &Name) -> String {
    format!("schedule#{name}")
}

#[cfg(test)]
mod tests;
