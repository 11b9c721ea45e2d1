//! Tells a recipient one notification after the other, keeps who was told, and tells the journal.
//!
//! What is too old to be told alone goes into a digest. What the target will not have is parked
//! alone, and what cannot be told for good goes to those that stand in.

use std::time::{Duration, Instant};

use ferrule_core::{
    Batch, Envelope, FAIL_RUN, Failure, Message, Notification, Record, Task, Value,
    definition::{Integration, Listed, same_piece},
};
use ferrule_lambda::{hand_over, park_parts};
use ferrule_store::{is_done, letter};
use tracing::{info, warn};

use super::{
    Handler,
    breaker::{Beside, is_answer},
    claim::Held,
    ready::{Ready, typed},
};
use crate::{Connector, Notify};

/// What is done is written down after so many calls: what a crash can repeat.
const SAVE_EVERY: usize = 20;

/// A call may last this long; with less time left the rest comes in another delivery.
const CALL: Duration = Duration::from_secs(20);

/// One batch of notifications on its way to one recipient.
pub(super) struct Errand<'a> {
    pub(super) envelope: &'a Envelope,
    pub(super) to: &'a Listed<'a>,
    integration: &'a Integration,
    batch: &'a Batch,
    time_left: Duration,
    started: Instant,
}

impl Errand<'_> {
    /// How long the process may still run.
    fn left(&self) -> Duration {
        self.time_left.saturating_sub(self.started.elapsed())
    }

    /// Returns the batch with only these of its records, counting nothing.
    fn part(&self, records: Vec<Record>) -> Batch {
        let Batch { seq, recipient, .. } = *self.batch;
        Batch { seq, recipient, origin: self.batch.origin.clone(), records, ..Batch::default() }
    }
}

/// What became of the notifications so far.
struct Progress {
    held: Held,
    letters: Vec<char>,
    /// Refused, and not in the error log yet.
    refused: Vec<(Task, Failure)>,
    /// The other side took one, or refused one.
    has_answered: bool,
}

impl<C: Connector> Handler<C> {
    pub(super) async fn notify(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        at: u16,
        time_left: Duration,
    ) -> Result<(), Failure> {
        let integration = &*self.definitions.of(envelope).await?;
        let to = &integration.recipient(at).ok_or_else(|| {
            let name = &integration.metadata.name;
            Failure::coded("DEFINITION", format!("integration {name} has no recipient {at}"))
        })?;
        let started = Instant::now();
        let errand = Errand { envelope, to, integration, batch, time_left, started };
        let late = self.late(&errand);
        let name = &to.recipient.connection;
        if late.is_empty() {
            self.breaker_lets_pass(&envelope.tenant, name).await?;
        }
        let held = self.take(envelope, batch, time_left).await?;
        let mut letters = held.claim.letters(batch.records.len());
        if envelope.replayed {
            // Asked for again: what was refused then may be taken now.
            for one in letters.iter_mut().filter(|one| **one == letter::REFUSED) {
                *one = letter::TRIED;
            }
        }
        let had = told(&letters);
        let mut progress = Progress { held, letters, refused: Vec::new(), has_answered: false };
        let outcome = if progress.held.claim.finished {
            Ok(())
        } else {
            self.tell(&errand, &mut progress, &late).await
        };
        self.put_down(&errand, &mut progress).await?;
        if let Err(failure) = outcome {
            self.give_back(envelope, batch, &mut progress.held).await?;
            let beside = Beside::of(had, had + usize::from(progress.has_answered));
            self.tell_breaker(envelope, name, Some(&failure), beside).await?;
            return Err(failure);
        }
        if progress.has_answered {
            self.tell_breaker(envelope, name, None, Beside::Taken).await?;
        }
        self.account(&errand, &mut progress.held).await
    }

