//! Incremental reading: only changed records, none missed, none twice.
//!
//! The bound is inclusive and reaches back by the overlap, because clocks disagree and records
//! with equal times straddle page edges. What was seen within that reach is remembered by id and
//! content, so that it is left out the second time unless it changed.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    Digest, Failure, Value,
    definition::{Cursor, CursorKind},
    path::Path,
};

/// Most records remembered within the overlap. Beyond, the oldest are forgotten: they are then
/// read again and the target finds them unchanged.
const MAX_SEEN: usize = 4000;

/// Where reading stands after a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CursorState {
    /// Highest value so far, in comparable form; `None` before the first record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<Mark>,
    /// Records within the overlap behind `high`: id to value and content hash.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen: BTreeMap<String, (Mark, String)>,
}

/// A cursor value in comparable form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Microseconds since 1970, UTC.
    Time(i64),
    /// An exact number.
    Number(Value),
    /// Text.
    Text(String),
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Time(micros) => match Timestamp::from_microsecond(*micros) {
                Ok(time) => time.fmt(f),
                Err(_) => micros.fmt(f),
            },
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Mark {
    /// Tells whether `self` comes before `other`. Marks of different kinds never do: a changed
    /// definition reads again rather than misses.
    fn is_before(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Time(a), Self::Time(b)) => a < b,
            (Self::Number(Value::Number(a)), Self::Number(Value::Number(b))) => {
                match (a.as_i64(), b.as_i64()) {
                    (Some(a), Some(b)) => a < b,
                    _ => a.as_f64() < b.as_f64(),
                }
            }
            (Self::Text(a), Self::Text(b)) => a < b,
            _ => false,
        }
    }

    fn back_by(&self, micros: i64) -> Self {
        match self {
            Self::Time(at) => Self::Time(at.saturating_sub(micros)),
            other => other.clone(),
        }
    }
}

/// Chooses the records of one run that an earlier run has not had, and keeps the next state.
#[derive(Debug, Clone)]
pub struct Selector {
    field: Path,
    tie_break: Option<Path>,
    kind: CursorKind,
    format: Option<String>,
    zone: TimeZone,
    overlap_micros: i64,
    /// Lower bound of this run; `None` reads everything.
    from: Option<Mark>,
    /// What earlier runs saw within the overlap.
    before: BTreeMap<String, (Mark, String)>,
    /// What will be committed.
    next: CursorState,
    /// Never commit a time beyond this.
    ceiling_micros: i64,
}

impl Selector {
    /// Prepares a run.
    ///
    /// `committed` is where the last run ended (`None` for a full read), `current` what earlier
    /// pages of this run found, `started_at_ms` the start of the run: the cursor never passes it.
    pub fn new(
        cursor: &Cursor,
        committed: Option<CursorState>,
        current: Option<CursorState>,
        started_at_ms: i64,
    ) -> Result<Self, Failure> {
        let overlap = cursor.overlap.map_or(0, |span| span.duration().as_micros());
        let overlap_micros = i64::try_from(overlap).unwrap_or(i64::MAX);
        let zone = match &cursor.zone {
            Some(zone) => TimeZone::get(zone).map_err(|e| Failure::invalid(e.to_string()))?,
            None => TimeZone::UTC,
        };
        let parse = |text: &str| Path::parse(text).map_err(Failure::invalid);
        let committed = committed.unwrap_or_default();
        Ok(Self {
            field: parse(&cursor.field)?,
            tie_break: cursor.tie_break.as_deref().map(parse).transpose()?,
            kind: cursor.kind,
            format: cursor.format.clone(),
            zone,
            overlap_micros,
            from: committed.high.as_ref().map(|high| high.back_by(overlap_micros)),
            next: current.unwrap_or_else(|| committed.clone()),
            before: committed.seen,
            ceiling_micros: started_at_ms.saturating_mul(1000),
        })
    }

    /// Returns the lower bound of this run, for sources that can filter themselves.
    pub fn from(&self) -> Option<&Mark> {
        self.from.as_ref()
    }

    /// Tells whether the record is new to this integration, and remembers it.
    ///
    /// Fails when the record has no readable cursor value: it must not be skipped in silence.
    pub fn is_new(&mut self, record: &Value) -> Result<bool, Failure> {
        let mark = self.mark(record)?;
        if self.from.as_ref().is_some_and(|from| mark.is_before(from)) {
            return Ok(false);
        }
        let content = Digest::of(&[record.to_string().as_bytes()]).as_str()[..16].to_owned();
        let id = match self.tie_break.as_ref().and_then(|path| path.find(record)) {
            Some(id) => format!("{id}"),
            None => content.clone(),
        };
        let id = format!("{id}@{mark}");
        let is_new = self.before.get(&id).is_none_or(|(_, seen)| *seen != content);
        self.remember(id, mark, content);
        Ok(is_new)
    }

    /// Returns the state to commit once everything up to here is confirmed.
    pub fn into_state(self) -> CursorState {
        self.next
    }

    fn remember(&mut self, id: String, mark: Mark, content: String) {
        let capped = match &mark {
            Mark::Time(at) => Mark::Time((*at).min(self.ceiling_micros)),
            other => other.clone(),
        };
        if self.next.high.as_ref().is_none_or(|high| high.is_before(&capped)) {
            self.next.high = Some(capped);
            self.forget();
        }
        let floor = self.next.high.as_ref().map(|high| high.back_by(self.overlap_micros));
        if floor.is_none_or(|floor| !mark.is_before(&floor)) {
            self.next.seen.insert(id, (mark, content));
            if self.next.seen.len() > MAX_SEEN {
                self.drop_oldest();
            }
        }
    }

