//! Parks work: its payload is kept, and its row is written once however often the failure is told.
//!
//! A row is only ever changed by conditional writes: who replays or discards it and who parks the
//! same again cannot undo each other. What is parked is kept for [`Store::parked_days`] days; a
//! pointer for each integration and day lets `schedule` warn before they are over.

use std::collections::HashMap;

use ferrule_core::{Digest, Envelope, Failure, Message, Name, Task, Tenant};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use crate::{
    ErrorRow, ErrorState, Item, Store, Table, When, Written, errors::item_of, fresh,
    payload::PARKED_PREFIX,
};

/// How long what is parked is kept when nothing else is said, in days.
pub const PARKED_DAYS: u32 = 30;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Partition of the pointers that `schedule` reads, over all tenants; in order of days.
pub(crate) const PARKED: &str = "#parked";

/// Rows written at one time.
const TOGETHER: usize = 16;

/// Times a row is written when others write it too.
const TRIES: usize = 5;

/// Says that something of an integration was parked on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ParkedOn {
    pub(crate) tenant: Tenant,
    pub(crate) integration: Name,
    /// Days since 1970.
    pub(crate) day: i64,
}

impl ParkedOn {
    pub(crate) fn key(&self) -> String {
        format!("{:06}#{}#{}", self.day, self.tenant, self.integration)
    }
}

impl Store {
    /// Returns when the payload of something that was parked at `at_ms` is kept no longer.
    pub fn expires_at(&self, at_ms: i64) -> i64 {
        at_ms.saturating_add(i64::from(self.parked_days).saturating_mul(DAY_MS))
    }

    /// Parks records that were refused alone: `task` has them in the order of `rows`, one payload
    /// for all. Told twice, it is done once. Where nothing is kept, they are in the error log alone.
    pub async fn park_refused(
        &self,
        envelope: &Envelope,
        task: Task,
        rows: Vec<ErrorRow>,
    ) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let rows = apart(rows);
        if self.parked_days == 0 {
            return self.log_errors(&envelope.tenant, &rows).await;
        }
        let text = Message { envelope: fresh(envelope), task }.encode()?;
        let digest = Digest::of(&[text.as_bytes()]);
        let payload = format!("{PARKED_PREFIX}{}/{digest}.json", envelope.integration);
        self.payloads.put(&envelope.tenant, &payload, text.into_bytes()).await?;
        let rows: Vec<ErrorRow> = (0..)
            .zip(rows)
            .map(|(part, row)| ErrorRow {
                payload: Some(payload.clone()),
                part: Some(part),
                state: ErrorState::Parked,
                ..row
            })
            .collect();
        self.park_errors(&envelope.tenant, &rows).await
    }

    /// Writes the rows of what is parked. One that is there with the same payload is the same
    /// failure told again: it stays as it is, whatever was done about it since.
    pub async fn park_errors(&self, tenant: &Tenant, rows: &[ErrorRow]) -> Result<(), Failure> {
        let mut days: Vec<ParkedOn> = Vec::new();
        for row in rows {
            let (tenant, integration) = (tenant.clone(), row.integration.clone());
            let on = ParkedOn { tenant, integration, day: row.at.div_euclid(DAY_MS) };
            if !days.contains(&on) {
                days.push(on);
            }
        }
        for on in &days {
            let pointer = Item::new(PARKED, on.key(), on)?;
            self.tables.put(Table::State, pointer, When::Absent).await?;
        }
        let writes: Vec<_> = rows.iter().map(|row| self.park_row(tenant, row)).collect();
        stream::iter(writes).buffer_unordered(TOGETHER).try_collect().await
    }

    async fn park_row(&self, tenant: &Tenant, row: &ErrorRow) -> Result<(), Failure> {
        let item = Item { rev: 1, ..item_of(tenant, row)? };
        let mut when = When::Absent;
        for _ in 0..TRIES {
            match self.tables.put(Table::ErrorLog, item.clone(), when).await? {
                Written::Done => return Ok(()),
                Written::Conflict(None) => when = When::Absent,
                Written::Conflict(Some(there)) => {
                    let known: ErrorRow = there.read()?;
                    if known.payload == row.payload && known.part == row.part {
                        return Ok(());
                    }
                    when = When::Rev(there.rev);
                }
            }
        }
        Err(Failure::unavailable("error log", "a row is written by many at once"))
    }
}