    /// Tells all that are open; stops at the first failure that is not about one of them alone.
    async fn tell(
        &self,
        errand: &Errand<'_>,
        progress: &mut Progress,
        late: &[usize],
    ) -> Result<(), Failure> {
        let (tenant, recipient) = (&errand.envelope.tenant, errand.to.recipient);
        if !late.is_empty() {
            self.fold(errand, &mut progress.letters, late).await?;
            if progress.letters.iter().all(|one| is_done(*one)) {
                return Ok(());
            }
            self.breaker_lets_pass(tenant, &recipient.connection).await?;
        }
        let limits = errand.integration.limits.as_ref();
        let mut ready = self.ready(errand.envelope, &recipient.connection, limits).await?;
        self.target_is_there(errand, &ready).await?;
        let target = typed(&recipient.settings, &format!("recipient {}", recipient.connection))?;
        let mut calls = 0;
        for (at, record) in errand.batch.records.iter().enumerate() {
            if is_done(progress.letters[at]) {
                continue;
            }
            if calls > 0 && errand.left() < CALL.min(errand.time_left / 2) {
                let reason = "the rest comes in another delivery".into();
                return Err(Failure::Deferred { reason, wait: Duration::from_millis(1) });
            }
            if calls > 0 && calls % SAVE_EVERY == 0 {
                self.put_down(errand, progress).await?;
                if !self.save(errand.envelope, errand.batch, &mut progress.held).await? {
                    let reason = "another worker has the batch".into();
                    return Err(Failure::Deferred { reason, wait: CALL });
                }
            }
            calls += 1;
            let again = errand.envelope.replayed || progress.letters[at] == letter::TRIED;
            let told = self.tell_as_now(errand, (&mut ready, &target), record, again).await;
            progress.has_answered |= told.as_ref().err().is_none_or(is_answer);
            match told {
                Ok(()) => progress.letters[at] = letter::TOLD,
                Err(failure) if is_about_one(&failure) => {
                    warn!(code = failure.code(), %failure, "parked a notification");
                    progress.letters[at] = letter::REFUSED;
                    let part = Task::Load(errand.part(vec![record.clone()]));
                    progress.refused.push((part, failure));
                }
                Err(failure) => {
                    if matches!(failure, Failure::Unavailable { .. }) {
                        progress.letters[at] = letter::TRIED;
                    }
                    if failure.is_gone() {
                        // First who was told: nobody stands in for what got through.
                        self.put_down(errand, progress).await?;
                        self.save(errand.envelope, errand.batch, &mut progress.held).await?;
                        self.disable(errand, &ready, &target, &failure).await?;
                    }
                    return Err(failure);
                }
            }
        }
        Ok(())
    }

    /// Tells it; once more when the secret was rotated meanwhile.
    async fn tell_as_now(
        &self,
        errand: &Errand<'_>,
        (ready, target): (&mut Ready<C>, &C::Target),
        record: &Record,
        again: bool,
    ) -> Result<(), Failure> {
        let outcome = self.tell_one(errand, (ready, target), record, again).await;
        match self.renewed(ready, outcome.as_ref().err()).await {
            None => outcome,
            Some(renewed) => {
                *ready = renewed;
                // Some of what a notification takes may have got through before the refusal.
                self.tell_one(errand, (ready, target), record, true).await
            }
        }
    }

    async fn tell_one(
        &self,
        errand: &Errand<'_>,
        (ready, target): (&Ready<C>, &C::Target),
        record: &Record,
        again: bool,
    ) -> Result<(), Failure> {
        let notification = record.value.to::<Notification>();
        let notification = notification.map_err(|error| {
            Failure::coded("NOTIFICATION", format!("this is no notification: {error}"))
        })?;
        let notify = Notify {
            context: ready.context(self, errand.left()),
            target,
            notification: &notification,
            again,
            rules: &errand.integration.errors,
        };
        let receipt = self.connector.notify(&notify).await?;
        let connection = &errand.to.recipient.connection;
        info!(%connection, reference = receipt.reference.unwrap_or_default(), "told");
        Ok(())
    }

