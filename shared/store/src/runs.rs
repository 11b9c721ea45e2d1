//! Runs: how one starts, how its batches are accounted for, how it ends.
//!
//! One run of an integration at a time: a lease with a fencing token and an expiry. The cursor
//! moves in the same transaction that closes the run and gives the lease back.

use std::time::Duration;

use ferrule_core::{
    Checkpoint, CursorState, Digest, Envelope, Failure, Name, Note, Page, Run, RunId, RunState,
    Task, Tenant,
    definition::{Integration, Source},
};
use serde::{Deserialize, Serialize};

use crate::{Item, Query, Start, Store, Table, When, Write, Written, failed};

/// A run without news for this long has lost its lease.
const LEASE: Duration = Duration::from_hours(2);

/// Run bookkeeping is kept this long.
const KEEP_SECS: i64 = 14 * 86_400;

/// An integration that events start is noted as successful this often.
const SUCCESS_MS: i64 = 60_000;

/// Times a compare-and-swap is tried before the work is given back.
const TRIES: usize = 20;

/// Why a run did not start.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotStarted {
    /// One run at a time; this one holds the lease.
    #[error("run {0} of this integration is still going on")]
    Running(RunId),
    /// There is no such integration.
    #[error("there is no integration {0}")]
    Unknown(Name),
    /// The integration has no source to read; its trigger brings the records.
    #[error("integration {0} has no source: its trigger starts it")]
    NoSource(Name),
    /// Something else.
    #[error(transparent)]
    Failed(#[from] Failure),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Lease {
    run: Option<RunId>,
    token: u64,
    until_ms: i64,
}

/// Where an integration stands after its last confirmed run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Cursor; `None` before the first run, or without cursor.
    #[serde(default)]
    pub cursor: Option<CursorState>,
    /// Last run that ended without failing, in milliseconds since 1970.
    #[serde(default)]
    pub success_ms: i64,
}

fn lease_key(integration: &Name) -> String {
    format!("lease#{integration}")
}

fn standing_key(integration: &Name) -> String {
    format!("cursor#{integration}")
}

fn checkpoint_key(run: &RunId) -> String {
    format!("run#{run}")
}

impl Store {
    /// Starts a run: takes the lease, writes the sync-log row, asks the source for its first page.
    pub async fn start_run(
        &self,
        tenant: &Tenant,
        name: &Name,
        trigger: &str,
        full: bool,
    ) -> Result<Run, NotStarted> {
        let stored = self.integration(tenant, name).await?;
        let stored = stored.ok_or_else(|| NotStarted::Unknown(name.clone()))?;
        let Some(source) = &stored.definition.source else {
            return Err(NotStarted::NoSource(name.clone()));
        };
        let connector = self.connector_of(tenant, source).await?;
        let run = self.open_run(tenant, &stored.definition, &stored.hash, trigger, full).await?;
        let envelope = envelope_of(tenant, &run);
        let page = Page { full, ..Page::default() };
        if let Err(failure) =
            self.send_task(connector.as_str(), &envelope, Task::Extract(page)).await
        {
            // Nobody will work on it: give the lease back now, not when it runs out.
            let (code, message) = (failure.code().to_owned(), failure.to_string());
            self.note(tenant, &run.run, &[Note::Failed { code, message }]).await?;
            return Err(failure.into());
        }
        Ok(run)
    }

    async fn connector_of(&self, tenant: &Tenant, source: &Source) -> Result<Name, Failure> {
        let name = &source.connection;
        let connection = self.connection(tenant, name).await?.ok_or_else(|| {
            Failure::coded("CONNECTION", format!("there is no connection {name}"))
        })?;
        Ok(connection.definition.connector)
    }

