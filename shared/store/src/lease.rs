//! One run of an integration at a time: a lease with a fencing token and an expiry.

use std::time::Duration;

use ferrule_core::{Failure, Name, Run, RunId, Tenant};
use serde::{Deserialize, Serialize};

use crate::{Item, NotStarted, Store, Table, When, Write, Written, sweep::stalled};

/// A run without news for this long has lost its lease.
const LEASE: Duration = Duration::from_hours(2);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(crate) run: Option<RunId>,
    pub(crate) token: u64,
    pub(crate) until_ms: i64,
}

pub(crate) fn lease_key(integration: &Name) -> String {
    format!("lease#{integration}")
}

impl Store {
    /// Takes the lease of an integration for a run; returns its token. Asked for again by the run
    /// that holds it, it is the same one.
    pub(crate) async fn take_lease(
        &self,
        tenant: &Tenant,
        name: &Name,
        run: &RunId,
    ) -> Result<u64, NotStarted> {
        let key = lease_key(name);
        let there = self.tables.get(Table::State, tenant.as_str(), &key).await?;
        let held: Option<Lease> = there.as_ref().map(Item::read).transpose()?;
        let now = self.clock.now_ms();
        if let Some(Lease { run: Some(holder), token, until_ms }) = &held {
            if holder == run {
                return Ok(*token);
            }
            if *until_ms > now {
                return Err(NotStarted::Running(holder.clone()));
            }
        }
        let token = held.map_or(1, |lease| lease.token + 1);
        let lease = Lease { run: Some(run.clone()), token, until_ms: now + self.lease_ms() };
        let row = Item::new(tenant.as_str(), &key, &lease)?;
        let when = there.map_or(When::Absent, |row| When::Rev(row.rev));
        match self.tables.put(Table::State, row, when).await? {
            Written::Done => Ok(token),
            Written::Conflict(Some(row)) => match row.read::<Lease>()? {
                Lease { run: Some(holder), token, .. } if holder == *run => Ok(token),
                Lease { run: Some(holder), .. } => Err(NotStarted::Running(holder)),
                Lease { run: None, .. } => {
                    Err(Failure::unavailable("lease", "taken and given back meanwhile").into())
                }
            },
            Written::Conflict(None) => Err(Failure::unavailable("lease", "it vanished").into()),
        }
    }

    /// Returns the write that lets a run hold its lease until then; `None` when it has lost it.
    pub(crate) async fn holding(
        &self,
        tenant: &Tenant,
        run: &Run,
        until_ms: i64,
    ) -> Result<Option<Write>, Failure> {
        let key = lease_key(&run.integration);
        let Some(row) = self.tables.get(Table::State, tenant.as_str(), &key).await? else {
            return Ok(None);
        };
        let lease: Lease = row.read()?;
        if lease.run.as_ref() != Some(&run.run) {
            return Ok(None);
        }
        let after = Item::new(tenant.as_str(), &key, &Lease { until_ms, ..lease })?;
        Ok(Some(Write::Put(Table::State, after, When::Rev(row.rev))))
    }

    /// Returns the write that gives the lease of a run back; `None` when it does not have it.
    pub(crate) async fn freeing(
        &self,
        tenant: &Tenant,
        run: &Run,
    ) -> Result<Option<Write>, Failure> {
        let key = lease_key(&run.integration);
        let row = self.tables.get(Table::State, tenant.as_str(), &key).await?;
        let Some(row) = row else { return Ok(None) };
        let lease: Lease = row.read()?;
        if lease.run.as_ref() != Some(&run.run) {
            return Ok(None);
        }
        let free = Lease { run: None, until_ms: self.clock.now_ms(), ..lease };
        let free = Item::new(tenant.as_str(), &key, &free)?;
        Ok(Some(Write::Put(Table::State, free, When::Rev(row.rev))))
    }

    /// Tells whether a run holds its lease still.
    pub(crate) async fn holds_lease(&self, tenant: &Tenant, run: &Run) -> Result<bool, Failure> {
        let key = lease_key(&run.integration);
        let row = self.tables.get(Table::State, tenant.as_str(), &key).await?;
        let lease: Option<Lease> = row.as_ref().map(Item::read).transpose()?;
        Ok(lease.is_some_and(|lease| {
            lease.run.as_ref() == Some(&run.run) && lease.until_ms > self.clock.now_ms()
        }))
    }

    pub(crate) fn lease_ms(&self) -> i64 {
        i64::try_from(self.scaled(LEASE).as_millis()).unwrap_or(i64::MAX)
    }

    /// Holds the lease on while news comes in; at most one write a quarter of its length.
    pub(crate) async fn renew(&self, tenant: &Tenant, run: &Run) -> Result<(), Failure> {
        if run.state.is_over() || run.token == 0 {
            return Ok(());
        }
        let key = lease_key(&run.integration);
        let Some(row) = self.tables.get(Table::State, tenant.as_str(), &key).await? else {
            return Ok(());
        };
        let lease: Lease = row.read()?;
        let until_ms = self.clock.now_ms() + self.lease_ms();
        let is_ours = lease.run.as_ref() == Some(&run.run);
        if !is_ours || until_ms - lease.until_ms < self.lease_ms() / 4 {
            return Ok(());
        }
        let row_after = Item::new(tenant.as_str(), &key, &Lease { until_ms, ..lease })?;
        self.tables.put(Table::State, row_after, When::Rev(row.rev)).await.map(drop)
    }

    /// Fails the run that holds the lease of `name` beyond its time; `None` when there is none.
    pub async fn reap(&self, tenant: &Tenant, name: &Name) -> Result<Option<Run>, Failure> {
        let key = lease_key(name);
        let Some(row) = self.tables.get(Table::State, tenant.as_str(), &key).await? else {
            return Ok(None);
        };
        let lease: Lease = row.read()?;
        let Some(run) = lease.run.clone().filter(|_| lease.until_ms <= self.clock.now_ms()) else {
            return Ok(None);
        };
        if self.run(tenant, &run).await?.is_none() {
            // Whoever took it died before the run was written down: it is free again.
            let free = Item::new(tenant.as_str(), &key, &Lease { run: None, ..lease })?;
            self.tables.put(Table::State, free, When::Rev(row.rev)).await?;
            return Ok(None);
        }
        self.note(tenant, &run, &[stalled("no news within the lease")]).await
    }
}
