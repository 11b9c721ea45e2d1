//! Writes one batch, keeps what is done, and tells the journal.
//!
//! For a target that is not idempotent by itself a row in the state table is taken before the
//! first call: it says who is at work on the batch, and which records are done.

use std::time::{Duration, Instant};

use ferrule_core::{
    Batch, Digest, Envelope, Failure, Name, Task,
    definition::{Destination, Integration},
};
use ferrule_store::{Affected, ErrorRow, letter};
use tracing::warn;

use super::{
    Handler,
    breaker::Beside,
    claim::Held,
    ready::{Ready, typed},
};
use crate::{Connector, Disposition, Load};

impl<C: Connector> Handler<C> {
    pub(super) async fn load(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        time_left: Duration,
    ) -> Result<(), Failure> {
        let integration = self.definitions.of(envelope).await?;
        let to = destination_of(&integration)?;
        let name = &to.connection;
        let started = Instant::now();
        let limits = integration.limits.as_ref();
        if let Err(open) = self.breaker_lets_pass(&envelope.tenant, name).await {
            return Err(self.in_turn(envelope, name, limits, open).await);
        }
        let mut held = if C::IDEMPOTENT {
            Held::default()
        } else {
            self.take(envelope, batch, time_left).await?
        };
        let before = held.claim.letters(batch.records.len());
        let mut tried: Vec<bool> = before.iter().map(|one| *one == letter::TRIED).collect();
        let mut done = dispositions(before);
        let had = taken(&done);
        let outcome = if held.claim.finished {
            Ok(())
        } else {
            let id = batch_id(envelope, batch, &held.claim.digest);
            self.write(envelope, (&integration, to), (batch, &id), &mut done, time_left).await
        };
        self.tell_twice(envelope, to, batch, (&tried, &done)).await;
        take_unsure(&mut done, &mut tried);
        if let Err(failure) = outcome {
            // Who has begun goes on at once: a backlog of half-done batches would never end any.
            let has_begun = done.iter().any(Option::is_some);
            let failure = self.keep(envelope, batch, &mut held, (&done, &tried), failure).await?;
            let beside = Beside::of(had, taken(&done));
            self.tell_breaker(envelope, name, Some(&failure), beside).await?;
            let failure = self.spare(envelope, name, failure).await?;
            if has_begun {
                return Err(failure);
            }
            return Err(self.in_turn(envelope, name, limits, failure).await);
        }
        held.claim.done = letters(&done);
        let told = self.tell_of(envelope, name, batch, (&held, &done), started).await;
        if C::IDEMPOTENT || held.claim.finished {
            return told;
        }
        match told {
            Ok(()) => self.finish(envelope, batch, &mut held).await,
            Err(failure) => {
                // What is written is not written again because nobody could be told of it.
                if let Err(other) = self.give_back(envelope, batch, &mut held).await {
                    warn!(code = other.code(), failure = %other, "cannot keep what is done");
                }
                Err(failure)
            }
        }
    }

    /// Says what became of a batch to everybody who has to know.
    async fn tell_of(
        &self,
        envelope: &Envelope,
        connection: &Name,
        batch: &Batch,
        (held, done): (&Held, &[Option<Disposition>]),
        started: Instant,
    ) -> Result<(), Failure> {
        if !held.claim.finished {
            self.tell_breaker(envelope, connection, None, Beside::Taken).await?;
        }
        self.park_refused(envelope, batch, done).await?;
        let counts = held.claim.counts();
        self.tell_journal(envelope, batch, counts, Vec::new(), started.elapsed()).await
    }

    async fn write(
        &self,
        envelope: &Envelope,
        (integration, output): (&Integration, &Destination),
        (batch, batch_id): (&Batch, &str),
        done: &mut [Option<Disposition>],
        time_left: Duration,
    ) -> Result<(), Failure> {
        let ready = self.ready(envelope, &output.connection, integration.limits.as_ref()).await?;
        let target = typed(&output.settings, "output")?;
        let write = async |ready: &Ready<C>, done: &mut [Option<Disposition>]| {
            let load = Load {
                context: ready.context(self, time_left),
                target: &target,
                mode: output.mode,
                records: &batch.records,
                batch_id,
                rules: &integration.errors,
            };
            self.connector.load(&load, done).await
        };
        let mut outcome = write(&ready, done).await;
        if let Some(renewed) = self.renewed(&ready, outcome.as_ref().err()).await {
            outcome = write(&renewed, done).await;
        }
        outcome?;
        match done.iter().position(|one| matches!(one, None | Some(Disposition::Unsure))) {
            None => Ok(()),
            Some(at) => Err(Failure::unavailable(
                C::NAME,
                format!("record {at} of the batch has no answer"),
            )),
        }
    }

