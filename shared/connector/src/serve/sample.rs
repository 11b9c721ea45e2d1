//! How a plan reads: no more than its sample, and with nothing written to the error log.

use ferrule_core::{Checkpoint, Envelope, Failure, Reason, Record, definition::Integration};

use super::Handler;
use crate::{Connector, Rejected};

impl<C: Connector> Handler<C> {
    /// Returns how many calls the source may get in an hour; `None` when reading it is no call.
    pub(super) async fn source_per_hour(
        &self,
        envelope: &Envelope,
        integration: &Integration,
    ) -> Result<Option<u64>, Failure> {
        let Some(source) = integration.source.as_ref().filter(|_| C::CALLS) else {
            return Ok(None);
        };
        let limits = integration.limits.as_ref();
        self.per_hour(&envelope.tenant, &source.connection, limits).await.map(Some)
    }
}

/// Takes no more than `sample` records of the run, what is left out by the cursor not counted, and
/// ends the run there.
pub(super) fn bound(
    next: &mut Checkpoint,
    taken: &mut Vec<Record>,
    sample: u64,
    per_hour: Option<u64>,
) {
    let so_far = next.counts.read - next.counts.skipped;
    let over = usize::try_from(so_far.saturating_sub(sample)).unwrap_or(usize::MAX);
    let over = over.min(taken.len());
    taken.truncate(taken.len() - over);
    next.counts.read -= over as u64;
    let is_full = so_far >= sample;
    let more = over > 0 || (is_full && next.position.is_some());
    if is_full {
        next.position = None;
    }
    let found = next.found.get_or_insert_default();
    found.more |= more;
    if let Some(per_hour) = per_hour {
        found.source.number += 1;
        found.source.per_hour = per_hour;
    }
}

/// Says what is no record; a run would write it to the error log.
pub(super) fn note_rejected(next: &mut Checkpoint, origin: &str, rejected: Vec<Rejected>) {
    let found = next.found.get_or_insert_default();
    for Rejected { line, code, message, .. } in rejected {
        let (code, origin) = (code.to_owned(), origin.to_owned());
        found.note_refused(Reason { code, message, origin, line, records: 1 });
    }
}

#[cfg(test)]
mod tests {
    use ferrule_core::{Counts, Value};

    use super::*;

    fn page(next: &mut Checkpoint, read: u64, skipped: u64, sample: u64) -> usize {
        next.counts += Counts { read, skipped, ..Counts::default() };
        next.position = Some(Value::from(7));
        let number = usize::try_from(read - skipped).unwrap();
        let mut taken = vec![Record::default(); number];
        bound(next, &mut taken, sample, Some(3600));
        taken.len()
    }

    #[test]
    fn takes_as_many_as_were_asked_for_over_all_pages_and_no_more() {
        let mut next = Checkpoint::default();
        assert_eq!(page(&mut next, 100, 90, 15), 10);
        assert!(next.position.is_some(), "what the cursor leaves out does not count");
        assert_eq!(page(&mut next, 100, 0, 15), 5);
        assert_eq!((next.position.clone(), next.counts.read), (None, 105));
        let found = next.found.unwrap();
        assert_eq!((found.more, found.source.number, found.source.per_hour), (true, 2, 3600));
    }

    #[test]
    fn a_source_that_ends_with_the_sample_has_no_more() {
        let mut next = Checkpoint::default();
        next.counts.read = 15;
        let mut taken = vec![Record::default(); 15];
        bound(&mut next, &mut taken, 15, None);
        let found = next.found.unwrap();
        assert_eq!((taken.len(), found.more, found.source.number), (15, false, 0));
    }
}
