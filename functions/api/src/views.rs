//! What callers get to see. Kept apart from what is stored, so that either can change.

use ferrule_core::{Counts, Purpose, Run, Timings, Value};
pub(crate) use ferrule_http::time;
use ferrule_store::{Affected, CustomerKey, Done, ErrorRow, HubRecord, Store};
use schemars::JsonSchema;
use serde::Serialize;

use crate::runs::{GuardView, PlanView};

/// Names a value of a closed set as it is written in JSON.
pub(crate) fn word(value: &impl Serialize) -> String {
    let value = Value::of(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// One run.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunView {
    /// Its id.
    run: String,
    /// What ran.
    integration: String,
    /// `schedule`, `api`, `webhook`, ...
    trigger: String,
    /// It read everything, whatever the cursor said.
    full: bool,
    /// `run`, or `plan`: it says what a run would do, and has done nothing.
    kind: &'static str,
    /// `running`, `waiting_for_approval` (its guard has stopped it before the first write), `succeeded`,
    /// `partial` (some records are in the error log), `failed`, or `skipped` (it did not begin).
    state: String,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// What became of the records.
    counts: CountsView,
    /// How long each stage worked, summed over batches.
    timings: TimingsView,
    /// Batches accounted for.
    batches_done: u64,
    /// Batches in all, once the source is read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    batches: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor_after: Option<String>,
    /// Hash of the definition that it ran under.
    definition: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What a plan found out; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PlanView>,
    /// What the guard of the run says.
    #[serde(skip_serializing_if = "Option::is_none")]
    guard: Option<GuardView>,
}

/// What became of records. Every record read is in exactly one of the others.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CountsView {
    read: u64,
    skipped: u64,
    ignored: u64,
    refused: u64,
    parked: u64,
    created: u64,
    updated: u64,
    deleted: u64,
    unchanged: u64,
    stale: u64,
    /// Told to a recipient; a record that is told to several counts once for each.
    told: u64,
    /// Put into a digest, which is a run of its own.
    digested: u64,
    /// Would be written, and it is not known what that changes; only in plans and guards.
    unknown: u64,
}

/// Milliseconds.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the unit belongs to the name")]
struct TimingsView {
    extract_ms: u64,
    transform_ms: u64,
    load_ms: u64,
}

impl From<Counts> for CountsView {
    fn from(counts: Counts) -> Self {
        let Counts { read, skipped, ignored, refused, parked, .. } = counts;
        let Counts { created, updated, deleted, unchanged, stale, told, digested, unknown, .. } =
            counts;
        Self {
            read,
            skipped,
            ignored,
            refused,
            parked,
            created,
            updated,
            deleted,
            unchanged,
            stale,
            told,
            digested,
            unknown,
        }
    }
}

impl From<Timings> for TimingsView {
    fn from(Timings { extract_ms, transform_ms, load_ms }: Timings) -> Self {
        Self { extract_ms, transform_ms, load_ms }
    }
}

impl RunView {
    /// Shows a run in a list.
    pub(crate) fn in_short(run: Run) -> Self {
        let view = Self::from(run);
        Self { plan: None, guard: view.guard.map(GuardView::in_short), ..view }
    }
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        let (batches_done, batches) = run.progress.done();
        let is_plan = run.purpose == Purpose::Plan;
        let plan = is_plan.then(|| PlanView::of(&run));
        let guard = run.look.filter(|_| !is_plan).map(|look| GuardView::from(*look));
        Self {
            run: run.run.to_string(),
            integration: run.integration.to_string(),
            trigger: run.trigger,
            full: run.full,
            kind: if is_plan { "plan" } else { "run" },
            state: word(&run.state),
            started_at: time(run.started_at),
            ended_at: run.ended_at.map(time),
            counts: run.counts.into(),
            timings: run.timings.into(),
            batches_done,
            batches,
            cursor_before: run.cursor_before,
            cursor_after: run.cursor_after,
            definition: run.definition.to_string(),
            reason: run.reason,
            plan,
            guard,
        }
    }
}