/// Gives equal records of one batch rows of their own: what is kept twice is replayed twice.
fn apart(mut rows: Vec<ErrorRow>) -> Vec<ErrorRow> {
    let mut seen: HashMap<String, u64> = HashMap::new();
    for row in &mut rows {
        let before = seen.entry(row.id.clone()).or_default();
        if *before > 0 {
            row.id = Digest::of(&[row.id.as_bytes(), &before.to_be_bytes()]).to_string();
        }
        *before += 1;
    }
    rows
}

#[cfg(test)]
mod tests {
    use ferrule_core::{Batch, Record, RunId, Value};

    use super::*;
    use crate::Clock;

    fn envelope(run: &str) -> Envelope {
        let (tenant, name) = (Tenant::new("acme").unwrap(), Name::new("copy").unwrap());
        Envelope::new(tenant, name, Digest::of(&[]), RunId::new(run))
    }

    async fn refuse(store: &Store, run: &str) {
        let envelope = envelope(run);
        let record = Record { value: Value::from("x"), ..Record::default() };
        let batch = Batch { records: vec![record], ..Batch::default() };
        let row = ErrorRow::of(&envelope, "transform", "TYPE", "no number".into(), 1_000);
        let row = ErrorRow { id: "e1".into(), ..row };
        store.park_refused(&envelope, Task::Transform(batch), vec![row]).await.unwrap();
    }

    #[tokio::test]
    async fn equal_records_have_rows_of_their_own_however_often_it_is_told() {
        let store = Store::memory(Clock::manual(1_000));
        let envelope = envelope("r1");
        for _ in 0..2 {
            let record = Record { value: Value::from("x"), ..Record::default() };
            let batch = Batch { records: vec![record; 20], ..Batch::default() };
            let row = ErrorRow::of(&envelope, "transform", "TYPE", "no number".into(), 1_000);
            let rows = vec![ErrorRow { id: "e1".into(), ..row }; 20];
            store.park_refused(&envelope, Task::Transform(batch), rows).await.unwrap();
            let filter = crate::ErrorFilter::default();
            let (rows, _) = store.errors(&envelope.tenant, &filter, 100, None).await.unwrap();
            let parts: std::collections::BTreeSet<_> = rows.iter().map(|row| row.part).collect();
            assert_eq!((rows.len(), parts.len()), (20, 20));
        }
    }

    async fn state(store: &Store) -> (ErrorState, String) {
        let row = store.error(&envelope("r").tenant, "e1").await.unwrap().unwrap();
        (row.state, row.run.to_string())
    }

    #[tokio::test]
    async fn the_same_failure_told_again_does_not_undo_what_was_done_about_it() {
        let store = Store::memory(Clock::manual(1_000));
        refuse(&store, "r1").await;
        assert_eq!(state(&store).await, (ErrorState::Parked, "r1".into()));
        let tenant = envelope("r1").tenant;
        let item = store.tables.get(Table::ErrorLog, tenant.as_str(), "e1").await.unwrap().unwrap();
        let row = ErrorRow { state: ErrorState::Replayed, ..item.read().unwrap() };
        let done = item_of(&tenant, &row).unwrap();
        let written = store.tables.put(Table::ErrorLog, done, When::Rev(item.rev)).await.unwrap();
        assert!(written.is_done());
        refuse(&store, "r1").await;
        assert_eq!(state(&store).await, (ErrorState::Replayed, "r1".into()), "a repeat");
        refuse(&store, "r2").await;
        assert_eq!(state(&store).await, (ErrorState::Parked, "r2".into()), "it failed once more");
    }
}