    /// Keeps what is done, so that only the rest comes again; returns the failure as the rules of
    /// the definition want it.
    async fn keep(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        held: &mut Held,
        (done, tried): (&[Option<Disposition>], &[bool]),
        failure: Failure,
    ) -> Result<Failure, Failure> {
        self.park_refused(envelope, batch, done).await?;
        if !C::IDEMPOTENT {
            let letters = letters(done);
            let tried = letters.chars().zip(tried).map(|(one, tried)| match (one, tried) {
                (letter::OPEN, true) => letter::TRIED,
                (one, _) => one,
            });
            held.claim.done = tried.collect();
            self.give_back(envelope, batch, held).await?;
        }
        Ok(failure)
    }

    async fn park_refused(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        done: &[Option<Disposition>],
    ) -> Result<(), Failure> {
        let (mut rows, mut records) = (Vec::new(), Vec::new());
        for (record, one) in batch.records.iter().zip(done) {
            let Some(Disposition::Refused { code, message }) = one else { continue };
            if message.is_empty() {
                continue;
            }
            let raw = record.value.to_string();
            let parts = [envelope.integration.as_str(), "load", code, &batch.origin, &raw];
            let id = Digest::of(&parts.map(str::as_bytes));
            let now_ms = self.store.clock.now_ms();
            records.push(record.clone());
            rows.push(ErrorRow {
                id: id.to_string(),
                record: Affected {
                    origin: batch.origin.clone(),
                    line: record.line,
                    key: record.key.clone(),
                    count: 1,
                    excerpt: ferrule_core::excerpt(&record.value),
                },
                trace: vec![format!("{} refused the record", C::NAME)],
                ..ErrorRow::of(envelope, "load", code, message.clone(), now_ms)
            });
        }
        let origin = batch.origin.clone();
        let batch = Batch { seq: batch.seq, origin, records, ..Batch::default() };
        self.store.park_refused(envelope, Task::Load(batch), rows).await
    }
}

/// Counts what the target has taken. What is refused may have been refused before anybody was asked.
fn taken(done: &[Option<Disposition>]) -> usize {
    let is_taken = |one: &&Option<Disposition>| {
        !matches!(one, None | Some(Disposition::Unsure | Disposition::Refused { .. }))
    };
    done.iter().filter(is_taken).count()
}

/// Opens again what was sent and got no answer, and notes that it was tried.
fn take_unsure(done: &mut [Option<Disposition>], tried: &mut [bool]) {
    for (one, tried) in done.iter_mut().zip(tried) {
        *tried |= one.take_if(|one| *one == Disposition::Unsure).is_some();
    }
}

pub(super) fn destination_of(integration: &Integration) -> Result<&Destination, Failure> {
    integration.output.destination().ok_or_else(|| {
        let name = &integration.metadata.name;
        Failure::coded("DEFINITION", format!("integration {name} has no target to write into"))
    })
}

/// Names a batch to its target. A page whose process died is read again, and may hold other records by
/// then: where the books tell their batches apart, their names do too, or a target that knows the name
/// would take the second for the first.
pub(super) fn batch_id(envelope: &Envelope, batch: &Batch, digest: &str) -> String {
    let id = format!("{}-{}", envelope.run, batch.seq);
    digest.get(..8).map_or(id.clone(), |mark| format!("{id}-{mark}"))
}

fn letters(done: &[Option<Disposition>]) -> String {
    let letter_of = |one: &Option<Disposition>| match one {
        None | Some(Disposition::Unsure) => letter::OPEN,
        Some(Disposition::Created) => letter::CREATED,
        Some(Disposition::Updated) => letter::UPDATED,
        Some(Disposition::Unchanged) => letter::UNCHANGED,
        Some(Disposition::Stale) => letter::STALE,
        Some(Disposition::Deleted) => letter::DELETED,
        Some(Disposition::Refused { .. }) => letter::REFUSED,
    };
    done.iter().map(letter_of).collect()
}

/// Reads the letters back. A refused record's words are in the error log already, so they are empty.
fn dispositions(letters: Vec<char>) -> Vec<Option<Disposition>> {
    let refused = || Disposition::Refused { code: String::new(), message: String::new() };
    let known = letters.into_iter().map(|one| match one {
        letter::CREATED => Some(Disposition::Created),
        letter::UPDATED => Some(Disposition::Updated),
        letter::UNCHANGED => Some(Disposition::Unchanged),
        letter::STALE => Some(Disposition::Stale),
        letter::DELETED => Some(Disposition::Deleted),
        letter::REFUSED => Some(refused()),
        _ => None,
    });
    known.collect()
}
