#![doc = include_str!("../README.md")]

mod plan;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ferrule_core::{
    Batch, Counts, Digest, Envelope, Failure, Hops, LOOP, Message, Note, Record, Task, Tenant,
    engine::{Engine, Refusal, Verdict},
};
use ferrule_lambda::{Stage, tell_parked};
use ferrule_store::{Affected, Definitions, ErrorRow, Store, fresh};

/// Engines kept compiled; beyond, all are forgotten and compiled again.
const MOST_ENGINES: usize = 200;

/// Takes what is to be told.
const DISPATCH: &str = "dispatch";

type Engines = HashMap<(Tenant, Digest), Arc<Engine>>;

/// The transform stage: maps and validates a batch, and sends it to the target.
#[derive(Debug)]
pub struct Transform {
    store: Store,
    definitions: Arc<Definitions>,
    engines: Mutex<Engines>,
}

impl Transform {
    /// Wires the stage to the store.
    pub fn new(store: Store, definitions: Arc<Definitions>) -> Self {
        Self { store, definitions, engines: Mutex::default() }
    }

    async fn transform(&self, envelope: &Envelope, batch: &Batch) -> Result<(), Failure> {
        let started = Instant::now();
        let engine = self.engine(envelope).await?;
        let (mut mapped, refused) = map_batch(&engine, envelope, batch);
        mapped.timings.transform_ms += millis(started.elapsed());
        if envelope.purpose.is_plan() {
            return self.plan(envelope, mapped, &refused).await;
        }
        let rows: Vec<ErrorRow> =
            refused.iter().map(|refused| self.error_row(envelope, &mapped, refused)).collect();
        if let Some(fatal) = refused.iter().find(|refused| refused.refusal.fails_run) {
            if envelope.token == 0 {
                // An event, or a replay: no later run reads them again, so all of them are kept.
                let Refusal { code, message, .. } = &fatal.refusal;
                return Err(Failure::coded("CHECK", format!("{code}: {message}")));
            }
            let reason = format!("{}: {}", fatal.refusal.code, fatal.refusal.message);
            // The cursor stays where it was: the next run reads them again.
            self.store.log_errors(&envelope.tenant, &rows).await?;
            return self.note(envelope, &mapped, Some(reason)).await;
        }
        self.tell_of_loop(envelope, &rows, &refused).await?;
        let raw = raw_batch(&mapped, &refused);
        self.store.park_refused(envelope, Task::Transform(raw), rows).await?;
        if mapped.records.is_empty() {
            return self.note(envelope, &mapped, None).await;
        }
        let target = self.target(envelope).await?;
        // What somebody replays stays replayed: it is part of a batch that was loaded before.
        let own = Envelope { replayed: envelope.replayed, ..fresh(envelope) };
        let message = Message { envelope: own, task: Task::Load(mapped) };
        self.store.send(&target, vec![message], Duration::ZERO).await
    }

