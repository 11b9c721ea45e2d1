//! Says in the error log what a target may have twice.

use ferrule_core::{Batch, Digest, Envelope, definition::Destination};
use ferrule_store::{Affected, ErrorRow};
use tracing::warn;

use super::{Handler, ready::typed};
use crate::{Connector, Disposition, MAYBE_TWICE};

impl<C: Connector> Handler<C> {
    /// Says of records that were written now, after an attempt whose answer was lost, that the target
    /// may have them twice: when it cannot tell a repeat from news. That this cannot be written down
    /// keeps no work back.
    pub(super) async fn tell_twice(
        &self,
        envelope: &Envelope,
        to: &Destination,
        batch: &Batch,
        (tried, done): (&[bool], &[Option<Disposition>]),
    ) {
        let is_written = |one: &Option<Disposition>| matches!(one, Some(one) if !matches!(one, Disposition::Unsure | Disposition::Refused { .. }));
        let twice = (tried.iter().zip(done).zip(&batch.records))
            .filter_map(|((tried, done), record)| (*tried && is_written(done)).then_some(record));
        let twice: Vec<_> = twice.collect();
        let doubles = typed(&to.settings, "output")
            .is_ok_and(|target| self.connector.doubles(&target, to.mode));
        let Some(first) = twice.first().filter(|_| doubles) else { return };
        let count = twice.len() as u64;
        warn!(records = count, batch = batch.seq, "may be in the target twice");
        let message = format!(
            "records written again because the answer of {} was lost: it knows no keys, and may have them twice",
            to.connection
        );
        let seq = batch.seq.to_string();
        let parts =
            [envelope.run.as_str(), MAYBE_TWICE, &seq, first.key.as_deref().unwrap_or_default()];
        let row = ErrorRow {
            id: Digest::of(&parts.map(str::as_bytes)).to_string(),
            record: Affected {
                origin: batch.origin.clone(),
                line: first.line,
                key: first.key.clone(),
                count,
                excerpt: String::new(),
            },
            ..ErrorRow::of(envelope, "load", MAYBE_TWICE, message, self.store.clock.now_ms())
        };
        if let Err(failure) = self.store.log_errors(&envelope.tenant, &[row]).await {
            warn!(code = failure.code(), %failure, "cannot say what may be in the target twice");
        }
    }
}
