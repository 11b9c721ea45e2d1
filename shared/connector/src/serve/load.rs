//! Writes one batch, keeps what is done, and tells the journal.
//!
//! For a target that is not idempotent by itself a row in the state table is taken before the
//! first call: it says who is at work on the batch, and which records are done.

use std::time::{Duration, Instant};

use ferrule_core::{
    Batch, Digest, Envelope, Failure, Task,
    definition::{Destination, Integration},
};
use ferrule_store::{Affected, ErrorRow, letter};

use super::{
    Handler,
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
        self.breaker_lets_pass(&envelope.tenant, name).await?;
        let mut held = if C::IDEMPOTENT {
            Held::default()
        } else {
            self.take(envelope, batch, time_left).await?
        };
        let mut done = dispositions(held.claim.letters(batch.records.len()));
        let outcome = if held.claim.finished {
            Ok(())
        } else {
            self.write(envelope, (&integration, to), batch, &mut done, time_left).await
        };
        if let Err(failure) = outcome {
            let failure = self.keep(envelope, batch, &mut held, &done, failure).await?;
            self.tell_breaker(envelope, name, Some(&failure)).await?;
            return Err(failure);
        }
        if !held.claim.finished {
            self.tell_breaker(envelope, name, None).await?;
        }
        self.park_refused(envelope, batch, &done).await?;
        held.claim.done = letters(&done);
        let counts = held.claim.counts();
        self.tell_journal(envelope, batch, counts, Vec::new(), started.elapsed()).await?;
        if !C::IDEMPOTENT && !held.claim.finished {
            self.finish(envelope, batch, &mut held).await?;
        }
        Ok(())
    }

    async fn write(
        &self,
        envelope: &Envelope,
        (integration, output): (&Integration, &Destination),
        batch: &Batch,
        done: &mut [Option<Disposition>],
        time_left: Duration,
    ) -> Result<(), Failure> {
        let ready = self.ready(envelope, &output.connection, integration.limits.as_ref()).await?;
        let target = typed(&output.settings, "output")?;
        let batch_id = format!("{}-{}", envelope.run, batch.seq);
        let write = async |ready: &Ready<C>, done: &mut [Option<Disposition>]| {
            let load = Load {
                context: ready.context(self, time_left),
                target: &target,
                mode: output.mode,
                records: &batch.records,
                batch_id: &batch_id,
                rules: &integration.errors,
            };
            self.connector.load(&load, done).await
        };
        let mut outcome = write(&ready, done).await;
        if let Some(renewed) = self.renewed(&ready, outcome.as_ref().err()).await {
            outcome = write(&renewed, done).await;
        }
        outcome?;
        match done.iter().position(Option::is_none) {
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
        done: &[Option<Disposition>],
        failure: Failure,
    ) -> Result<Failure, Failure> {
        self.park_refused(envelope, batch, done).await?;
        if !C::IDEMPOTENT {
            held.claim.done = letters(done);
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

fn destination_of(integration: &Integration) -> Result<&Destination, Failure> {
    integration.output.destination().ok_or_else(|| {
        let name = &integration.metadata.name;
        Failure::coded("DEFINITION", format!("integration {name} has no target to write into"))
    })
}

fn letters(done: &[Option<Disposition>]) -> String {
    let letter_of = |one: &Option<Disposition>| match one {
        None => letter::OPEN,
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
