//! Fetches one page, sends its batches on, and asks for the next.
//!
//! Order matters. Batches go out first, then the checkpoint is written (by one delivery only),
//! then the next page is asked for. A crash anywhere repeats one page; batch numbers are derived,
//! so its batches are recognised.

use std::time::{Duration, Instant};

use ferrule_core::{
    Batch, Checkpoint, CursorState, Digest, Envelope, Failure, Note, Page, Record, Run, Selector,
    Task, Value,
    definition::{Cursor, Integration, Source},
};
use ferrule_store::{Affected, ErrorRow, fresh};

use super::{
    Handler,
    breaker::Beside,
    ready::{Ready, typed},
    sample,
};
use crate::{Connector, Extract, Fetched, Rejected};

/// Most pages of one run: an endless source must end somewhere.
const MOST_PAGES: u32 = 100_000;

/// Records asked for at a time.
const PAGE_SIZE: usize = 1000;

impl<C: Connector> Handler<C> {
    pub(super) async fn extract(
        &self,
        envelope: &Envelope,
        page: &Page,
        time_left: Duration,
    ) -> Result<(), Failure> {
        let (tenant, run) = (&envelope.tenant, &envelope.run);
        let (checkpoint, rev) = self.store.checkpoint(tenant, run).await?;
        if checkpoint.page > page.number + 1 {
            return Ok(());
        }
        if checkpoint.page > page.number {
            return self.ask_next(envelope, page, &checkpoint).await;
        }
        let Some(of) = self.store.run(tenant, run).await?.filter(|run| !run.state.is_over()) else {
            return Ok(());
        };
        let started = Instant::now();
        let integration = self.definitions.of(envelope).await?;
        let mut selector = self.selector(&integration, &of, page, envelope, &checkpoint).await?;
        let fetched =
            self.fetch(&integration, &of, page, envelope, selector.as_ref(), time_left).await?;
        let mut next = advance(checkpoint, page, &fetched, self.max_pages(&integration)?)?;
        let mut taken = self.sort_out(envelope, fetched, selector.as_mut(), &mut next).await?;
        if let Some(sample) = page.sample {
            let per_hour = self.source_per_hour(envelope, &integration).await?;
            sample::bound(&mut next, &mut taken.1, sample, per_hour);
        }
        self.send_batches(envelope, &integration, taken, &mut next).await?;
        next.by = ferrule_store::mark();
        next.cursor = selector.map(Selector::into_state);
        next.timings.extract_ms += u64::try_from(started.elapsed().as_millis()).unwrap_or(0);
        if !self.store.put_checkpoint(tenant, run, &next, rev).await? {
            return Ok(());
        }
        self.ask_next(envelope, page, &next).await
    }

    async fn selector(
        &self,
        integration: &Integration,
        run: &Run,
        page: &Page,
        envelope: &Envelope,
        checkpoint: &Checkpoint,
    ) -> Result<Option<Selector>, Failure> {
        let Some(cursor) = self.cursor(integration)? else { return Ok(None) };
        let standing = self.store.standing(&envelope.tenant, &run.integration).await?;
        let committed: Option<CursorState> = standing.cursor.filter(|_| !page.full);
        Selector::new(&cursor, committed, checkpoint.cursor.clone(), run.started_at).map(Some)
    }

    /// The integration's cursor, else the connector's own.
    fn cursor(&self, integration: &Integration) -> Result<Option<Cursor>, Failure> {
        let source = source_of(integration)?;
        match &source.cursor {
            Some(cursor) => Ok(Some(cursor.clone())),
            None => Ok(self.connector.cursor(&typed(&source.settings, "source")?)),
        }
    }

    /// The source's own cap on pages, else the hub's.
    fn max_pages(&self, integration: &Integration) -> Result<u32, Failure> {
        let keys = typed(&source_of(integration)?.settings, "source")?;
        Ok(self.connector.max_pages(&keys).unwrap_or(MOST_PAGES).min(MOST_PAGES))
    }