    async fn open_run(
        &self,
        tenant: &Tenant,
        integration: &Integration,
        hash: &Digest,
        trigger: &str,
        full: bool,
    ) -> Result<Run, NotStarted> {
        let name = &integration.metadata.name;
        let id = RunId::new(uuid::Uuid::now_v7().simple().to_string());
        let token = self.take_lease(tenant, name, &id).await?;
        let standing = self.standing(tenant, name).await?;
        let run = Run {
            full,
            token,
            cursor_before: standing.cursor.and_then(|c| c.high).map(|high| high.to_string()),
            ..Run::new(id, name.clone(), hash.clone(), trigger, self.clock.now_ms())
        };
        self.tables.put(Table::SyncLog, run_row(tenant, &run)?, When::Absent).await?;
        Ok(run)
    }

    async fn take_lease(
        &self,
        tenant: &Tenant,
        name: &Name,
        run: &RunId,
    ) -> Result<u64, NotStarted> {
        let key = lease_key(name);
        let there = self.tables.get(Table::State, tenant.as_str(), &key).await?;
        let held: Option<Lease> = there.as_ref().map(Item::read).transpose()?;
        let now = self.clock.now_ms();
        if let Some(Lease { run: Some(holder), until_ms, .. }) = &held
            && *until_ms > now
        {
            return Err(NotStarted::Running(holder.clone()));
        }
        let token = held.map_or(1, |lease| lease.token + 1);
        let lease = Lease { run: Some(run.clone()), token, until_ms: now + self.lease_ms() };
        let row = Item::new(tenant.as_str(), &key, &lease)?;
        let when = there.map_or(When::Absent, |row| When::Rev(row.rev));
        match self.tables.put(Table::State, row, when).await? {
            Written::Done => Ok(token),
            Written::Conflict(Some(row)) => match row.read::<Lease>()?.run {
                Some(holder) => Err(NotStarted::Running(holder)),
                None => Err(Failure::unavailable("lease", "taken and given back meanwhile").into()),
            },
            Written::Conflict(None) => Err(Failure::unavailable("lease", "it vanished").into()),
        }
    }

    fn lease_ms(&self) -> i64 {
        i64::try_from(self.scaled(LEASE).as_millis()).unwrap_or(i64::MAX)
    }

    /// Returns where an integration stands.
    pub async fn standing(&self, tenant: &Tenant, name: &Name) -> Result<Standing, Failure> {
        let row = self.tables.get(Table::State, tenant.as_str(), &standing_key(name)).await?;
        Ok(row.map(|row| row.read()).transpose()?.unwrap_or_default())
    }

    /// Returns a run.
    pub async fn run(&self, tenant: &Tenant, run: &RunId) -> Result<Option<Run>, Failure> {
        let row = self.tables.get(Table::SyncLog, tenant.as_str(), run.as_str()).await?;
        row.map(|row| row.read()).transpose()
    }

    /// Returns runs, newest first, of one integration or all.
    pub async fn runs(
        &self,
        tenant: &Tenant,
        integration: Option<&Name>,
        limit: usize,
        start: Option<Start>,
    ) -> Result<(Vec<Run>, Option<Start>), Failure> {
        let query = Query {
            pk: tenant.as_str().into(),
            by_alt: integration.is_some(),
            prefix: integration.map(|name| format!("{name}#")),
            descending: true,
            limit,
            start,
            ..Query::default()
        };
        let rows = self.tables.query(Table::SyncLog, query).await?;
        let runs = rows.items.iter().map(Item::read).collect::<Result<_, _>>()?;
        Ok((runs, rows.next))
    }

    /// Returns how far the extract stage has come, with the row's revision.
    pub async fn checkpoint(
        &self,
        tenant: &Tenant,
        run: &RunId,
    ) -> Result<(Checkpoint, Option<u64>), Failure> {
        let row = self.tables.get(Table::State, tenant.as_str(), &checkpoint_key(run)).await?;
        match row {
            Some(row) => Ok((row.read()?, Some(row.rev))),
            None => Ok((Checkpoint::default(), None)),
        }
    }

