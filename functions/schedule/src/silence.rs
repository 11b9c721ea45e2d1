//! Silence: an integration that should have succeeded by now and has not.

use ferrule_core::{
    Digest, Event, Name, Object, RunId, Value,
    definition::{Expect, Integration},
    event::INTEGRATION_SILENT,
};
use ferrule_store::{Affected, ErrorRow, ErrorState, Stored};

/// Tells whether a success is overdue.
pub(crate) fn is_silent(expect: &Expect, since_ms: i64, now_ms: i64) -> bool {
    let most = i64::try_from(expect.success_every.duration().as_millis()).unwrap_or(i64::MAX);
    now_ms - since_ms > most
}

/// The error-log row of a silence; each silence has one.
pub(crate) fn row(stored: &Stored<Integration>, since_ms: i64, now_ms: i64) -> ErrorRow {
    let name = &stored.definition.metadata.name;
    let id = Digest::of(&[name.as_str().as_bytes(), b"SILENCE", &since_ms.to_be_bytes()]);
    ErrorRow {
        id: id.to_string(),
        at: now_ms,
        code: "SILENCE".into(),
        message: message(name, since_ms, now_ms),
        integration: name.clone(),
        run: RunId::new(""),
        definition: stored.hash.clone(),
        stage: "schedule".into(),
        attempt: 0,
        record: Affected::default(),
        trace: Vec::new(),
        payload: None,
        part: None,
        guarded: false,
        state: ErrorState::Open,
        done: None,
    }
}

/// The event of a silence; each silence has one.
pub(crate) fn event(name: &Name, since_ms: i64, now_ms: i64) -> Event {
    let data = Object::from_iter([
        ("integration", Value::from(name.as_str())),
        ("message", Value::from(message(name, since_ms, now_ms))),
    ]);
    Event {
        id: format!("silent-{name}-{since_ms}"),
        kind: INTEGRATION_SILENT.into(),
        at: now_ms,
        subject: name.to_string(),
        data,
    }
}

fn message(name: &Name, since_ms: i64, now_ms: i64) -> String {
    let minutes = (now_ms - since_ms) / 60_000;
    format!("{name} has had no successful run for {minutes} minutes")
}
