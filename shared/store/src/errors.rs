//! The error log: what went wrong with which record, and what is parked with its payload.
//!
//! Ids are derived from what went wrong, so that the same broken row found by every run is one row
//! that was last seen now, not a thousand.

use ferrule_core::{Digest, Envelope, Failure, Name, Purpose, RunId, Tenant};
use serde::{Deserialize, Serialize};

use crate::{Item, Query, Start, Store, Table};

/// One row of the error log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorRow {
    /// Derived from integration, stage, code and place.
    pub id: String,
    /// Milliseconds since 1970: last seen.
    pub at: i64,
    /// Stable code.
    pub code: String,
    /// One clear sentence.
    pub message: String,
    /// Which integration.
    pub integration: Name,
    /// In which run it was last seen.
    pub run: RunId,
    /// Hash of the definition in force.
    pub definition: Digest,
    /// `extract`, `transform`, `load`, or the function that gave up.
    pub stage: String,
    /// Failed attempts, this one included.
    pub attempt: u32,
    /// The affected record, or the batch.
    pub record: Affected,
    /// The chain of causes, outermost first.
    #[serde(default)]
    pub trace: Vec<String>,
    /// Key of the parked payload in the payload bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// Which record of the payload it is about, from 0, when others share the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// Its guard had not let the run write yet: who sends it again lets it pass.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guarded: bool,
    /// What has been done about it.
    pub state: ErrorState,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Done>,
}

/// Who did something about an error, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Who, as the audit trail names them.
    pub by: String,
    /// Milliseconds since 1970.
    pub at: i64,
    /// The replay that sent it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
}

impl ErrorRow {
    /// Says what went wrong at `stage` with the work that `envelope` is about. The id, what is
    /// affected and the causes are the caller's to add.
    pub fn of(envelope: &Envelope, stage: &str, code: &str, message: String, now_ms: i64) -> Self {
        Self {
            id: String::new(),
            at: now_ms,
            code: code.to_owned(),
            message,
            integration: envelope.integration.clone(),
            run: envelope.run.clone(),
            definition: envelope.definition.clone(),
            stage: stage.to_owned(),
            attempt: envelope.failures + 1,
            record: Affected::default(),
            trace: Vec::new(),
            payload: None,
            part: None,
            guarded: envelope.purpose == Purpose::Guard,
            state: ErrorState::Open,
            done: None,
        }
    }
}

/// What an error is about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Affected {
    /// File, URL without query, table, or queue.
    pub origin: String,
    /// Line, row or index; 0 when it is about a whole batch.
    #[serde(default)]
    pub line: u64,
    /// The record's key in the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How many records are affected.
    #[serde(default)]
    pub count: u64,
    /// The record, cut and with secrets masked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
}

/// What has been done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorState {
    /// Noted; there is nothing to replay.
    Open,
    /// Its payload is kept until someone replays or discards it.
    Parked,
    /// Sent again.
    Replayed,
    /// Given up by a person.
    Discarded,
}

/// Which errors to list.
#[derive(Debug, Clone, Default)]
pub struct ErrorFilter {
    /// Only of this integration.
    pub integration: Option<Name>,
    /// Only with this code.
    pub code: Option<String>,
    /// Only in this state.
    pub state: Option<ErrorState>,
    /// Only last seen at or after, in milliseconds since 1970.
    pub since: Option<i64>,
}

impl ErrorFilter {
    fn takes(&self, row: &ErrorRow) -> bool {
        self.integration.as_ref().is_none_or(|name| *name == row.integration)
            && self.code.as_ref().is_none_or(|code| *code == row.code)
            && self.state.is_none_or(|state| state == row.state)
    }
}

/// Longest text of a row, in characters. What went wrong must always fit in the log.
const MAX_CHARS: usize = 2000;

/// Returns the row with no text longer than the log takes.
fn clipped(row: &ErrorRow) -> ErrorRow {
    let clip = |text: &str| match text.char_indices().nth(MAX_CHARS) {
        Some((at, _)) => format!("{}\u{2026}", &text[..at]),
        None => text.to_owned(),
    };
    let mut row = row.clone();
    row.message = clip(&row.message);
    row.record.origin = clip(&row.record.origin);
    row.record.key = row.record.key.as_deref().map(clip);
    row.record.excerpt = clip(&row.record.excerpt);
    row.trace = row.trace.iter().take(20).map(|cause| clip(cause)).collect();
    row
}

/// Returns the row as it is stored, found by when it was last seen.
pub(crate) fn item_of(tenant: &Tenant, row: &ErrorRow) -> Result<Item, Failure> {
    let row = clipped(row);
    let item = Item::new(tenant.as_str(), &row.id, &row)?;
    Ok(item.with_alt(format!("{:013}#{}", row.at, row.id)))
}

impl Store {
    /// Writes rows that nothing can be done about; one with the same id is replaced. What is parked
    /// is written by [`Store::park_errors`].
    pub async fn log_errors(&self, tenant: &Tenant, rows: &[ErrorRow]) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut items: Vec<Item> = Vec::with_capacity(rows.len());
        for row in rows {
            let item = item_of(tenant, row)?;
            match items.iter_mut().find(|there| there.sk == item.sk) {
                Some(there) => *there = item,
                None => items.push(item),
            }
        }
        self.tables.put_many(Table::ErrorLog, items).await
    }

    /// Returns one row.
    pub async fn error(&self, tenant: &Tenant, id: &str) -> Result<Option<ErrorRow>, Failure> {
        let row = self.tables.get(Table::ErrorLog, tenant.as_str(), id).await?;
        row.map(|row| row.read()).transpose()
    }

    /// Returns up to `limit` ids that begin so.
    pub async fn error_ids(
        &self,
        tenant: &Tenant,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<String>, Failure> {
        let prefix = Some(prefix.to_owned());
        let query = Query { pk: tenant.as_str().into(), prefix, limit, ..Query::default() };
        let rows = self.tables.query(Table::ErrorLog, query).await?;
        Ok(rows.items.into_iter().map(|item| item.sk).collect())
    }

    /// Returns up to `limit` rows, last seen first.
    pub async fn errors(
        &self,
        tenant: &Tenant,
        filter: &ErrorFilter,
        limit: usize,
        start: Option<Start>,
    ) -> Result<(Vec<ErrorRow>, Option<Start>), Failure> {
        let mut query = Query {
            pk: tenant.as_str().into(),
            by_alt: true,
            from: filter.since.map(|since| format!("{since:013}")),
            descending: true,
            start,
            ..Query::default()
        };
        let mut found = Vec::new();
        loop {
            query.limit = limit.saturating_sub(found.len()).max(25);
            let rows = self.tables.query(Table::ErrorLog, query.clone()).await?;
            for item in &rows.items {
                let row: ErrorRow = item.read()?;
                if !filter.takes(&row) {
                    continue;
                }
                found.push(row);
                if found.len() == limit {
                    let next = Start { sk: item.sk.clone(), alt: item.alt.clone() };
                    return Ok((found, Some(next)));
                }
            }
            match rows.next {
                Some(next) => query.start = Some(next),
                None => return Ok((found, None)),
            }
        }
    }
}
