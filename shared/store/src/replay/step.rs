//! Goes on with a replay: plan, write the plan down, take the rows, send, write down what was sent.
//!
//! The plan names rows with their revisions. Whoever repeats a plan takes the same rows (those that
//! it took before know its name) and so sends the same messages, which their receivers recognise.
//! Nobody sleeps: messages are spread by the delay of their queue, a minute ahead.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use ferrule_core::{Counts, Failure, MAX_RECORDS, Note, Purpose, Task, Tenant, Timings};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    GUARDED,
    job::{Parcel, Plan, Planned, Replay, ReplayRun, ReplayState},
    pick::Seen,
    route::{Kept, Known, Route},
};
use crate::{ErrorRow, Store, Table, When, runs::run_row};

/// How far ahead messages are sent, before scaling.
const AHEAD: Duration = Duration::from_mins(1);

/// How long somebody who went on with a replay is left alone with it, before scaling.
const HOLD: Duration = Duration::from_mins(1);

/// A batch holds what may go within this long, so that the rate holds within a minute too.
const PIECE: Duration = Duration::from_secs(10);

/// Why a row is left that is not as it was planned.
const CHANGED: &str = "somebody else changed it meanwhile";

/// Things done at one time.
pub(super) const TOGETHER: usize = 8;

/// What became of a plan.
#[derive(Debug, Default)]
struct Sent {
    errors: u64,
    records: u64,
    /// Rows that were left as they are, and why.
    left: Vec<(String, u64)>,
    /// Place of the run, and how many records are on their way in it.
    runs: Vec<(usize, u64)>,
}

impl Store {
    /// Goes on with a replay for as long as `time`, as far as its rate allows. Whoever else is at
    /// work on it is left alone. Returns how it stands; `None` when there is no such replay.
    pub async fn advance_replay(
        &self,
        tenant: &Tenant,
        id: &str,
        time: Duration,
    ) -> Result<Option<Replay>, Failure> {
        let Some((mut replay, mut rev)) = self.replay_row(tenant, id).await? else {
            return Ok(None);
        };
        let begun = self.clock.now_ms();
        let is_held = replay.held_until > begun;
        if is_held || replay.state == ReplayState::Done {
            return Ok(Some(replay));
        }
        let until = begun.saturating_add(millis(time));
        loop {
            let now = self.clock.now_ms();
            replay.held_until = now + millis(self.scaled(HOLD));
            if let Some(plan) = replay.plan.take() {
                let sent = self.carry_out(tenant, &replay, &plan).await?;
                replay.errors += sent.errors;
                replay.records += sent.records;
                for (reason, rows) in sent.left {
                    replay.leave(&reason, rows);
                }
                for (at, records) in sent.runs {
                    replay.runs[at].records += records;
                }
                replay.position = plan.behind;
            } else if replay.position.over {
                self.end_runs(tenant, &replay).await?;
                replay.state = ReplayState::Done;
                replay.ended_at = Some(now);
            } else if now >= until || replay.next_at - now >= millis(self.scaled(AHEAD)) {
                replay.held_until = 0;
            } else {
                self.plan_replay(tenant, &mut replay).await?;
            }
            if !self.put_replay(tenant, &mut replay, rev).await? {
                return self.replay_of(tenant, id).await;
            }
            rev += 1;
            if replay.held_until == 0 || replay.state == ReplayState::Done {
                return Ok(Some(replay));
            }
        }
    }

    /// Chooses what is sent next: of one page of the selection, as much as goes within the time
    /// ahead.
    async fn plan_replay(&self, tenant: &Tenant, replay: &mut Replay) -> Result<(), Failure> {
        let mut behind = replay.position.clone();
        let seen = self.seek(tenant, &replay.pick, &mut behind).await?;
        let kept = self.all_kept(tenant, &seen).await?;
        let (now, mut known) = (self.clock.now_ms(), Known::default());
        let horizon = now + millis(self.scaled(AHEAD));
        replay.next_at = replay.next_at.max(now);
        let mut parcels = Vec::new();
        for (at, Seen { row, rev, .. }) in seen.iter().enumerate() {
            if replay.next_at >= horizon {
                if let Some(last) = at.checked_sub(1).and_then(|at| seen.get(at)) {
                    behind = last.behind.clone();
                }
                break;
            }
            let key = row.payload.as_deref().unwrap_or_default();
            let message = match kept.get(key) {
                Some(Ok(message)) => message,
                Some(Err(why)) => {
                    replay.leave(why, 1);
                    continue;
                }
                None => {
                    replay.leave("no payload was kept", 1);
                    continue;
                }
            };
            if row.guarded && !replay.approves {
                replay.leave(GUARDED, 1);
                continue;
            }
            let route = match self.route((row, message), replay.with, &mut known).await? {
                Ok(route) => route,
                Err(why) => {
                    replay.leave(&why, 1);
                    continue;
                }
            };
            let planned = Planned {
                id: row.id.clone(),
                rev: *rev,
                part: row.part,
                records: row.record.count.max(1),
            };
            self.add(replay, &mut parcels, (row, message.envelope.alert), route, planned);
        }
        replay.plan = Some(Plan { parcels, behind });
        Ok(())
    }

