//! Takes a batch for one worker, and keeps what is done of it.

use std::time::Duration;

use ferrule_core::{Batch, Counts, Envelope, Failure, Note, Task};
use ferrule_store::{BatchClaim, letter};

use super::Handler;
use crate::Connector;

/// A worker that holds a batch longer than its function may run is dead.
const HOLD_MARGIN: Duration = Duration::from_secs(5);

/// A batch in the hands of this worker.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) claim: BatchClaim,
    rev: Option<u64>,
}

impl<C: Connector> Handler<C> {
    /// Takes the batch, or says that another worker has it. One that is finished is not taken.
    ///
    /// When a worker died with it, any record that is not done may have got through.
    pub(super) async fn take(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        time_left: Duration,
    ) -> Result<Held, Failure> {
        let now = self.store.clock.now_ms();
        let span_ms = i64::try_from((time_left + HOLD_MARGIN).as_millis()).unwrap_or(60_000);
        let mine =
            |claim| BatchClaim { held_until: now + span_ms, owner: ferrule_store::mark(), ..claim };
        if is_first(envelope) {
            let mut held = Held { claim: mine(BatchClaim::of(batch)), rev: None };
            if self.save(envelope, batch, &mut held).await? {
                return Ok(held);
            }
        }
        let (claim, rev) = self.store.batch_claim(envelope, batch).await?;
        let mut held = Held { claim, rev };
        if held.claim.finished {
            return Ok(held);
        }
        let busy_ms = held.claim.held_until - now;
        if busy_ms > 0 {
            let wait = Duration::from_millis(busy_ms.unsigned_abs());
            return Err(Failure::Deferred { reason: "another worker has the batch".into(), wait });
        }
        if held.claim.held_until > 0 {
            let letters = held.claim.letters(batch.records.len()).into_iter();
            let tried = letters.map(|one| if one == letter::OPEN { letter::TRIED } else { one });
            held.claim.done = tried.collect();
        }
        held.claim = mine(held.claim);
        if self.save(envelope, batch, &mut held).await? {
            Ok(held)
        } else {
            Err(Failure::Deferred {
                reason: "another worker took the batch".into(),
                wait: self.store.scaled(Duration::from_secs(30)),
            })
        }
    }

    /// Writes down how far it is; `false` when the batch is in other hands now.
    pub(super) async fn save(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        held: &mut Held,
    ) -> Result<bool, Failure> {
        let is_done = self.store.put_batch_claim(envelope, batch, &held.claim, held.rev).await?;
        if is_done {
            held.rev = Some(held.rev.map_or(1, |rev| rev + 1));
        }
        Ok(is_done)
    }

    /// Gives the batch back unfinished: whoever comes next goes on at once.
    pub(super) async fn give_back(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        held: &mut Held,
    ) -> Result<(), Failure> {
        held.claim.held_until = 0;
        self.save(envelope, batch, held).await.map(drop)
    }

    /// Keeps the batch as finished: a repeat does nothing.
    pub(super) async fn finish(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        held: &mut Held,
    ) -> Result<(), Failure> {
        held.claim.finished = true;
        self.save(envelope, batch, held).await.map(drop)
    }

    /// Accounts for the batch; `others` are numbers that are accounted for with it.
    pub(super) async fn tell_journal(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        done: Counts,
        others: Vec<(u64, u64)>,
        took: Duration,
    ) -> Result<(), Failure> {
        let mut counts = batch.counts;
        counts += done;
        let mut timings = batch.timings;
        timings.load_ms += u64::try_from(took.as_millis()).unwrap_or(0);
        let note = Note::Batch { seq: batch.seq, others, counts, timings, failed: None };
        self.store.send_task("journal", envelope, Task::Note(note)).await
    }
}

/// Tells whether a message most likely comes for the first time: then nothing is known of its batch, and
/// it is taken without asking.
fn is_first(envelope: &Envelope) -> bool {
    envelope.failures == 0 && envelope.not_before == 0 && !envelope.replayed
}
