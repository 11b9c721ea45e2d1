//! Runs: how one starts, how its batches are accounted for, how it ends.
//!
//! One run of an integration at a time (`lease`). The cursor moves in the same transaction that
//! closes the run and gives the lease back. Runs that events bring have no lease; what keeps one
//! from ending by itself is in `sweep`.

use ferrule_core::{
    Checkpoint, CursorState, Digest, Envelope, Failure, Name, Note, Page, Run, RunId, RunState,
    Task, Tenant,
    definition::{Integration, Source},
};
use serde::{Deserialize, Serialize};

use crate::{
    Item, Query, Start, Store, Stored, Table, When, Write,
    account::{judge, noted},
    failed,
    lease::{Lease, lease_key},
    sweep::is_given_up,
};

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

fn standing_key(integration: &Name) -> String {
    format!("cursor#{integration}")
}

/// Trigger of a run that sends parked records again. It says nothing of how the integration stands.
pub(crate) const REPLAY: &str = "replay";

fn checkpoint_key(run: &RunId) -> String {
    format!("run#{run}")
}

/// How a run begins.
struct Begun<'a> {
    id: RunId,
    trigger: &'a str,
    full: bool,
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
        let (stored, connector) = self.startable(tenant, name).await?;
        let begun = Begun { id: self.new_run_id(), trigger, full };
        let run = self.open_run(tenant, &stored, begun).await?;
        if let Err(failure) = self.ask_first(tenant, &connector, &run).await {
            self.give_up(tenant, &run, &failure).await?;
            return Err(failure.into());
        }
        Ok(run)
    }

    /// Fails a run that nobody will work on: its lease is given back now, not when it runs out.
    async fn give_up(&self, tenant: &Tenant, run: &Run, failure: &Failure) -> Result<(), Failure> {
        let (code, message) = (failure.code().to_owned(), failure.to_string());
        self.note(tenant, &run.run, &[Note::Failed { code, message }]).await.map(drop)
    }

    /// Starts the run of a tick of the integration's schedule: one run, however often it is asked
    /// for. Its id is derived from the tick, so whoever died half-way is gone on from.
    pub async fn start_tick(
        &self,
        tenant: &Tenant,
        name: &Name,
        tick_ms: i64,
    ) -> Result<Run, NotStarted> {
        let id = tick_run(tenant, name, tick_ms);
        let there = self.run(tenant, &id).await?;
        if let Some(there) = there.as_ref().filter(|run| run.state.is_over()) {
            return Ok(there.clone());
        }
        let (stored, connector) = self.startable(tenant, name).await?;
        let run = if let Some(there) = there {
            there
        } else {
            let begun = Begun { id, trigger: "schedule", full: false };
            self.open_run(tenant, &stored, begun).await?
        };
        // A first page that is asked for twice is recognised by the run's checkpoint.
        match self.ask_first(tenant, &connector, &run).await {
            Ok(()) => Ok(run),
            Err(failure @ (Failure::Invalid { .. } | Failure::Rejected { .. })) => {
                self.give_up(tenant, &run, &failure).await?;
                Err(failure.into())
            }
            // The same tick is asked for again.
            Err(failure) => Err(failure.into()),
        }
    }

    /// Returns an integration that has a source, and the connector that reads it.
    async fn startable(
        &self,
        tenant: &Tenant,
        name: &Name,
    ) -> Result<(Stored<Integration>, Name), NotStarted> {
        let stored = self.integration(tenant, name).await?;
        let stored = stored.ok_or_else(|| NotStarted::Unknown(name.clone()))?;
        let Some(source) = &stored.definition.source else {
            return Err(NotStarted::NoSource(name.clone()));
        };
        let connector = self.connector_of(tenant, source).await?;
        Ok((stored, connector))
    }

    async fn connector_of(&self, tenant: &Tenant, source: &Source) -> Result<Name, Failure> {
        let name = &source.connection;
        let connection = self.connection(tenant, name).await?.ok_or_else(|| {
            Failure::coded("CONNECTION", format!("there is no connection {name}"))
        })?;
        Ok(connection.definition.connector)
    }

    async fn ask_first(&self, tenant: &Tenant, connector: &Name, run: &Run) -> Result<(), Failure> {
        let page = Page { full: run.full, ..Page::default() };
        let envelope = envelope_of(tenant, run);
        self.send_task(connector.as_str(), &envelope, Task::Extract(page)).await
    }

    async fn open_run(
        &self,
        tenant: &Tenant,
        stored: &Stored<Integration>,
        Begun { id, trigger, full }: Begun<'_>,
    ) -> Result<Run, NotStarted> {
        let name = &stored.definition.metadata.name;
        let token = self.take_lease(tenant, name, &id).await?;
        let standing = self.standing(tenant, name).await?;
        let run = Run {
            full,
            token,
            cursor_before: standing.cursor.and_then(|c| c.high).map(|high| high.to_string()),
            ..Run::new(id, name.clone(), stored.hash.clone(), trigger, self.clock.now_ms())
        };
        self.tables.put(Table::SyncLog, run_row(tenant, &run)?, When::Absent).await?;
        Ok(run)
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
    /// Notes may come twice and in any order. Returns the run when this call closed it. A run that
    /// was given up for want of news is what its news says, should all of it come after all.
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
            let mut after = noted(&before, notes);
            if after == before {
                return Ok(None);
            }
            let was_open =
                !before.state.is_over() || (is_given_up(&before) && !is_given_up(&after));
            let closes =
                was_open && (after.state == RunState::Failed || after.progress.is_complete());
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
        let is_news = now - standing.success_ms >= SUCCESS_MS
            && standing.cursor.is_none()
            && run.trigger != REPLAY;
        if run.state != RunState::Failed && is_news {
            let standing = Standing { cursor: None, success_ms: now };
            let row = Item::new(tenant.as_str(), standing_key(&run.integration), &standing)?;
            self.tables.put(Table::State, row, When::Always).await?;
        }
        let mut writes = vec![Write::Put(Table::SyncLog, run_row(tenant, run)?, When::Rev(rev))];
        writes.extend(failed::write(tenant, run)?);
        self.tables.transact(writes).await
    }
}

/// Names the run of a tick: by the same id at every attempt, which sorts by the tick.
fn tick_run(tenant: &Tenant, name: &Name, tick_ms: i64) -> RunId {
    let tick = tick_ms.to_string();
    let parts = [b"tick", tenant.as_str().as_bytes(), name.as_str().as_bytes(), tick.as_bytes()];
    let hash = Digest::of(&parts);
    // A UUID of version 7: the time, and in place of chance what is hashed.
    let hash = hash.as_str();
    RunId::new(format!("{:012x}7{}8{}", tick_ms.max(0), &hash[..3], &hash[3..18]))
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