    /// Puts a row into a parcel: with others of its payload when it was refused alone.
    fn add(
        &self,
        replay: &mut Replay,
        parcels: &mut Vec<Parcel>,
        (row, alert): (&ErrorRow, bool),
        route: Route,
        planned: Planned,
    ) {
        let due_at = replay.next_at;
        replay.next_at += self.pace(replay, planned.records);
        let payload = row.payload.clone().unwrap_or_default();
        let Route { to, definition, room } = route;
        let (Some(hash), true) = (&definition, row.part.is_some()) else {
            let rows = vec![planned];
            parcels.push(Parcel { to, payload, definition, due_at, batch: None, room, rows });
            return;
        };
        let most = most_together(replay);
        let fits = |there: &&mut Parcel| {
            there.batch.is_some() && there.payload == payload && there.rows.len() < most
        };
        if let Some(there) = parcels.iter_mut().rev().find(fits) {
            there.rows.push(planned);
            return;
        }
        let at = replay.runs.iter().position(|run| {
            run.integration == row.integration && run.definition == *hash && run.alert == alert
        });
        let at = at.unwrap_or(replay.runs.len());
        if at == replay.runs.len() {
            replay.runs.push(ReplayRun {
                run: self.new_run_id(),
                integration: row.integration.clone(),
                definition: hash.clone(),
                alert,
                seq: 0,
                records: 0,
            });
        }
        let run = &mut replay.runs[at];
        let batch = Some((at, run.seq));
        run.seq += room;
        parcels.push(Parcel { to, payload, definition, due_at, batch, room, rows: vec![planned] });
    }

    /// How long so many records take at the rate, in milliseconds.
    fn pace(&self, replay: &Replay, records: u64) -> i64 {
        let rate = replay.rate;
        let window_ms = u64::from(rate.window_secs) * 1000;
        let pace_ms = records * window_ms / u64::from(rate.calls.max(1));
        i64::try_from(pace_ms / u64::from(self.time_scale.max(1))).unwrap_or(i64::MAX / 4)
    }

    /// Reads the payloads of rows.
    pub(super) async fn all_kept(
        &self,
        tenant: &Tenant,
        seen: &[Seen],
    ) -> Result<HashMap<String, Kept>, Failure> {
        let mut keys: Vec<&str> = seen.iter().filter_map(|it| it.row.payload.as_deref()).collect();
        keys.sort_unstable();
        keys.dedup();
        let reads = keys.into_iter().map(|key| async move {
            Ok::<_, Failure>((key.to_owned(), self.kept_message(tenant, key).await?))
        });
        let reads: Vec<_> = reads.collect();
        stream::iter(reads).buffer_unordered(TOGETHER).try_collect().await
    }

    async fn carry_out(
        &self,
        tenant: &Tenant,
        replay: &Replay,
        plan: &Plan,
    ) -> Result<Sent, Failure> {
        for run in &replay.runs {
            let row = run_row(tenant, &run.row(replay.started_at))?;
            self.tables.put(Table::SyncLog, row, When::Absent).await?;
        }
        let work = plan.parcels.iter().map(|parcel| self.deliver_parcel(tenant, replay, parcel));
        let work: Vec<_> = work.collect();
        let mut work = stream::iter(work).buffer_unordered(TOGETHER);
        let mut all = Sent::default();
        while let Some(sent) = work.next().await {
            let Sent { errors, records, left, runs } = sent?;
            all.errors += errors;
            all.records += records;
            all.left.extend(left);
            all.runs.extend(runs);
        }
        Ok(all)
    }
}