    async fn fetch(
        &self,
        integration: &Integration,
        run: &Run,
        page: &Page,
        envelope: &Envelope,
        selector: Option<&Selector>,
        time_left: Duration,
    ) -> Result<Fetched, Failure> {
        let source = source_of(integration)?;
        let name = &source.connection;
        let ready = self.ready(envelope, name, integration.limits.as_ref()).await?;
        if envelope.purpose.is_plan() {
            self.breaker_lets_plan(&envelope.tenant, name).await?;
        } else {
            self.breaker_lets_pass(&envelope.tenant, name).await?;
        }
        let keys = typed(&source.settings, "source")?;
        let cursor = self.cursor(integration)?;
        let ask = async |ready: &Ready<C>| {
            let extract = Extract {
                context: ready.context(self, time_left),
                source: &keys,
                position: &page.position,
                cursor: cursor.as_ref(),
                since: selector.and_then(Selector::from),
                page_size: PAGE_SIZE,
                started_at_ms: run.started_at,
                rules: &integration.errors,
            };
            self.connector.extract(&extract).await
        };
        let mut outcome = ask(&ready).await;
        if let Some(renewed) = self.renewed(&ready, outcome.as_ref().err()).await {
            outcome = ask(&renewed).await;
        }
        self.tell_breaker(envelope, name, outcome.as_ref().err(), Beside::Nothing).await?;
        outcome
    }

    /// Leaves out what earlier runs had; writes what is not a record to the error log.
    async fn sort_out(
        &self,
        envelope: &Envelope,
        fetched: Fetched,
        mut selector: Option<&mut Selector>,
        next: &mut Checkpoint,
    ) -> Result<(String, Vec<Record>), Failure> {
        let Fetched { origin, records, mut rejected, .. } = fetched;
        next.counts.read += (records.len() + rejected.len()) as u64;
        let mut taken = Vec::with_capacity(records.len());
        for record in records {
            let is_new = match selector.as_deref_mut() {
                Some(selector) => selector.is_new(&record.value),
                None => Ok(true),
            };
            match is_new {
                Ok(true) => taken.push(record),
                Ok(false) => next.counts.skipped += 1,
                Err(failure) => rejected.push(Rejected {
                    line: record.line,
                    code: failure.code(),
                    message: failure.to_string(),
                    raw: ferrule_core::excerpt(&record.value),
                }),
            }
        }
        next.counts.refused += rejected.len() as u64;
        if envelope.purpose.is_plan() {
            sample::note_rejected(next, &origin, rejected);
            return Ok((origin, taken));
        }
        let rows: Vec<ErrorRow> =
            rejected.into_iter().map(|one| self.error_row(envelope, &origin, one)).collect();
        self.store.log_errors(&envelope.tenant, &rows).await?;
        Ok((origin, taken))
    }

    async fn send_batches(
        &self,
        envelope: &Envelope,
        integration: &Integration,
        (origin, records): (String, Vec<Record>),
        next: &mut Checkpoint,
    ) -> Result<(), Failure> {
        let most = integration.limits.as_ref().and_then(|limits| limits.batch);
        let most = most.map_or(ferrule_core::MAX_RECORDS, usize::from);
        let of = |records| {
            let seq = next.next_seq;
            next.next_seq += integration.batch_room();
            Task::Transform(Batch { seq, origin: origin.clone(), records, ..Batch::default() })
        };
        self.store.send_records("transform", &fresh(envelope), (records, most), of).await
    }

    /// Asks for the page after `page`, or tells the journal that the source is read.
    async fn ask_next(
        &self,
        envelope: &Envelope,
        page: &Page,
        checkpoint: &Checkpoint,
    ) -> Result<(), Failure> {
        if let Some(position) = &checkpoint.position {
            let number = checkpoint.page;
            let next = Page { number, position: position.clone(), ..page.clone() };
            self.store.send_task(C::NAME, envelope, Task::Extract(next)).await
        } else {
            let note = Note::End {
                batches: checkpoint.next_seq,
                counts: checkpoint.counts,
                timings: checkpoint.timings,
                found: checkpoint.found.clone(),
            };
            self.store.send_task("journal", envelope, Task::Note(note)).await
        }
    }

