//! Runs with a guard: what they would do is found out first and kept, and then let go or asked about.
//!
//! The first pass is the run as always, but that the target's connector compares in place of writing
//! and keeps each mapped batch in the payload bucket. When all of it is accounted for, the connector
//! says how much the target holds, and here it is decided. What is kept is what is written later:
//! nothing is read again, so nobody approves one thing and gets another.
//!
//! One message to the connector ([`Task::Release`]) stays on its way for as long as the run waits: it
//! ends the wait in time, and goes on when whoever approved died before he could say so.

use std::{collections::HashSet, time::Duration};

use ferrule_core::{
    Decision, Envelope, Event, Failure, Message, Object, Purpose, Release, Run, RunId, RunState,
    Task, Tenant, Value, definition::Integration, event,
};
use futures_util::{StreamExt as _, stream};
use tracing::warn;

use crate::{
    Posted, Store, Table, When, Write, envelope_of, fresh, messages, outbox::post, runs::run_row,
};

/// A run waits so long for somebody to approve it, before scaling.
const WAITS: Duration = Duration::from_hours(24);

/// The lease is held so much longer, so that the wait ends as what it is.
const GRACE: Duration = Duration::from_mins(30);

/// Times a compare-and-swap is tried before the work is given back.
const TRIES: usize = 20;

/// Kept batches of one run that are compared with each other at most: a few seconds, some dozen MB.
const MOST_COMPARED: usize = 1_000;

/// Kept batches that are read at a time.
const TOGETHER: usize = 16;

/// Why nothing was decided about a run.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotDecided {
    /// There is no such run.
    #[error("there is no run {0}")]
    Unknown(RunId),
    /// It is over.
    #[error("run {} is over", .0.run)]
    Over(Box<Run>),
    /// Somebody decided something about it before.
    #[error("somebody has decided about run {} already", .0.run)]
    Decided(Box<Run>),
    /// Nobody has to approve it.
    #[error("run {} does not wait for approval", .0.run)]
    NotWaiting(Box<Run>),
    /// Something else.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Tells whether nothing more is to come: one that has kept something is not at its end when
/// everything is accounted for.
pub(crate) fn is_over(run: &Run) -> bool {
    run.progress.is_complete() && !is_looked_at(run)
}

/// Tells whether all of a guarded run is looked at, and some of it is kept.
fn is_looked_at(run: &Run) -> bool {
    let keeps = run.look.as_ref().is_some_and(|look| look.kept.ranges().next().is_some());
    run.purpose == Purpose::Guard && !run.state.is_over() && run.progress.is_complete() && keeps
}

impl Store {
    /// Has the target asked how much it holds, when everything that a guarded run brings is looked
    /// at. Asked twice, it is answered twice, and decided once.
    pub(crate) async fn have_weighed(&self, tenant: &Tenant, run: &Run) -> Result<(), Failure> {
        if is_looked_at(run) && run.state == RunState::Running {
            return self.ask_release(tenant, run).await;
        }
        Ok(())
    }

    /// Sends the target's connector what makes it go on with what is kept.
    async fn ask_release(&self, tenant: &Tenant, run: &Run) -> Result<(), Failure> {
        let integration = self.definition_of(tenant, run).await?;
        let Some(to) = integration.output.destination() else { return Ok(()) };
        let connector = self.connector_of(tenant, &to.connection).await?;
        let envelope = envelope_of(tenant, run);
        self.send_task(connector.as_str(), &envelope, Task::Release(Release::default())).await
    }

    async fn definition_of(&self, tenant: &Tenant, run: &Run) -> Result<Integration, Failure> {
        let found = self.integration_by_hash(tenant, &run.definition).await?;
        found.ok_or_else(|| {
            let (name, hash) = (&run.integration, &run.definition);
            Failure::coded("DEFINITION", format!("definition {hash} of {name} is not there"))
        })
    }

    /// Decides about a run whose target holds so much, as far as that is known, and of which so many
    /// changes were counted twice: it goes on, or waits. Ends one that has waited for too long.
    pub async fn weigh(
        &self,
        tenant: &Tenant,
        run: &RunId,
        (holds, twice): (Option<u64>, u64),
    ) -> Result<Option<Run>, Failure> {
        for _ in 0..TRIES {
            let row = self.tables.get(Table::SyncLog, tenant.as_str(), run.as_str()).await?;
            let Some(row) = row else { return Ok(None) };
            let mut run: Run = row.read()?;
            if run.state.is_over() {
                return Ok(None);
            }
            let done = if !is_looked_at(&run) {
                true
            } else if run.state == RunState::WaitingForApproval {
                if self.end_wait(tenant, &mut run, row.rev).await? {
                    return Ok(Some(run));
                }
                run.look.as_ref().is_some_and(|look| look.until > self.clock.now_ms())
            } else {
                self.judge(tenant, &mut run, row.rev, (holds, twice)).await?
            };
            if done {
                self.ask_release(tenant, &run).await?;
                return Ok(None);
            }
        }
        Err(Failure::unavailable("sync log", format!("run {run} is written by many at once")))
    }