    /// Says where the notifications are that have outlived their use. A digest never has.
    fn late(&self, errand: &Errand<'_>) -> Vec<usize> {
        let useful = errand.to.recipient.useful_for.filter(|_| !errand.envelope.replayed);
        let Some(useful) = useful else { return Vec::new() };
        let useful = self.store.scaled(useful.duration());
        let useful_ms = i64::try_from(useful.as_millis()).unwrap_or(i64::MAX);
        let since_ms = self.store.clock.now_ms().saturating_sub(useful_ms);
        // An event says when it happened. What a record has as its `time` may be anything: it came
        // when its run began.
        let is_event = errand.to.is_told || errand.integration.tells_events();
        let began_ms = errand.envelope.run.began_ms().filter(|_| !is_event);
        let is_late = |notification: &Value| {
            let at = began_ms.or_else(|| notification.get("at").and_then(Value::as_i64));
            notification.get("digest").is_none() && at.is_some_and(|at| at < since_ms)
        };
        let records = errand.batch.records.iter().enumerate();
        records.filter(|(_, record)| is_late(&record.value)).map(|(at, _)| at).collect()
    }

    /// Puts what is late into a digest.
    async fn fold(
        &self,
        errand: &Errand<'_>,
        letters: &mut [char],
        late: &[usize],
    ) -> Result<(), Failure> {
        let open: Vec<usize> = late.iter().copied().filter(|at| !is_done(letters[*at])).collect();
        if open.is_empty() {
            return Ok(());
        }
        let records = open.iter().map(|at| errand.batch.records[*at].clone()).collect();
        let task = Task::Fold(errand.part(records));
        self.store.send_task("dispatch", errand.envelope, task).await?;
        for at in open {
            letters[at] = letter::DIGESTED;
        }
        Ok(())
    }

    /// Parks what was refused, and only then enters it into the claim, ready to be saved.
    async fn put_down(&self, errand: &Errand<'_>, progress: &mut Progress) -> Result<(), Failure> {
        if !progress.refused.is_empty() {
            park_parts(&self.store, C::NAME, errand.envelope, &progress.refused).await?;
            progress.refused.clear();
        }
        progress.held.claim.done = progress.letters.iter().collect();
        Ok(())
    }

    /// Tells the journal, after those that stand in have got what was refused.
    async fn account(&self, errand: &Errand<'_>, held: &mut Held) -> Result<(), Failure> {
        let Errand { envelope, integration, batch, .. } = *errand;
        let fallback = errand.to.fallback.clone();
        let mut others: Vec<_> = fallback.map(|at| (same_piece(batch.seq, at), 1)).collect();
        if held.claim.done.contains(letter::REFUSED) && !others.is_empty() {
            if !held.claim.finished {
                self.save(envelope, batch, held).await?;
            }
            let message = Message { envelope: envelope.clone(), task: Task::Load(batch.clone()) };
            hand_over(&self.store, &self.definitions, integration, &message).await?;
            others.clear();
        }
        let (counts, took) = (held.claim.counts(), errand.started.elapsed());
        self.tell_journal(envelope, batch, counts, others, took).await?;
        if held.claim.finished {
            return Ok(());
        }
        if envelope.replayed && held.claim.done.contains(letter::REFUSED) {
            return self.give_back(envelope, batch, held).await;
        }
        self.finish(envelope, batch, held).await
    }
}

/// Counts those that were told.
fn told(letters: &[char]) -> usize {
    letters.iter().filter(|one| **one == letter::TOLD).count()
}

/// Tells whether a failure is about one notification, so that its neighbours go on.
fn is_about_one(failure: &Failure) -> bool {
    match failure {
        Failure::Rejected { .. } => true,
        Failure::Invalid { code, .. } => *code != FAIL_RUN && !failure.is_gone(),
        Failure::Throttled { .. }
        | Failure::Unavailable { .. }
        | Failure::Unauthorized { .. }
        | Failure::Deferred { .. } => false,
    }
}