    fn forget(&mut self) {
        if let Some(high) = &self.next.high {
            let floor = high.back_by(self.overlap_micros);
            self.next.seen.retain(|_, (mark, _)| !mark.is_before(&floor));
        }
    }

    fn drop_oldest(&mut self) {
        let oldest = self
            .next
            .seen
            .iter()
            .reduce(|a, b| if b.1.0.is_before(&a.1.0) { b } else { a })
            .map(|(id, _)| id.clone());
        if let Some(id) = oldest {
            self.next.seen.remove(&id);
        }
    }

    fn mark(&self, record: &Value) -> Result<Mark, Failure> {
        let wrong = |found: &str| {
            let field = &self.field;
            Failure::coded("CURSOR", format!("cursor field {field}: {found}"))
        };
        match (self.kind, self.field.find(record)) {
            (_, None | Some(Value::Null)) => Err(wrong("the record has none")),
            (CursorKind::Datetime, Some(Value::String(text))) => {
                self.time(text).map(Mark::Time).map_err(|e| wrong(&e))
            }
            (CursorKind::Datetime, Some(Value::Number(number))) => number
                .as_i64()
                .map(|secs| Mark::Time(secs.saturating_mul(1_000_000)))
                .ok_or_else(|| wrong("not a whole number of seconds")),
            (CursorKind::Number, Some(number @ Value::Number(_))) => {
                Ok(Mark::Number(number.clone()))
            }
            (CursorKind::Number, Some(Value::String(text))) => crate::Number::parse(text)
                .map(|number| Mark::Number(Value::Number(number)))
                .ok_or_else(|| wrong("not a number")),
            (CursorKind::Text, Some(Value::String(text))) => Ok(Mark::Text(text.to_string())),
            (kind, Some(other)) => Err(wrong(&format!("a {} is no {kind:?}", other.kind()))),
        }
    }

    fn time(&self, text: &str) -> Result<i64, String> {
        let wrong = |e: jiff::Error| format!("not a datetime: {e}");
        if let Some(format) = &self.format {
            let broken = jiff::fmt::strtime::parse(format, text).map_err(wrong)?;
            if let Ok(time) = broken.to_timestamp() {
                return Ok(time.as_microsecond());
            }
            return self.civil(broken.to_datetime().map_err(wrong)?);
        }
        match text.parse::<Timestamp>() {
            Ok(time) => Ok(time.as_microsecond()),
            Err(_) => self.civil(text.parse::<DateTime>().map_err(wrong)?),
        }
    }

    fn civil(&self, at: DateTime) -> Result<i64, String> {
        let zoned = at.to_zoned(self.zone.clone()).map_err(|e| format!("not a datetime: {e}"))?;
        Ok(zoned.timestamp().as_microsecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(overlap: u64) -> Cursor {
        let mut cursor: Cursor =
            serde_json::from_str(r#"{"field":".at","tie_break":".id"}"#).unwrap();
        cursor.overlap = Some(crate::duration::Span::from_secs(overlap));
        cursor
    }

    fn record(id: &str, at: &str, text: &str) -> Value {
        crate::json::parse(format!(r#"{{"id":"{id}","at":"{at}","text":"{text}"}}"#).as_bytes())
            .unwrap()
    }

    fn run(state: CursorState, records: &[Value]) -> (Vec<bool>, CursorState) {
        let now = "2030-01-01T00:00:00Z".parse::<Timestamp>().unwrap().as_millisecond();
        let mut selector = Selector::new(&cursor(300), Some(state), None, now).unwrap();
        let taken = records.iter().map(|record| selector.is_new(record).unwrap()).collect();
        (taken, selector.into_state())
    }

    #[test]
    fn takes_only_what_is_new_or_changed_within_the_overlap() {
        let old = record("1", "2026-01-01T00:00:00Z", "a");
        let edge = record("2", "2026-01-01T10:00:00Z", "a");
        let (taken, state) = run(CursorState::default(), &[old.clone(), edge.clone()]);
        assert_eq!(taken, [true, true]);
        let late = record("3", "2026-01-01T09:57:00Z", "late");
        let changed = record("2", "2026-01-01T10:00:00Z", "b");
        let (taken, _) = run(state, &[old, edge, late, changed]);
        assert_eq!(taken, [false, false, true, true]);
    }

    #[test]
    fn never_moves_into_the_future() {
        let ahead = record("1", "2999-01-01T00:00:00Z", "a");
        let (_, state) = run(CursorState::default(), std::slice::from_ref(&ahead));
        assert_eq!(state.high.as_ref().unwrap().to_string(), "2030-01-01T00:00:00Z");
        let (taken, _) = run(state, &[ahead]);
        assert_eq!(taken, [false], "seen, so not twice");
    }

    #[test]
    fn a_record_without_cursor_value_is_an_error_not_a_skip() {
        let mut selector = Selector::new(&cursor(0), None, None, 0).unwrap();
        assert_eq!(selector.is_new(&Value::Null).unwrap_err().code(), "CURSOR");
    }
}