    async fn judge(
        &self,
        tenant: &Tenant,
        run: &mut Run,
        rev: u64,
        (holds, twice): (Option<u64>, u64),
    ) -> Result<bool, Failure> {
        let guard = self.definition_of(tenant, run).await?.guard.unwrap_or_default();
        let look = run.look.get_or_insert_default();
        (look.holds, look.would) = (holds, look.would.without_changes(twice));
        match guard.stops(&look.would, holds) {
            None => self.let_go(tenant, run, rev).await,
            Some(why) => self.hold(tenant, run, rev, why).await,
        }
    }

    /// Lets a run write what it keeps: from now on its batches are accounted for once more.
    async fn let_go(&self, tenant: &Tenant, run: &mut Run, rev: u64) -> Result<bool, Failure> {
        let look = run.look.get_or_insert_default();
        (run.purpose, run.state) = (Purpose::Deliver, RunState::Running);
        run.progress.reopen(&look.kept);
        let until_ms = self.clock.now_ms() + self.lease_ms();
        let Some(lease) = self.holding(tenant, run, until_ms).await? else {
            return self.fail(tenant, run, rev, "LEASE: the run lost its lease").await;
        };
        let write = Write::Put(Table::SyncLog, run_row(tenant, run)?, When::Rev(rev));
        self.tables.transact(vec![write, lease]).await
    }

    /// Lets a run wait for somebody, and tells of it.
    async fn hold(
        &self,
        tenant: &Tenant,
        run: &mut Run,
        rev: u64,
        why: String,
    ) -> Result<bool, Failure> {
        let until = self.clock.now_ms() + self.millis(WAITS);
        let look = run.look.get_or_insert_default();
        (look.why, look.until) = (Some(why), until);
        run.state = RunState::WaitingForApproval;
        let Some(lease) = self.holding(tenant, run, until + self.millis(GRACE)).await? else {
            return self.fail(tenant, run, rev, "LEASE: the run lost its lease").await;
        };
        let posted = Posted::one(waiting(run, self.clock.now_ms()));
        let write = Write::Put(Table::SyncLog, run_row(tenant, run)?, When::Rev(rev));
        let writes = vec![write, lease, post(tenant, &posted)?];
        let is_done = self.tables.transact(writes).await?;
        if is_done && let Err(failure) = self.send_posted(tenant, &posted).await {
            warn!(code = failure.code(), %failure, "the event of a waiting run is in the outbox");
        }
        Ok(is_done)
    }

    /// Ends a run that nobody approved in time; `false` when it may wait, or somebody wrote it.
    async fn end_wait(&self, tenant: &Tenant, run: &mut Run, rev: u64) -> Result<bool, Failure> {
        if run.look.as_ref().is_some_and(|look| look.until > self.clock.now_ms()) {
            return Ok(false);
        }
        let why = "NOT_APPROVED: nobody approved it in time; nothing was written, and the next run \
                   reads it again";
        self.fail(tenant, run, rev, why).await
    }

    async fn fail(
        &self,
        tenant: &Tenant,
        run: &mut Run,
        rev: u64,
        why: impl Into<String>,
    ) -> Result<bool, Failure> {
        (run.state, run.reason) = (RunState::Failed, Some(why.into()));
        let is_done = self.close(tenant, run, When::Rev(rev)).await?;
        if is_done {
            self.tell_of_failure(tenant, run).await;
        }
        Ok(is_done)
    }

    /// Approves a run that waits for it, or rejects it: of two who do, one is first. What is rejected
    /// writes nothing and leaves the cursor. Asked for the same by the same person, it is done once.
    pub async fn decide_run(
        &self,
        tenant: &Tenant,
        id: &RunId,
        (approved, by): (bool, &str),
    ) -> Result<Run, NotDecided> {
        let at = self.clock.now_ms();
        for _ in 0..TRIES {
            let row = self.tables.get(Table::SyncLog, tenant.as_str(), id.as_str()).await?;
            let Some(row) = row else {
                let brought = self.unlogged(tenant, id).await?.map(Box::new);
                return Err(brought.map_or(NotDecided::Unknown(id.clone()), NotDecided::NotWaiting));
            };
            let mut run: Run = row.read()?;
            if run.state.is_over() {
                return Err(NotDecided::Over(Box::new(run)));
            }
            let earlier = run.look.as_ref().and_then(|look| look.decision.as_ref());
            match earlier {
                Some(there) if there.approved == approved && there.by == by => {
                    self.go_on(tenant, &run).await;
                    return Ok(run);
                }
                Some(_) => return Err(NotDecided::Decided(Box::new(run))),
                None if run.state == RunState::Running => {
                    return Err(NotDecided::NotWaiting(Box::new(run)));
                }
                None => {}
            }
            if self.end_wait(tenant, &mut run, row.rev).await? {
                return Err(NotDecided::Over(Box::new(run)));
            }
            // Its time is over, and somebody else wrote meanwhile: look again.
            if run.look.as_ref().is_some_and(|look| look.until > 0 && look.until <= at) {
                continue;
            }
            let decision = Decision { approved, by: by.to_owned(), at };
            run.look.get_or_insert_default().decision = Some(decision);
            let done = if approved {
                self.let_go(tenant, &mut run, row.rev).await?
            } else {
                let why = format!("REJECTED: {by} rejected it; nothing was written");
                self.fail(tenant, &mut run, row.rev, why).await?
            };
            if done {
                self.go_on(tenant, &run).await;
                return Ok(run);
            }
        }
        Err(Failure::unavailable("sync log", format!("run {id} is written by many at once")).into())
    }