    /// Moves the checkpoint on; `false` when another delivery of the same page did it first.
    pub async fn put_checkpoint(
        &self,
        tenant: &Tenant,
        run: &RunId,
        checkpoint: &Checkpoint,
        rev: Option<u64>,
    ) -> Result<bool, Failure> {
        let row = Item::new(tenant.as_str(), checkpoint_key(run), checkpoint)?
            .with_expiry(self.clock.now_secs() + KEEP_SECS);
        let when = rev.map_or(When::Absent, When::Rev);
        Ok(self.tables.put(Table::State, row, when).await?.is_done())
    }

    /// Notes what became of work; closes the run when everything is accounted for.
    ///
    /// Notes may come twice and in any order. Returns the run when this call closed it.
    pub async fn note(
        &self,
        tenant: &Tenant,
        run: &RunId,
        notes: &[Note],
    ) -> Result<Option<Run>, Failure> {
        for _ in 0..TRIES {
            let row = self.tables.get(Table::SyncLog, tenant.as_str(), run.as_str()).await?;
            let Some(row) = row else {
                return Err(Failure::coded("RUN", format!("run {run} is not in the sync log")));
            };
            let before: Run = row.read()?;
            let mut after = before.clone();
            apply(&mut after, notes);
            if after == before {
                return Ok(None);
            }
            let closes = !before.state.is_over()
                && (after.state == RunState::Failed || after.progress.is_complete());
            let done = if closes {
                self.close(tenant, &mut after, row.rev).await?
            } else {
                let item = run_row(tenant, &after)?;
                self.tables.put(Table::SyncLog, item, When::Rev(row.rev)).await?.is_done()
            };
            if done {
                self.renew(tenant, &after).await?;
                if closes {
                    self.tell_of_failure(tenant, &after).await;
                }
                return Ok(closes.then_some(after));
            }
        }
        Err(Failure::unavailable("sync log", format!("run {run} is written by many at once")))
    }

    async fn close(&self, tenant: &Tenant, run: &mut Run, rev: u64) -> Result<bool, Failure> {
        let pk = tenant.as_str();
        let now = self.clock.now_ms();
        run.ended_at = Some(now);
        if run.token == 0 {
            return self.close_event_run(tenant, run, rev).await;
        }
        let lease_row = self.tables.get(Table::State, pk, &lease_key(&run.integration)).await?;
        let lease: Option<Lease> = lease_row.as_ref().map(Item::read).transpose()?;
        let holds = lease.as_ref().is_some_and(|lease| lease.run.as_ref() == Some(&run.run));
        judge(run);
        let mut writes = Vec::new();
        if let (true, Some(lease_row), Some(lease)) = (holds, lease_row, lease) {
            let free = Lease { run: None, until_ms: now, ..lease };
            let free = Item::new(pk, lease_key(&run.integration), &free)?;
            writes.push(Write::Put(Table::State, free, When::Rev(lease_row.rev)));
            if run.state != RunState::Failed {
                let (checkpoint, _) = self.checkpoint(tenant, &run.run).await?;
                let high = checkpoint.cursor.as_ref().and_then(|cursor| cursor.high.clone());
                run.cursor_after = high.map(|high| high.to_string());
                let standing = Standing { cursor: checkpoint.cursor, success_ms: now };
                let standing = Item::new(pk, standing_key(&run.integration), &standing)?;
                writes.push(Write::Put(Table::State, standing, When::Always));
            }
        } else if run.state != RunState::Failed {
            run.state = RunState::Failed;
            run.reason = Some("the run lost its lease: its cursor is not committed".into());
        }
        writes.push(Write::Put(Table::SyncLog, run_row(tenant, run)?, When::Rev(rev)));
        writes.extend(failed::write(tenant, run)?);
        self.tables.transact(writes).await
    }