impl Store {
    /// Takes the rows of a parcel and sends it.
    async fn deliver_parcel(
        &self,
        tenant: &Tenant,
        replay: &Replay,
        parcel: &Parcel,
    ) -> Result<Sent, Failure> {
        let mut message = match self.kept_message(tenant, &parcel.payload).await? {
            Ok(message) => message,
            Err(why) => {
                self.account_for(tenant, replay, parcel).await?;
                let left = vec![(why, parcel.rows.len() as u64)];
                return Ok(Sent { left, ..Sent::default() });
            }
        };
        let taken = self.take_rows(tenant, replay, &parcel.rows).await?;
        let records = taken.iter().map(|row| row.records).sum();
        let sent = Sent {
            errors: taken.len() as u64,
            records,
            left: vec![(CHANGED.to_owned(), (parcel.rows.len() - taken.len()) as u64)],
            runs: parcel.batch.iter().map(|(run, _)| (*run, records)).collect(),
        };
        if let Some((run, seq)) = parcel.batch {
            // Sent even when nothing is left in it: its run waits for the number.
            message.envelope = replay.runs[run].envelope(tenant, replay);
            if let Task::Transform(batch) | Task::Load(batch) = &mut message.task {
                // In the order in which they were read: of two with one key the last one holds.
                let parts: BTreeSet<u32> = taken.iter().filter_map(|row| row.part).collect();
                let records =
                    parts.into_iter().filter_map(|part| batch.records.get(part as usize).cloned());
                batch.records = records.collect();
                (batch.seq, batch.counts, batch.timings) =
                    (seq, Counts::default(), Timings::default());
            }
        } else if taken.is_empty() {
            return Ok(sent);
        } else {
            let envelope = &mut message.envelope;
            (envelope.failures, envelope.not_before) = (0, 0);
            envelope.replayed = true;
            // Whoever asked for it may approve, and has seen what it is: no guard asks again.
            envelope.purpose = Purpose::Deliver;
            envelope.trace.clone_from(&replay.id);
            if let Some(definition) = &parcel.definition {
                envelope.definition.clone_from(definition);
            }
        }
        let delay = u64::try_from(parcel.due_at - self.clock.now_ms()).unwrap_or(0);
        let delay = Duration::from_millis(delay).min(crate::MAX_DELAY);
        match self.send(&parcel.to, vec![message], delay).await {
            Ok(()) => Ok(sent),
            // It can never be sent: the others must not wait for it.
            Err(failure @ (Failure::Rejected { .. } | Failure::Invalid { .. })) => {
                let back = self.give_back(tenant, replay, &taken).await?;
                self.account_for(tenant, replay, parcel).await?;
                let lost = parcel.rows.len() as u64 - back;
                let left = vec![(failure.to_string(), back), (CHANGED.to_owned(), lost)];
                Ok(Sent { left, ..Sent::default() })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Accounts for the batch of a parcel that is not sent: its run would wait for the number.
    async fn account_for(
        &self,
        tenant: &Tenant,
        replay: &Replay,
        parcel: &Parcel,
    ) -> Result<(), Failure> {
        let Some((run, seq)) = parcel.batch else { return Ok(()) };
        let others = if parcel.room > 1 { vec![(seq, parcel.room)] } else { Vec::new() };
        let (counts, timings) = (Counts::default(), Timings::default());
        let note = Note::Batch { seq, others, counts, timings, failed: None };
        let envelope = replay.runs[run].envelope(tenant, replay);
        self.send_task("journal", &envelope, Task::Note(note)).await
    }

    /// Tells the journal how many batches each run has, so that it can end.
    async fn end_runs(&self, tenant: &Tenant, replay: &Replay) -> Result<(), Failure> {
        for run in &replay.runs {
            let counts = Counts { read: run.records, ..Counts::default() };
            let (batches, timings) = (run.seq, Timings::default());
            let note = Note::End { batches, counts, timings, found: None };
            let envelope = run.envelope(tenant, replay);
            self.send_task("journal", &envelope, Task::Note(note)).await?;
        }
        Ok(())
    }
}

/// Most records of one batch: what may go within a piece of time.
fn most_together(replay: &Replay) -> usize {
    let (calls, window) = (u64::from(replay.rate.calls), u64::from(replay.rate.window_secs));
    let most = calls * PIECE.as_secs() / window.max(1);
    usize::try_from(most).unwrap_or(MAX_RECORDS).clamp(1, MAX_RECORDS)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4)
}
