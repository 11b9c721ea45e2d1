//! Parks work that failed for good: payload kept, error-log row written, journal told.

use ferrule_core::{
    Batch, Counts, Digest, Envelope, Event, Failure, Hops, Message, Name, Note, Object, Purpose,
    RunId, Task, Tenant, Value,
    definition::{Integration, Then},
    event,
};
use ferrule_store::{Affected, ErrorRow, ErrorState, PARKED_PREFIX, Posted, Store, fresh};

/// Whose error log takes messages that name no tenant.
const OPERATOR: &str = "operator";

/// Parks a message: nothing of it is lost, and its run can end.
pub async fn park(
    store: &Store,
    stage: &str,
    integration: Option<&Integration>,
    message: &Message,
    failure: &Failure,
) -> Result<(), Failure> {
    if matches!(message.task, Task::Check(_)) {
        return Ok(());
    }
    let envelope = &message.envelope;
    let row = keep(store, stage, message, failure).await?;
    write_down(store, envelope, hops_of(&message.task), vec![row]).await?;
    let gives_up = integration
        .and_then(|integration| integration.retry.as_ref())
        .is_some_and(|retry| retry.then == Then::Fail);
    let fails_run = gives_up || failure.fails_run();
    let room = integration.map_or(1, Integration::batch_room);
    match note(message, failure, fails_run, room) {
        Some(note) => store.send_task("journal", &fresh(envelope), Task::Note(note)).await,
        None => Ok(()),
    }
}

/// Parks parts of a batch that failed alone, each with its own reason; their run goes on.
///
/// It is one event however many they are: a thousand alarms are none.
pub async fn park_parts(
    store: &Store,
    stage: &str,
    envelope: &Envelope,
    parts: &[(Task, Failure)],
) -> Result<(), Failure> {
    let mut rows = Vec::with_capacity(parts.len());
    for (task, failure) in parts {
        let message = Message { envelope: fresh(envelope), task: task.clone() };
        rows.push(keep(store, stage, &message, failure).await?);
    }
    let hops = parts.iter().map(|(task, _)| hops_of(task)).max().unwrap_or_default();
    write_down(store, envelope, hops, rows).await
}

/// Tells of what was parked; one event for all of `rows`. Work that is an alert itself is never told of,
/// nor is what goes round and was told of before.
pub async fn tell_parked(
    store: &Store,
    envelope: &Envelope,
    hops: Hops,
    rows: &[ErrorRow],
) -> Result<(), Failure> {
    let is_told = !envelope.alert && !hops.is_told();
    let Some(first) = rows.first().filter(|_| is_told) else { return Ok(()) };
    let records = rows.iter().map(|row| row.record.count).sum();
    let posted = Posted { hops, ..Posted::one(parked_event(first, records)) };
    store.tell(&envelope.tenant, &posted).await
}

/// Keeps the payload; returns the row that says so.
async fn keep(
    store: &Store,
    stage: &str,
    message: &Message,
    failure: &Failure,
) -> Result<ErrorRow, Failure> {
    let envelope = &message.envelope;
    let text = message.encode()?;
    let id = Digest::of(&[envelope.run.as_str().as_bytes(), stage.as_bytes(), text.as_bytes()]);
    let place = format!("{PARKED_PREFIX}{}/{id}.json", envelope.integration);
    let (payload, becomes) =
        keep_payload(store, &envelope.tenant, place, text.into_bytes()).await?;
    let (code, now_ms) = (failure.code(), store.clock.now_ms());
    let attempts = envelope.failures.max(1);
    Ok(ErrorRow {
        id: id.to_string(),
        attempt: attempts,
        record: affected(&message.task),
        trace: chain(failure, attempts),
        payload,
        state: becomes,
        ..ErrorRow::of(envelope, stage, code, failure.to_string(), now_ms)
    })
}

/// Keeps a payload at a place in the bucket; returns where it is, and what that makes of its row. Where nothing
/// is kept, it is in the error log alone.
async fn keep_payload(
    store: &Store,
    tenant: &Tenant,
    place: String,
    body: Vec<u8>,
) -> Result<(Option<String>, ErrorState), Failure> {
    if store.parked_days == 0 {
        return Ok((None, ErrorState::Open));
    }
    store.payloads.put(tenant, &place, body).await?;
    Ok((Some(place), ErrorState::Parked))
}

/// Writes what was parked into the error log, and tells of it.
async fn write_down(
    store: &Store,
    envelope: &Envelope,
    hops: Hops,
    rows: Vec<ErrorRow>,
) -> Result<(), Failure> {
    tell_parked(store, envelope, hops, &rows).await?;
    store.park_errors(&envelope.tenant, &rows).await
}

fn hops_of(task: &Task) -> Hops {
    match task {
        Task::Transform(batch) | Task::Load(batch) | Task::Events(batch) | Task::Fold(batch) => {
            batch.hops()
        }
        _ => Hops::default(),
    }
}

