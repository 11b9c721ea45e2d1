//! Records that a webhook or an event brings: one batch, one message, one run.
//!
//! What came is one row, by which a repeat is recognised; it holds the run, too. The run is written into the
//! sync log when it ends, or has to wait: most end within a second, and a row for the second in between
//! would be two of the seven units that a webhook then writes (`infra/decisions/0022`). Until then it is found by its id
//! alone, which says where that first row is.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ferrule_core::{
    Batch, Counts, Digest, Failure, Message, Progress, Record, Run, RunId, Task, Tenant,
    definition::{Integration, Urgency},
};
use serde::{Deserialize, Serialize};

use crate::{
    Item, Store, Table, When, Written, budget, deliveries::REMEMBER_SECS, envelope_of,
    sweep::is_given_up,
};

/// Records that somebody brought, on their way into an integration.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// What brought them: `webhook`, `config_change`, `event`.
    pub trigger: &'static str,
    /// How urgent they are.
    pub urgency: Urgency,
    /// They tell of a failure of the hub itself.
    pub alert: bool,
    /// Where they come from, for the error log.
    pub origin: String,
    /// The records; one batch.
    pub records: Vec<Record>,
}

/// What was brought is remembered twice as long as a queue keeps a message: what waits on the last queue for so
/// long finds its run still.
const KEEP_SECS: i64 = 2 * REMEMBER_SECS;

/// Most deliveries that a process remembers as sent; beyond, all are forgotten.
const MOST: usize = 1_000;

/// What this process has sent, with the run of each: who is impatient and brings it again costs nothing.
#[derive(Debug, Clone, Default)]
pub struct Arrivals(Arc<Mutex<HashMap<(Tenant, Digest), RunId>>>);

impl Arrivals {
    fn sent(&self) -> MutexGuard<'_, HashMap<(Tenant, Digest), RunId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, tenant: &Tenant, digest: Digest, run: RunId) {
        let mut sent = self.sent();
        if sent.len() >= MOST {
            sent.clear();
        }
        sent.insert((tenant.clone(), digest), run);
    }
}

/// What was brought, and the run that it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Brought {
    /// Of the integration and the delivery's id: the row's key is a part of it.
    digest: Digest,
    run: Run,
}

impl Brought {
    fn row(&self, tenant: &Tenant, expires: i64) -> Result<Item, Failure> {
        let key = key(&self.run.run).ok_or_else(|| Failure::invalid("a run without delivery"))?;
        Ok(Item::new(tenant.as_str(), key, self)?.with_expiry(expires))
    }
}

/// Where the row is of what a run was brought by; `None` of runs that begin otherwise.
fn key(run: &RunId) -> Option<String> {
    run.delivery().map(|digits| format!("brought#{digits}"))
}

impl Store {
    /// Starts the run of what was brought, once; a repeat gets the same run. `id` is the same on every attempt
    /// of whoever brings it, and different for everything else.
    ///
    /// Note what came, then send it: a process that dies in between leaves it unsent, and whoever brought it,
    /// who got no answer, repeats. A repeat sends it once more, unless this process has sent it or its run is
    /// in the sync log: then a message of it was there. What comes twice is recognised by its batch.
    pub async fn deliver(
        &self,
        tenant: &Tenant,
        (integration, hash): (&Integration, &Digest),
        id: Digest,
        arrival: Arrival,
    ) -> Result<RunId, Failure> {
        let name = integration.metadata.name.as_str();
        let digest = Digest::of(&[name.as_bytes(), id.as_str().as_bytes()]);
        if let Some(run) = self.arrivals.sent().get(&(tenant.clone(), digest.clone())) {
            return Ok(run.clone());
        }
        let id = RunId::of_delivery(self.clock.now_ms(), &digest);
        let run = Run { run: id, ..self.run_of(integration, hash, &arrival) };
        let (run, is_sent) = self.take(tenant, Brought { digest: digest.clone(), run }).await?;
        if is_sent {
            return Ok(run.run);
        }
        let Arrival { origin, records, .. } = arrival;
        let batch = Batch { origin, records, ..Batch::default() };
        let message = Message { envelope: envelope_of(tenant, &run), task: Task::Transform(batch) };
        self.send("transform", vec![message], Duration::ZERO).await?;
        self.arrivals.keep(tenant, digest, run.run.clone());
        Ok(run.run)
    }

    /// Notes what came, or finds what is known of it: its run, and whether a message of it is surely sent.
    async fn take(&self, tenant: &Tenant, brought: Brought) -> Result<(Run, bool), Failure> {
        let row = brought.row(tenant, self.clock.now_secs() + KEEP_SECS)?;
        let there = match self.tables.put(Table::State, row, When::Absent).await? {
            Written::Done => return Ok((brought.run, false)),
            Written::Conflict(there) => there,
        };
        let there = there.ok_or_else(|| Failure::unavailable("deliveries", "a row vanished"))?;
        let there: Brought = there.read()?;
        if there.digest != brought.digest {
            // Once in sixty years of a thousand deliveries a second; it is not taken for the other.
            return Err(Failure::own("deliveries", "another delivery has the same mark"));
        }
        let logged = self.logged(tenant, &there.run.run).await?;
        Ok((there.run, logged.is_some_and(|(run, _)| !is_given_up(&run))))
    }

    /// Returns the run of what was brought, as it began: it may be in the sync log by now. `None` of other runs.
    pub(crate) async fn unlogged(
        &self,
        tenant: &Tenant,
        run: &RunId,
    ) -> Result<Option<Run>, Failure> {
        let Some(key) = key(run) else { return Ok(None) };
        let row = self.tables.get(Table::State, tenant.as_str(), &key).await?;
        let brought: Option<Brought> = row.as_ref().map(Item::read).transpose()?;
        Ok(brought.map(|brought| brought.run).filter(|there| there.run == *run))
    }

    /// Makes the run of what is brought: one batch, no lease. It is not in the sync log yet.
    pub fn run_of(&self, integration: &Integration, hash: &Digest, arrival: &Arrival) -> Run {
        let id = self.new_run_id();
        let name = integration.metadata.name.clone();
        let mut progress = Progress::default();
        progress.end(integration.batch_room());
        Run {
            counts: Counts { read: arrival.records.len() as u64, ..Counts::default() },
            urgency: arrival.urgency,
            alert: arrival.alert,
            hops: arrival.records.iter().map(|record| record.hops).max().unwrap_or_default(),
            budget_usd: budget::usd_per_day(integration),
            progress,
            ..Run::new(id, name, hash.clone(), arrival.trigger, self.clock.now_ms())
        }
    }
}

#[cfg(test)]
mod tests;