/// One entry of the error log.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorView {
    id: String,
    /// Last seen.
    at: String,
    /// Stable code.
    code: String,
    /// One clear sentence.
    message: String,
    integration: String,
    /// In which run it was last seen.
    run: String,
    /// Hash of the definition in force.
    definition: String,
    /// `extract`, `transform`, `load`, or the function that gave up.
    stage: String,
    /// Failed attempts, this one included.
    attempt: u32,
    record: AffectedView,
    /// The chain of causes, outermost first.
    trace: Vec<String>,
    /// `open`, `parked` (its payload is kept), `replayed` or `discarded`.
    state: String,
    /// The guard of its run had not let it write yet: sending it again takes an `admin` key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    guarded: bool,
    /// When the payload is kept no longer; lists of what is parked say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// Who replayed or discarded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<DoneView>,
}

/// Who did something about an error.
#[derive(Debug, Serialize, JsonSchema)]
struct DoneView {
    /// Who: a key, with its label.
    by: String,
    at: String,
    /// The replay that sent it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<String>,
}

impl From<Done> for DoneView {
    fn from(Done { by, at, replay }: Done) -> Self {
        Self { by, at: time(at), replay }
    }
}

impl ErrorView {
    /// Shows what is parked, and until when.
    pub(crate) fn kept(row: ErrorRow, store: &Store) -> Self {
        let expires_at = Some(time(store.expires_at(row.at)));
        Self { expires_at, ..row.into() }
    }
}

/// What an error is about.
#[derive(Debug, Serialize, JsonSchema)]
struct AffectedView {
    /// File, URL without query, table, or queue.
    origin: String,
    /// Line, row or index; 0 when it is about a whole batch.
    line: u64,
    /// The record's key in the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// How many records are affected.
    count: u64,
    /// The record, cut and with secrets masked.
    excerpt: String,
}

impl From<Affected> for AffectedView {
    fn from(Affected { origin, line, key, count, excerpt }: Affected) -> Self {
        Self { origin, line, key, count, excerpt }
    }
}

impl From<ErrorRow> for ErrorView {
    fn from(row: ErrorRow) -> Self {
        Self {
            id: row.id,
            at: time(row.at),
            code: row.code,
            message: row.message,
            integration: row.integration.to_string(),
            run: row.run.to_string(),
            definition: row.definition.to_string(),
            stage: row.stage,
            attempt: row.attempt,
            record: row.record.into(),
            trace: row.trace,
            state: word(&row.state),
            guarded: row.guarded,
            expires_at: None,
            done: row.done.map(DoneView::from),
        }
    }
}

/// One row of a table.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RecordView {
    /// Names the row in its table.
    pub(crate) key: String,
    /// Tells older from newer.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) version: Value,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) changed_at: Option<String>,
    /// It is gone; only lists of changes show such rows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) deleted: bool,
    /// The record.
    pub(crate) value: Value,
}

impl From<HubRecord> for RecordView {
    fn from(record: HubRecord) -> Self {
        Self {
            key: record.key,
            version: record.version,
            changed_at: Some(time(record.changed_at)),
            deleted: record.deleted,
            value: record.value,
        }
    }
}

/// How an integration stands.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StatusView {
    pub(crate) integration: String,
    /// `schedule`, `webhook` or `manual`.
    pub(crate) trigger: &'static str,
    /// A run is going on.
    pub(crate) running: bool,
    /// The newest run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_run: Option<RunView>,
    /// Why what is not urgent waits, when it does: its budget is spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) paused: Option<String>,
    /// When a run last ended without failing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_success: Option<String>,
    /// Where the cursor stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
}

/// Tells whether the newest run is still going on, or waits for somebody.
pub(crate) fn is_running(run: Option<&Run>) -> bool {
    run.is_some_and(|run| !run.state.is_over())
}

/// A customer key, without the key.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyView {
    /// Names the key in the audit trail.
    id: String,
    /// `read`, `write` or `admin`.
    role: String,
    /// Who holds it.
    label: String,
    created_at: String,
    /// From when on it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

impl From<CustomerKey> for KeyView {
    fn from(key: CustomerKey) -> Self {
        Self {
            id: key.id,
            role: word(&key.role),
            label: key.label,
            created_at: time(key.created_at),
            revoked_at: key.revoked_at.map(time),
        }
    }
}