    /// Closes a run that an event brought: it has no lease and no cursor, and there may be many.
    async fn close_event_run(
        &self,
        tenant: &Tenant,
        run: &mut Run,
        rev: u64,
    ) -> Result<bool, Failure> {
        judge(run);
        let now = self.clock.now_ms();
        let standing = self.standing(tenant, &run.integration).await?;
        let is_news = now - standing.success_ms >= SUCCESS_MS && standing.cursor.is_none();
        if run.state != RunState::Failed && is_news {
            let standing = Standing { cursor: None, success_ms: now };
            let row = Item::new(tenant.as_str(), standing_key(&run.integration), &standing)?;
            self.tables.put(Table::State, row, When::Always).await?;
        }
        let mut writes = vec![Write::Put(Table::SyncLog, run_row(tenant, run)?, When::Rev(rev))];
        writes.extend(failed::write(tenant, run)?);
        self.tables.transact(writes).await
    }

    /// Holds the lease on while news comes in; at most one write a quarter of its length.
    async fn renew(&self, tenant: &Tenant, run: &Run) -> Result<(), Failure> {
        if run.state.is_over() {
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

    async fn free(&self, tenant: &Tenant, name: &Name) -> Result<(), Failure> {
        let key = lease_key(name);
        let Some(row) = self.tables.get(Table::State, tenant.as_str(), &key).await? else {
            return Ok(());
        };
        let free = Lease { run: None, ..row.read()? };
        let row_after = Item::new(tenant.as_str(), &key, &free)?;
        self.tables.put(Table::State, row_after, When::Rev(row.rev)).await.map(drop)
    }

    /// Fails the run that holds the lease of `name` beyond its time; `None` when there is none.
    pub async fn reap(&self, tenant: &Tenant, name: &Name) -> Result<Option<Run>, Failure> {
        let row = self.tables.get(Table::State, tenant.as_str(), &lease_key(name)).await?;
        let lease: Option<Lease> = row.as_ref().map(Item::read).transpose()?;
        match lease {
            Some(Lease { run: Some(run), until_ms, .. }) if until_ms <= self.clock.now_ms() => {
                if self.run(tenant, &run).await?.is_none() {
                    // Whoever took it died before the run was written down: it is free again.
                    return self.free(tenant, name).await.map(|()| None);
                }
                let message = "no news within the lease: the run is given up".to_owned();
                self.note(tenant, &run, &[Note::Failed { code: "STALLED".into(), message }]).await
            }
            _ => Ok(None),
        }
    }
}

/// Returns the envelope under which the tasks of a run travel.
pub fn envelope_of(tenant: &Tenant, run: &Run) -> Envelope {
    let (integration, definition) = (run.integration.clone(), run.definition.clone());
    Envelope {
        token: run.token,
        urgency: run.urgency,
        alert: run.alert,
        ..Envelope::new(tenant.clone(), integration, definition, run.run.clone())
    }
}

pub(crate) fn run_row(tenant: &Tenant, run: &Run) -> Result<Item, Failure> {
    let mut row = Item::new(tenant.as_str(), run.run.as_str(), run)?
        .with_alt(format!("{}#{}", run.integration, run.run));
    row.rev = 1;
    Ok(row)
}

fn apply(run: &mut Run, notes: &[Note]) {
    for note in notes {
        match note {
            Note::Batch { seq, others, counts, timings, failed } => {
                if run.progress.note(*seq) {
                    for (from, span) in others {
                        run.progress.cover(*from, *span);
                    }
                    run.counts += *counts;
                    run.timings += *timings;
                    if let Some(reason) = failed {
                        fail(run, reason.clone());
                    }
                }
            }
            Note::End { batches, counts, timings } => {
                if run.progress.end(*batches) {
                    run.counts += *counts;
                    run.timings += *timings;
                }
            }
            Note::Failed { code, message } => fail(run, format!("{code}: {message}")),
        }
    }
}

/// Says how a run ended that did not fail.
fn judge(run: &mut Run) {
    if run.state != RunState::Failed {
        run.state = match run.counts.refused + run.counts.parked {
            0 => RunState::Succeeded,
            _ => RunState::Partial,
        };
    }
}

fn fail(run: &mut Run, reason: String) {
    if !run.state.is_over() {
        run.state = RunState::Failed;
        run.reason = Some(reason);
    }
}
