//! Runs: how one starts, and how its batches are accounted for.
//!
//! One run of an integration at a time (`lease`). How a run ends is in `close`; what keeps one from
//! ending by itself, in `sweep`.

use ferrule_core::{
    Checkpoint, CursorState, Digest, Envelope, Failure, Name, Note, Page, Purpose, Run, RunId,
    RunState, Task, Tenant, definition::Integration,
};
use serde::{Deserialize, Serialize};

use crate::{
    Item, Pause, Query, Start, Store, Stored, Table, When, account::noted, budget, guard,
    sweep::is_given_up,
};

/// Run bookkeeping is kept this long.
const KEEP_SECS: i64 = 14 * 86_400;

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
    /// There is nothing to compare with: the integration tells people.
    #[error("integration {0} tells people: there is no table to compare with")]
    NoTarget(Name),
    /// The integration has cost its budget of the day.
    #[error("{0}")]
    Spent(Pause),
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

pub(crate) fn standing_key(integration: &Name) -> String {
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
        if let Some(pause) = self.pause(tenant, &stored.definition).await? {
            return Err(NotStarted::Spent(pause));
        }
        let begun = Begun { id: self.new_run_id(), trigger, full };
        let run = self.open_run(tenant, &stored, begun).await?;
        if let Err(failure) = self.ask_first(tenant, &connector, &run).await {
            self.give_up(tenant, &run, &failure).await?;
            return Err(failure.into());
        }
        Ok(run)
    }

    /// Fails a run that nobody will work on: its lease is given back now, not when it runs out.
    pub(crate) async fn give_up(
        &self,
        tenant: &Tenant,
        run: &Run,
        failure: &Failure,
    ) -> Result<(), Failure> {
        self.note(tenant, &run.run, &[Note::failed(failure)]).await.map(drop)
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
            if let Some(pause) = self.pause(tenant, &stored.definition).await? {
                return Err(self.skip(tenant, &stored, id, pause).await?);
            }
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
    pub(crate) async fn startable(
        &self,
        tenant: &Tenant,
        name: &Name,
    ) -> Result<(Stored<Integration>, Name), NotStarted> {
        let stored = self.integration(tenant, name).await?;
        let stored = stored.ok_or_else(|| NotStarted::Unknown(name.clone()))?;
        let Some(source) = &stored.definition.source else {
            return Err(NotStarted::NoSource(name.clone()));
        };
        let connector = self.connector_of(tenant, &source.connection).await?;
        Ok((stored, connector))
    }

    /// Returns which connector serves a connection.
    pub(crate) async fn connector_of(&self, tenant: &Tenant, name: &Name) -> Result<Name, Failure> {
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
        let is_guarded = stored.definition.guard.is_some();
        let run = Run {
            full,
            purpose: if is_guarded { Purpose::Guard } else { Purpose::Deliver },
            token,
            budget_usd: budget::usd_per_day(&stored.definition),
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

    /// Returns a run; that of a delivery also before it is in the sync log.
    pub async fn run(&self, tenant: &Tenant, run: &RunId) -> Result<Option<Run>, Failure> {
        match self.logged(tenant, run).await? {
            Some((run, _)) => Ok(Some(run)),
            None => self.unlogged(tenant, run).await,
        }
    }

    /// Returns a run as it is in the sync log, with the row's revision.
    pub(crate) async fn logged(
        &self,
        tenant: &Tenant,
        run: &RunId,
    ) -> Result<Option<(Run, u64)>, Failure> {
        let row = self.tables.get(Table::SyncLog, tenant.as_str(), run.as_str()).await?;
        row.map(|row| Ok((row.read()?, row.rev))).transpose()
    }

    /// Returns runs of the sync log, newest first, of one integration or all.
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
        if let [Note::Weighed { holds, twice }] = notes {
            return self.weigh(tenant, run, (*holds, *twice)).await;
        }
        let brought = self.unlogged(tenant, run).await?;
        // One batch that was brought most likely ends with this note, its first: its row is written unasked.
        let mut is_unasked = brought.as_ref().is_some_and(|run| run.progress.done().1 == Some(1));
        for _ in 0..TRIES {
            let logged = if is_unasked { None } else { self.logged(tenant, run).await? };
            is_unasked = false;
            let there = logged.map(|(run, rev)| (run, When::Rev(rev)));
            let there = there.or_else(|| brought.clone().map(|run| (run, When::Absent)));
            let Some((before, when)) = there else {
                return Err(Failure::coded("RUN", format!("run {run} is not in the sync log")));
            };
            let mut after = noted(&before, notes);
            if after == before && when != When::Absent {
                // Whoever noted the last batch may have died before the next line.
                self.have_weighed(tenant, &after).await?;
                return Ok(None);
            }
            let was_open =
                !before.state.is_over() || (is_given_up(&before) && !is_given_up(&after));
            let closes = was_open && (after.state == RunState::Failed || guard::is_over(&after));
            let done = if closes {
                self.close(tenant, &mut after, when).await?
            } else {
                let item = run_row(tenant, &after)?;
                self.tables.put(Table::SyncLog, item, when).await?.is_done()
            };
            if done {
                self.renew(tenant, &after).await?;
                self.have_weighed(tenant, &after).await?;
                if after != before {
                    self.charge(tenant, &before, &after).await;
                }
                if closes {
                    self.tell_of_failure(tenant, &after).await;
                }
                return Ok(closes.then_some(after));
            }
        }
        Err(Failure::unavailable("sync log", format!("run {run} is written by many at once")))
    }
}

/// Names the run of a tick: by the same id at every attempt, which sorts by the tick.
fn tick_run(tenant: &Tenant, name: &Name, tick_ms: i64) -> RunId {
    let tick = tick_ms.to_string();
    let parts = [b"tick", tenant.as_str().as_bytes(), name.as_str().as_bytes(), tick.as_bytes()];
    RunId::derived(tick_ms, &Digest::of(&parts))
}

/// Returns the envelope under which the tasks of a run travel.
pub fn envelope_of(tenant: &Tenant, run: &Run) -> Envelope {
    let (integration, definition) = (run.integration.clone(), run.definition.clone());
    Envelope {
        token: run.token,
        urgency: run.urgency,
        alert: run.alert,
        purpose: run.purpose,
        ..Envelope::new(tenant.clone(), integration, definition, run.run.clone())
    }
}

pub(crate) fn run_row(tenant: &Tenant, run: &Run) -> Result<Item, Failure> {
    let mut row = Item::new(tenant.as_str(), run.run.as_str(), run)?
        .with_alt(format!("{}#{}", run.integration, run.run));
    row.rev = 1;
    Ok(row)
}