    /// Tells of records that go round, once for all of them.
    async fn tell_of_loop(
        &self,
        envelope: &Envelope,
        rows: &[ErrorRow],
        refused: &[Refused<'_>],
    ) -> Result<(), Failure> {
        let looped = rows.iter().zip(refused).filter(|(_, refused)| refused.is_loop);
        let rows: Vec<ErrorRow> = looped.clone().map(|(row, _)| row.clone()).collect();
        let hops = looped.map(|(_, refused)| refused.record.hops).min().unwrap_or_default();
        tell_parked(&self.store, envelope, hops, &rows).await
    }

    async fn target(&self, envelope: &Envelope) -> Result<String, Failure> {
        let integration = self.definitions.of(envelope).await?;
        let Some(to) = integration.output.destination() else { return Ok(DISPATCH.to_owned()) };
        let connection = self.definitions.connection(&envelope.tenant, &to.connection).await?;
        Ok(connection.connector.to_string())
    }

    async fn note(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        failed: Option<String>,
    ) -> Result<(), Failure> {
        let mut counts = batch.counts;
        if failed.is_some() {
            counts.ignored += batch.records.len() as u64;
        }
        let room = self.definitions.of(envelope).await?.batch_room();
        let others = if room > 1 { vec![(batch.seq, room)] } else { Vec::new() };
        let note = Note::Batch { seq: batch.seq, others, counts, timings: batch.timings, failed };
        self.store.send_task("journal", &fresh(envelope), Task::Note(note)).await
    }

    /// Compiles a definition once.
    async fn engine(&self, envelope: &Envelope) -> Result<Arc<Engine>, Failure> {
        let key = (envelope.tenant.clone(), envelope.definition.clone());
        if let Some(there) = self.engines().get(&key) {
            return Ok(Arc::clone(there));
        }
        let integration = self.definitions.of(envelope).await?;
        let engine = Engine::compile(&integration).map_err(|problems| {
            let first = problems.first().map(|p| format!("{}: {}", p.path, p.message));
            Failure::coded("DEFINITION", first.unwrap_or_default())
        })?;
        let engine = Arc::new(engine);
        let mut engines = self.engines();
        if engines.len() >= MOST_ENGINES {
            engines.clear();
        }
        engines.insert(key, Arc::clone(&engine));
        Ok(engine)
    }

    fn engines(&self) -> std::sync::MutexGuard<'_, Engines> {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error_row(&self, envelope: &Envelope, batch: &Batch, refused: &Refused<'_>) -> ErrorRow {
        let Refused { refusal, record, .. } = refused;
        let raw = record.value.to_string();
        let id = Digest::of(&[
            envelope.integration.as_str().as_bytes(),
            b"transform",
            refusal.code.as_bytes(),
            batch.origin.as_bytes(),
            raw.as_bytes(),
        ]);
        let (code, message) = (refusal.code.as_str(), refusal.message.clone());
        ErrorRow {
            id: id.to_string(),
            record: Affected {
                origin: batch.origin.clone(),
                line: record.line,
                key: record.key.clone(),
                count: 1,
                excerpt: ferrule_core::excerpt(&record.value),
            },
            trace: refusal.field.iter().map(|field| format!("column {field}")).collect(),
            ..ErrorRow::of(envelope, "transform", code, message, self.store.clock.now_ms())
        }
    }
}

impl Stage for Transform {
    fn name(&self) -> &'static str {
        "transform"
    }

    async fn handle(&self, message: &Message, _: Duration) -> Result<(), Failure> {
        match &message.task {
            Task::Transform(batch) => self.transform(&message.envelope, batch).await,
            _ => Err(Failure::coded("TASK", "transform only takes batches to transform")),
        }
    }
}

/// A record that the definition does not let pass.
struct Refused<'b> {
    refusal: Refusal,
    record: &'b Record,
    /// It goes round, and would be mapped for ever.
    is_loop: bool,
}

/// Maps every record; one that cannot be mapped stands aside, its neighbours go on. So does one that goes
/// round, unless it tells of that: what is refused for good is heard of.
fn map_batch<'b>(
    engine: &Engine,
    envelope: &Envelope,
    batch: &'b Batch,
) -> (Batch, Vec<Refused<'b>>) {
    let records = Vec::with_capacity(batch.records.len());
    let mut mapped = Batch { records, ..batch.head() };
    let mut refused = Vec::new();
    for record in &batch.records {
        // Who sends it again has seen where it came from: it begins anew.
        let hops = if envelope.replayed { Hops::default() } else { record.hops };
        let (refusal, is_loop) = match engine.apply(&record.value) {
            Verdict::Mapped(_) if hops.is_loop() && !envelope.alert => (looped(hops), true),
            Verdict::Mapped(row) => {
                mapped.records.push(Record {
                    line: record.line,
                    key: row.key,
                    version: row.version,
                    deleted: record.deleted,
                    hops: hops.next(),
                    value: row.value,
                });
                continue;
            }
            Verdict::Ignored => {
                mapped.counts += Counts { ignored: 1, ..Counts::default() };
                continue;
            }
            Verdict::Refused(refusal) => (refusal, false),
        };
        mapped.counts += Counts { refused: 1, ..Counts::default() };
        refused.push(Refused { refusal, record, is_loop });
    }
    (mapped, refused)
}

fn looped(hops: Hops) -> Refusal {
    let number = hops.number();
    let message = format!(
        "the record has come through {number} integrations, and each made something new of it: they \
         are wired in a circle"
    );
    Refusal { code: LOOP.into(), message, field: None, fails_run: false }
}

/// Returns refused records as the source gave them: what is kept until a better definition takes them.
fn raw_batch(batch: &Batch, refused: &[Refused<'_>]) -> Batch {
    Batch {
        seq: batch.seq,
        origin: batch.origin.clone(),
        records: refused.iter().map(|refused| refused.record.clone()).collect(),
        ..Batch::default()
    }
}

fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