/// Parks a text that cannot be read as a message. When it can be seen whose run waits for it, that run
/// fails: nobody knows what was in it.
pub async fn park_text(
    store: &Store,
    stage: &str,
    body: &str,
    failure: &Failure,
) -> Result<(), Failure> {
    let head = Head::of(body);
    let awaited = head.awaited();
    let tenant = head.tenant.map_or_else(|| Tenant::new(OPERATOR), Ok);
    let tenant = tenant.map_err(|e| Failure::invalid(e.to_string()))?;
    let integration = head.integration.map_or_else(|| Name::new("unknown"), Ok);
    let integration = integration.map_err(|e| Failure::invalid(e.to_string()))?;
    let id = Digest::of(&[stage.as_bytes(), body.as_bytes()]);
    let place = format!("{PARKED_PREFIX}{stage}/{id}.txt");
    // What a pointer points to is forgotten after a while.
    let text = store.spilled(body).await?.unwrap_or_else(|| body.as_bytes().to_vec());
    let (payload, becomes) = keep_payload(store, &tenant, place, text).await?;
    let run = head.run.unwrap_or_else(|| RunId::new(""));
    let envelope = Envelope::new(tenant, integration, Digest::of(&[]), run);
    let (code, now_ms) = (failure.code(), store.clock.now_ms());
    let row = ErrorRow {
        id: id.to_string(),
        record: Affected { origin: format!("queue {stage}"), count: 1, ..Affected::default() },
        trace: chain(failure, 1),
        payload,
        state: becomes,
        ..ErrorRow::of(&envelope, stage, code, failure.to_string(), now_ms)
    };
    write_down(store, &envelope, Hops::default(), vec![row]).await?;
    if !awaited {
        return Ok(());
    }
    store.send_task("journal", &envelope, Task::Note(Note::failed(failure))).await
}

/// Tasks that the run in the envelope waits for.
const AWAITED: [&str; 5] = ["extract", "transform", "load", "note", "release"];

/// Whatever of a message can still be read.
#[derive(Default)]
struct Head {
    tenant: Option<Tenant>,
    integration: Option<Name>,
    run: Option<RunId>,
    task: Option<String>,
    is_pointer: bool,
}

impl Head {
    fn of(body: &str) -> Self {
        let Ok(body) = ferrule_core::json::parse(body.as_bytes()) else { return Self::default() };
        let text = |at: &Value, key: &str| at.get(key).and_then(Value::as_str).map(str::to_owned);
        let envelope = body.get("envelope").unwrap_or(&Value::Null);
        Self {
            tenant: text(envelope, "tenant").and_then(|text| Tenant::new(text).ok()),
            integration: text(envelope, "integration").and_then(|text| Name::new(text).ok()),
            run: text(envelope, "run").map(RunId::new),
            task: text(&body, "task"),
            is_pointer: body.get("spilled").is_some(),
        }
    }

    /// Tells whether a run cannot end without it. Only batches are so large that a pointer stands for
    /// them; those of events and digests are under no run that could be kept open.
    fn awaited(&self) -> bool {
        let is_of_run = self.run.as_ref().is_some_and(|run| run.began_ms().is_some());
        let task = self.task.as_deref();
        let is_awaited = task.map_or(self.is_pointer, |task| AWAITED.contains(&task));
        is_of_run && self.tenant.is_some() && is_awaited
    }
}

fn affected(task: &Task) -> Affected {
    match task {
        Task::Transform(batch) | Task::Load(batch) | Task::Events(batch) | Task::Fold(batch) => {
            Affected {
                origin: batch.origin.clone(),
                line: batch.records.first().map_or(0, |record| record.line),
                key: batch.records.first().and_then(|record| record.key.clone()),
                count: batch.records.len() as u64,
                excerpt: excerpt_of(batch),
            }
        }
        Task::Extract(page) => Affected {
            origin: format!("page {}", page.number),
            excerpt: ferrule_core::excerpt(&page.position),
            ..Affected::default()
        },
        Task::Flush(flush) => {
            Affected { origin: format!("digest {}", flush.digest), ..Affected::default() }
        }
        Task::Note(_) | Task::Check(_) | Task::Release(_) => Affected::default(),
    }
}

fn excerpt_of(batch: &Batch) -> String {
    batch.records.first().map(|record| ferrule_core::excerpt(&record.value)).unwrap_or_default()
}

fn chain(failure: &Failure, attempts: u32) -> Vec<String> {
    vec![failure.to_string(), format!("given up after {attempts} attempts")]
}

fn note(message: &Message, failure: &Failure, fails_run: bool, room: u64) -> Option<Note> {
    match &message.task {
        // What could not be looked at was not judged: the guard must not let the rest of the run through.
        Task::Transform(_) | Task::Load(_) if message.envelope.purpose == Purpose::Guard => {
            Some(Note::failed(failure))
        }
        Task::Transform(batch) | Task::Load(batch) => {
            let mut counts = batch.counts;
            counts += Counts { parked: batch.records.len() as u64, ..Counts::default() };
            // A batch that has not come to its recipients yet stands for all of their parts.
            let is_whole = batch.recipient.is_none() && room > 1;
            Some(Note::Batch {
                seq: batch.seq,
                others: if is_whole { vec![(batch.seq, room)] } else { Vec::new() },
                counts,
                timings: batch.timings,
                failed: fails_run.then(|| failure.to_string()),
            })
        }
        // What was kept of the run goes nowhere; the cursor stays, and the next run reads it again.
        Task::Extract(_) | Task::Release(_) => Some(Note::failed(failure)),
        Task::Note(_) | Task::Check(_) | Task::Events(_) | Task::Fold(_) | Task::Flush(_) => None,
    }
}

fn parked_event(row: &ErrorRow, records: u64) -> Event {
    let mut data = Object::new();
    data.insert("integration", Value::from(row.integration.as_str()));
    data.insert("run", Value::from(row.run.as_str()));
    data.insert("error", Value::from(row.id.as_str()));
    data.insert("code", Value::from(row.code.as_str()));
    data.insert("message", Value::from(row.message.as_str()));
    data.insert("stage", Value::from(row.stage.as_str()));
    data.insert("records", Value::from(i64::try_from(records).unwrap_or(i64::MAX)));
    Event {
        id: format!("parked-{}", row.id),
        kind: event::ERRORS_PARKED.into(),
        at: row.at,
        subject: row.integration.to_string(),
        data,
    }
}
