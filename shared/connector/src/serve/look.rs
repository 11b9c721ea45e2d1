//! Finds out what a batch would do, and writes nothing of it.
//!
//! For a plan that is all. Under a guard the batch is kept, and written as it is once that is allowed.

use std::time::{Duration, Instant};

use ferrule_core::{
    Batch, Calls, Counts, Digest, Does, Envelope, Failure, Found, Note, Purpose, Reason, Record,
    Task,
    definition::{Destination, Integration},
};

use super::{
    Handler,
    load::{batch_id, destination_of},
    ready::{Ready, typed},
};
use crate::{Connector, Disposition, Foreseen, Load};

impl<C: Connector> Handler<C> {
    pub(super) async fn look(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        time_left: Duration,
    ) -> Result<(), Failure> {
        let integration = self.definitions.of(envelope).await?;
        let to = destination_of(&integration)?;
        let started = Instant::now();
        let foreseen = self.foresee(envelope, (&integration, to), batch, time_left).await?;
        let mut found = batch.found.as_deref().cloned().unwrap_or_default();
        let mut counts = Counts::default();
        for (record, one) in batch.records.iter().zip(&foreseen) {
            count(&mut counts, one);
            show(&mut found, &batch.origin, record, one);
        }
        found.target = self.calls(envelope, (&integration, to), &counts).await?;
        if envelope.purpose == Purpose::Guard {
            let marks = marks(envelope, batch, &foreseen);
            let kept = Box::new(Found { marks, ..Found::default() });
            self.store.keep_batch(envelope, Batch { found: Some(kept), ..batch.clone() }).await?;
        } else {
            counts += batch.counts;
        }
        let mut timings = batch.timings;
        timings.load_ms += u64::try_from(started.elapsed().as_millis()).unwrap_or(0);
        let (seq, found) = (batch.seq, Box::new(found));
        let note = Note::Looked { seq, counts, timings, found };
        self.store.send_task("journal", envelope, Task::Note(note)).await
    }

    async fn foresee(
        &self,
        envelope: &Envelope,
        (integration, to): (&Integration, &Destination),
        batch: &Batch,
        time_left: Duration,
    ) -> Result<Vec<Foreseen>, Failure> {
        let ready = self.ready(envelope, &to.connection, integration.limits.as_ref()).await?;
        let target = typed(&to.settings, "output")?;
        let batch_id = batch_id(envelope, batch, "");
        // Under a guard nothing is noted a record: what comes in two batches is found by its mark.
        let plan = envelope.purpose.is_plan().then_some(&envelope.run);
        let ask = async |ready: &Ready<C>| {
            let load = Load {
                context: ready.context(self, time_left),
                target: &target,
                mode: to.mode,
                records: &batch.records,
                batch_id: &batch_id,
                rules: &integration.errors,
            };
            self.connector.foresee(&load, plan).await
        };
        let mut outcome = ask(&ready).await;
        if let Some(renewed) = self.renewed(&ready, outcome.as_ref().err()).await {
            outcome = ask(&renewed).await;
        }
        let foreseen = outcome?;
        if foreseen.len() == batch.records.len() {
            return Ok(foreseen);
        }
        let reason = format!("{} answers for {} records", foreseen.len(), batch.records.len());
        Err(Failure::unavailable(C::NAME, reason))
    }

    async fn calls(
        &self,
        envelope: &Envelope,
        (integration, to): (&Integration, &Destination),
        counts: &Counts,
    ) -> Result<Calls, Failure> {
        if !C::CALLS {
            return Ok(Calls::default());
        }
        let Counts { created, updated, deleted, unknown, .. } = *counts;
        let target = typed(&to.settings, "output")?;
        let number = self.connector.calls(&target, created + updated + deleted + unknown);
        let limits = integration.limits.as_ref();
        let per_hour = self.per_hour(&envelope.tenant, &to.connection, limits).await?;
        Ok(Calls { number: number.unwrap_or_default(), per_hour, unknown: number.is_none() })
    }
}

/// Marks the records that would be changed by their keys. Nobody who writes the source can say of two keys
/// that they will have one mark: the run is part of it.
fn marks(envelope: &Envelope, batch: &Batch, foreseen: &[Foreseen]) -> Vec<u64> {
    let changes = batch.records.iter().zip(foreseen).filter(|(_, one)| {
        let mut counts = Counts::default();
        count(&mut counts, one);
        counts.changes() > 0
    });
    let marks = changes.filter_map(|(record, _)| {
        let key = record.key.as_deref()?;
        let digest = Digest::of(&[envelope.run.as_str().as_bytes(), key.as_bytes()]);
        u64::from_str_radix(digest.as_str().get(..16)?, 16).ok()
    });
    marks.collect()
}

fn count(counts: &mut Counts, one: &Foreseen) {
    let number = match &one.does {
        None | Some(Disposition::Unsure) => &mut counts.unknown,
        Some(Disposition::Created) => &mut counts.created,
        Some(Disposition::Updated) => &mut counts.updated,
        Some(Disposition::Unchanged) => &mut counts.unchanged,
        Some(Disposition::Stale) => &mut counts.stale,
        Some(Disposition::Deleted) => &mut counts.deleted,
        Some(Disposition::Refused { .. }) => &mut counts.refused,
    };
    *number += 1;
}

fn show(found: &mut Found, origin: &str, record: &Record, Foreseen { does, old }: &Foreseen) {
    let key = record.key.as_deref();
    match does {
        Some(Disposition::Created) => {
            found.note_change(Does::Create, key, None, Some(&record.value));
        }
        Some(Disposition::Updated) => {
            // What it was is not known: what it becomes is no change of every field.
            let new = old.as_ref().map(|_| &record.value);
            found.note_change(Does::Update, key, old.as_ref(), new);
        }
        Some(Disposition::Deleted) => found.note_change(Does::Delete, key, old.as_ref(), None),
        Some(Disposition::Refused { code, message }) => found.note_refused(Reason {
            code: code.clone(),
            message: message.clone(),
            origin: origin.to_owned(),
            line: record.line,
            records: 1,
        }),
        Some(Disposition::Unchanged | Disposition::Stale | Disposition::Unsure) | None => {}
    }
}