    /// Has an approved run go on now. When that does not succeed, the message that is on its way does
    /// it a little later.
    async fn go_on(&self, tenant: &Tenant, run: &Run) {
        if run.state.is_over() {
            return;
        }
        if let Err(failure) = self.ask_release(tenant, run).await {
            warn!(code = failure.code(), %failure, "an approved run goes on a little later");
        }
    }

    /// Keeps a batch until it may be written. Kept again, it is kept once; another batch of the same
    /// number is refused: what was looked at is what is written.
    pub async fn keep_batch(
        &self,
        envelope: &Envelope,
        batch: ferrule_core::Batch,
    ) -> Result<(), Failure> {
        let key = messages::kept_key(&envelope.run, batch.seq);
        if let Some(there) = self.payloads.get(&envelope.tenant, &key).await?
            && let Ok(Message { task: Task::Load(there), .. }) =
                Message::decode(&String::from_utf8_lossy(&there))
            && there.digest() != batch.digest()
        {
            let reason = "a page that was looked at was read again and is another one now; \
                          nothing was written, and the next run reads it again";
            return Err(Failure::rejected("guard", reason));
        }
        let own = Envelope { purpose: Purpose::Deliver, ..fresh(envelope) };
        let text = Message { envelope: own, task: Task::Load(batch) }.encode()?;
        self.payloads.put(&envelope.tenant, &key, text.into_bytes()).await
    }

    /// Returns how many changes were counted of records of which others were counted before, over all
    /// batches that a run keeps. Where these are too many to look at, none are: the guard errs on the
    /// side of asking.
    pub async fn counted_twice(&self, tenant: &Tenant, run: &Run) -> Result<u64, Failure> {
        let Some(look) = &run.look else { return Ok(0) };
        let seqs: Vec<u64> = look.kept.ranges().flat_map(|(from, to)| from..to).collect();
        if seqs.len() > MOST_COMPARED {
            return Ok(0);
        }
        let marks = seqs.iter().map(|seq| self.marks_of(tenant, &run.run, *seq));
        let marks: Vec<_> = marks.collect();
        let mut marks = stream::iter(marks).buffer_unordered(TOGETHER);
        let (mut seen, mut twice) = (HashSet::new(), 0);
        while let Some(marks) = marks.next().await {
            twice += marks?.into_iter().filter(|mark| !seen.insert(*mark)).count();
        }
        // A batch that was looked at twice may have been counted as one thing and marked as another: what is
        // marked counts once, whatever else is taken back.
        let most = look.would.changes().saturating_sub(seen.len() as u64);
        Ok(most.min(twice as u64))
    }

    async fn marks_of(&self, tenant: &Tenant, run: &RunId, seq: u64) -> Result<Vec<u64>, Failure> {
        let kept = self.payloads.get(tenant, &messages::kept_key(run, seq)).await?;
        let Some(kept) = kept else { return Ok(Vec::new()) };
        let Message { task: Task::Load(batch), .. } =
            Message::decode(&String::from_utf8_lossy(&kept))?
        else {
            return Ok(Vec::new());
        };
        Ok(batch.found.map(|found| found.marks).unwrap_or_default())
    }

    fn millis(&self, span: Duration) -> i64 {
        i64::try_from(self.scaled(span).as_millis()).unwrap_or(i64::MAX / 4)
    }
}

fn waiting(run: &Run, at: i64) -> Event {
    let look = run.look.as_deref().cloned().unwrap_or_default();
    let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    let data = Object::from_iter([
        ("integration", Value::from(run.integration.as_str())),
        ("run", Value::from(run.run.as_str())),
        ("trigger", Value::from(run.trigger.as_str())),
        ("reason", look.why.map_or(Value::Null, Value::from)),
        ("updated", number(look.would.updated)),
        ("deleted", number(look.would.deleted)),
        ("unknown", number(look.would.unknown)),
        ("waits_until_ms", Value::from(look.until)),
    ]);
    Event {
        id: format!("run-waiting-{}", run.run),
        kind: event::RUN_WAITING.into(),
        at,
        subject: run.integration.to_string(),
        data,
    }
}

#[cfg(test)]
mod tests;