    fn error_row(&self, envelope: &Envelope, origin: &str, rejected: Rejected) -> ErrorRow {
        let line = rejected.line.to_string();
        let id = Digest::of(&[
            envelope.integration.as_str().as_bytes(),
            b"extract",
            rejected.code.as_bytes(),
            origin.as_bytes(),
            line.as_bytes(),
            rejected.raw.as_bytes(),
        ]);
        let raw = Value::from(rejected.raw);
        let (code, message) = (rejected.code, rejected.message);
        ErrorRow {
            id: id.to_string(),
            record: Affected {
                origin: origin.to_owned(),
                line: rejected.line,
                key: None,
                count: 1,
                excerpt: ferrule_core::excerpt(&raw),
            },
            trace: vec![format!("read from {origin}")],
            ..ErrorRow::of(envelope, "extract", code, message, self.store.clock.now_ms())
        }
    }
}

fn source_of(integration: &Integration) -> Result<&Source, Failure> {
    integration.source.as_ref().ok_or_else(|| {
        let name = &integration.metadata.name;
        Failure::coded("DEFINITION", format!("integration {name} has no source"))
    })
}

/// Returns the checkpoint after this page. A position that comes back is a cycle: it would never
/// end, so the run fails. Each power-of-two page is remembered, which finds a cycle of any length.
fn advance(
    before: Checkpoint,
    page: &Page,
    fetched: &Fetched,
    max_pages: u32,
) -> Result<Checkpoint, Failure> {
    let mut next = Checkpoint { page: page.number + 1, position: fetched.next.clone(), ..before };
    let Some(position) = &next.position else { return Ok(next) };
    let mark = Digest::of(&[position.to_string().as_bytes()]).to_string();
    let here = Digest::of(&[page.position.to_string().as_bytes()]).to_string();
    if mark == here || next.visited.contains(&mark) {
        let reason = format!(
            "page {} of {} leads back to a page that was read before: the source would never end",
            page.number, fetched.origin
        );
        return Err(Failure::coded("PAGE_CYCLE", reason));
    }
    if next.page >= max_pages {
        let reason = format!("{} goes on after {max_pages} pages", fetched.origin);
        return Err(Failure::coded("PAGE_CAP", reason));
    }
    if next.page.is_power_of_two() {
        next.visited = vec![mark];
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use ferrule_core::Counts;

    use super::*;

    fn visit(before: Checkpoint, number: u32, here: i64, next: i64) -> Result<Checkpoint, Failure> {
        let page = Page { number, position: here.into(), ..Page::default() };
        let fetched = Fetched { next: Some(next.into()), ..Fetched::default() };
        advance(before, &page, &fetched, 1_000)
    }

    #[test]
    fn a_page_that_leads_to_itself_is_found_at_once() {
        let failure = visit(Checkpoint::default(), 0, 5, 5).unwrap_err();
        assert_eq!(failure.code(), "PAGE_CYCLE");
    }

    #[test]
    fn a_cycle_of_any_length_is_found() {
        for length in [2_u32, 3, 7, 64] {
            let mut checkpoint = Checkpoint::default();
            let found = (0..length * 4).find(|page| {
                let (here, next) = (page % length, (page + 1) % length);
                match visit(checkpoint.clone(), *page, here.into(), next.into()) {
                    Ok(next) => {
                        checkpoint = next;
                        false
                    }
                    Err(failure) => failure.code() == "PAGE_CYCLE",
                }
            });
            assert!(found.is_some(), "a cycle of {length}");
        }
    }

    #[test]
    fn a_source_that_goes_on_beyond_its_cap_fails() {
        let next = visit(Checkpoint::default(), 998, 998, 999).unwrap();
        assert_eq!(visit(next, 999, 999, 1_000).unwrap_err().code(), "PAGE_CAP");
        let end = Page { number: 999, position: 999.into(), ..Page::default() };
        assert!(advance(Checkpoint::default(), &end, &Fetched::default(), 1_000).is_ok());
    }

    #[test]
    fn counts_start_from_what_earlier_pages_counted() {
        let counts = Counts { read: 7, ..Counts::default() };
        let before = Checkpoint { counts, next_seq: 3, ..Checkpoint::default() };
        let next = visit(before, 0, 1, 2).unwrap();
        assert_eq!((next.counts.read, next.next_seq, next.page), (7, 3, 1));
    }
}
