//! Writes one batch, keeps what is done, and tells the journal.
//!
//! For a target that is not idempotent by itself a row in the state table is taken before the
//! first call: it says who is at work on the batch, and which records are done.

use std::time::{Duration, Instant};

use ferrule_core::{
    Batch, Counts, Digest, Envelope, Failure, Message, Note, Task,
    definition::{Destination, Integration},
};
use ferrule_store::{Affected, ErrorRow, Item, Table, When, Written};
use serde::{Deserialize, Serialize};

use super::{Handler, ready::typed};
use crate::{Connector, Disposition, Load};

/// What is known of a batch is kept this long.
const KEEP_SECS: i64 = 14 * 86_400;

/// A worker that holds a batch longer than its function may run is dead.
const HOLD_MARGIN: Duration = Duration::from_secs(5);

/// The state row of a batch.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Claim {
    /// Hash of the records, so that a repeat with other records is not taken for done.
    digest: String,
    /// One character a record: what became of it, `.` when nothing yet.
    done: String,
    /// Everything is done, and the journal was told.
    finished: bool,
    /// Somebody is at work until then, in milliseconds since 1970.
    held_until: i64,
    /// Mark of who is at work.
    #[serde(default)]
    owner: String,
}

struct Held {
    claim: Claim,
    rev: Option<u64>,
}

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
            Held { claim: Claim::default(), rev: None }
        } else {
            self.take(envelope, batch, time_left).await?
        };
        let mut done = dispositions(&held.claim.done, batch.records.len());
        let outcome = if held.claim.finished {
            Ok(())
        } else {
            self.write(envelope, (&integration, to), batch, &mut done, time_left).await
        };
        if let Err(failure) = outcome {
            let failure = self.keep(envelope, batch, &mut held, &done, failure).await?;
            self.tell_breaker(&envelope.tenant, name, Some(&failure)).await?;
            return Err(failure);
        }
        self.tell_breaker(&envelope.tenant, name, None).await?;
        self.log_refused(envelope, batch, &done).await?;
        self.tell_journal(envelope, batch, &done, started.elapsed()).await?;
        if !C::IDEMPOTENT && !held.claim.finished {
            held.claim.finished = true;
            self.put_claim(envelope, batch, &mut held, &done).await?;
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
        let ready =
            self.ready(&envelope.tenant, &output.connection, integration.limits.as_ref()).await?;
        let target = typed(&output.settings, "output")?;
        let batch_id = format!("{}-{}", envelope.run, batch.seq);
        let load = Load {
            context: ready.context(self, time_left),
            target: &target,
            mode: output.mode,
            records: &batch.records,
            batch_id: &batch_id,
            rules: &integration.errors,
        };
        self.connector.load(&load, done).await?;
        match done.iter().position(Option::is_none) {
            None => Ok(()),
            Some(at) => Err(Failure::unavailable(
                C::NAME,
                format!("record {at} of the batch has no answer"),
            )),
        }
    }

    /// Takes the batch, or says that another worker has it.
    async fn take(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        time_left: Duration,
    ) -> Result<Held, Failure> {
        let (pk, sk) = claim_key(envelope, batch);
        let row = self.store.tables.get(Table::State, &pk, &sk).await?;
        let there: Option<Claim> = row.as_ref().map(Item::read).transpose()?;
        let digest = batch.digest().to_string();
        let mut claim = there.filter(|claim| claim.digest == digest).unwrap_or_default();
        claim.digest = digest;
        let mut held = Held { claim, rev: row.map(|row| row.rev) };
        if held.claim.finished {
            return Ok(held);
        }
        let now = self.store.clock.now_ms();
        let busy_ms = held.claim.held_until - now;
        if busy_ms > 0 {
            let wait = Duration::from_millis(busy_ms.unsigned_abs());
            return Err(Failure::Deferred { reason: "another worker has the batch".into(), wait });
        }
        let span_ms = i64::try_from((time_left + HOLD_MARGIN).as_millis()).unwrap_or(60_000);
        held.claim.held_until = now + span_ms;
        held.claim.owner = ferrule_store::mark();
        let done = dispositions(&held.claim.done, batch.records.len());
        if self.put_claim(envelope, batch, &mut held, &done).await? {
            Ok(held)
        } else {
            Err(Failure::Deferred {
                reason: "another worker took the batch".into(),
                wait: self.store.scaled(Duration::from_secs(30)),
            })
        }
    }

    async fn put_claim(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        held: &mut Held,
        done: &[Option<Disposition>],
    ) -> Result<bool, Failure> {
        let (pk, sk) = claim_key(envelope, batch);
        held.claim.done = done.iter().map(|one| letter(one.as_ref())).collect();
        let mut row =
            Item::new(pk, sk, &held.claim)?.with_expiry(self.store.clock.now_secs() + KEEP_SECS);
        row.rev = 1;
        let when = held.rev.map_or(When::Absent, When::Rev);
        match self.store.tables.put(Table::State, row, when).await? {
            Written::Done => {
                held.rev = Some(held.rev.map_or(1, |rev| rev + 1));
                Ok(true)
            }
            Written::Conflict(_) => Ok(false),
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
        self.log_refused(envelope, batch, done).await?;
        if !C::IDEMPOTENT {
            held.claim.held_until = 0;
            self.put_claim(envelope, batch, held, done).await?;
        }
        Ok(failure)
    }

    /// Takes from a batch what is done, before the rest is parked.
    pub(super) async fn undone(&self, mut message: Message) -> Result<Message, Failure> {
        let Task::Load(batch) = &mut message.task else { return Ok(message) };
        if C::IDEMPOTENT {
            return Ok(message);
        }
        let (pk, sk) = claim_key(&message.envelope, batch);
        let row = self.store.tables.get(Table::State, &pk, &sk).await?;
        let claim: Claim = row.map(|row| row.read()).transpose()?.unwrap_or_default();
        if claim.digest != batch.digest().to_string() {
            return Ok(message);
        }
        let done = dispositions(&claim.done, batch.records.len());
        batch.counts += counts(&done);
        let mut at = 0;
        batch.records.retain(|_| {
            at += 1;
            done.get(at - 1).is_none_or(Option::is_none)
        });
        Ok(message)
    }

    async fn tell_journal(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        done: &[Option<Disposition>],
        took: Duration,
    ) -> Result<(), Failure> {
        let mut all = batch.counts;
        all += counts(done);
        let mut timings = batch.timings;
        timings.load_ms += u64::try_from(took.as_millis()).unwrap_or(0);
        let others = Vec::new();
        let note = Note::Batch { seq: batch.seq, others, counts: all, timings, failed: None };
        self.store.send_task("journal", envelope, Task::Note(note)).await
    }

    async fn log_refused(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        done: &[Option<Disposition>],
    ) -> Result<(), Failure> {
        let mut rows = Vec::new();
        for (record, one) in batch.records.iter().zip(done) {
            let Some(Disposition::Refused { code, message }) = one else { continue };
            if message.is_empty() {
                continue;
            }
            let raw = record.value.to_string();
            let parts = [envelope.integration.as_str(), "load", code, &batch.origin, &raw];
            let id = Digest::of(&parts.map(str::as_bytes));
            let now_ms = self.store.clock.now_ms();
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
        self.store.log_errors(&envelope.tenant, &rows).await
    }
}

fn destination_of(integration: &Integration) -> Result<&Destination, Failure> {
    integration.output.destination().ok_or_else(|| {
        let name = &integration.metadata.name;
        Failure::coded("DEFINITION", format!("integration {name} has no target to write into"))
    })
}

fn claim_key(envelope: &Envelope, batch: &Batch) -> (String, String) {
    (envelope.tenant.to_string(), format!("batch#{}#{}", envelope.run, batch.seq))
}

fn letter(done: Option<&Disposition>) -> char {
    match done {
        None => '.',
        Some(Disposition::Created) => 'c',
        Some(Disposition::Updated) => 'u',
        Some(Disposition::Unchanged) => 'n',
        Some(Disposition::Stale) => 's',
        Some(Disposition::Deleted) => 'd',
        Some(Disposition::Refused { .. }) => 'r',
    }
}

/// Reads the letters back. A refused record's words are in the error log already, so they are empty.
fn dispositions(letters: &str, count: usize) -> Vec<Option<Disposition>> {
    let refused = || Disposition::Refused { code: String::new(), message: String::new() };
    let known = letters.chars().map(|letter| match letter {
        'c' => Some(Disposition::Created),
        'u' => Some(Disposition::Updated),
        'n' => Some(Disposition::Unchanged),
        's' => Some(Disposition::Stale),
        'd' => Some(Disposition::Deleted),
        'r' => Some(refused()),
        _ => None,
    });
    known.chain(std::iter::repeat(None)).take(count).collect()
}

fn counts(done: &[Option<Disposition>]) -> Counts {
    let mut counts = Counts::default();
    for one in done.iter().flatten() {
        match one {
            Disposition::Created => counts.created += 1,
            Disposition::Updated => counts.updated += 1,
            Disposition::Unchanged => counts.unchanged += 1,
            Disposition::Stale => counts.stale += 1,
            Disposition::Deleted => counts.deleted += 1,
            Disposition::Refused { .. } => counts.refused += 1,
        }
    }
    counts
}
