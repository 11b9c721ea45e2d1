//! The hub's own tables: upsert by key with version compare-and-set, content hash, tombstones,
//! and a change feed.

use ferrule_core::{Digest, Failure, Hops, Mark, Name, Tenant, Value, definition::Mode};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::{Item, MAX_ITEM_BYTES, Query, Start, Store, Table, When, Written};

/// Writes in flight at a time for one batch.
pub(crate) const PARALLEL: usize = 16;

/// What the keys and attributes of a row take beside its body.
pub(crate) const MARGIN_BYTES: usize = 4096;

/// Times a row is decided anew because somebody else wrote it meanwhile.
pub(crate) const TRIES: usize = 10;

/// The feed leaves out the newest changes for this long: a slower writer may still be at it.
const SETTLE_MS: i64 = 1_000;

/// A row of a hub table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HubRecord {
    /// Its key.
    pub key: String,
    /// Tells older from newer; `null` without version.
    #[serde(default)]
    pub version: Value,
    /// Hash of the value.
    pub hash: Digest,
    /// When it last changed, in milliseconds since 1970.
    pub changed_at: i64,
    /// It is gone; the row is its tombstone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The batch that wrote it, and whether that created it: a repeat of the batch counts the same.
    #[serde(default)]
    pub by: String,
    /// Whether `by` created the row.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub created: bool,
    /// Integrations that the record had come through when it was written so.
    #[serde(default, skip_serializing_if = "Hops::is_none")]
    pub hops: Hops,
    /// The record.
    pub value: Value,
}

/// One change to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Key of the row.
    pub key: String,
    /// Its version, when there is one.
    pub version: Option<Value>,
    /// The record is gone.
    pub deleted: bool,
    /// Integrations that the record has come through.
    pub hops: Hops,
    /// The record.
    pub value: Value,
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The row is new.
    Created,
    /// The row is changed.
    Updated,
    /// The row has a tombstone now.
    Deleted,
    /// The row was the same already.
    Unchanged,
    /// The row has a newer version.
    Stale,
    /// The row is not there, and the mode does not make one.
    Missing,
    /// The row is there, and the mode only adds.
    Exists,
    /// The key is empty, or longer than [`MAX_KEY_BYTES`].
    BadKey,
    /// The row would be larger than [`MAX_ITEM_BYTES`].
    TooLarge,
}

/// Longest key of a record: a sort key of the table and, behind a time, of its index.
pub const MAX_KEY_BYTES: usize = 1000;

pub(crate) fn is_key(key: &str) -> bool {
    (1..=MAX_KEY_BYTES).contains(&key.len())
}

pub(crate) fn partition(tenant: &Tenant, table: &Name) -> String {
    format!("{tenant}#{table}")
}

/// Tells whether version `a` is older than `b`: numbers as numbers, digits as numbers, times and
/// other text as text. Versions of different kinds are never older.
pub fn is_older(a: &Value, b: &Value) -> bool {
    match (as_number(a), as_number(b)) {
        (Some(a), Some(b)) => compare_numbers(&a, &b).is_lt(),
        _ => match (a, b) {
            (Value::String(a), Value::String(b)) => a < b,
            _ => false,
        },
    }
}

fn as_number(value: &Value) -> Option<ferrule_core::Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => ferrule_core::Number::parse(text),
        _ => None,
    }
}

fn compare_numbers(a: &ferrule_core::Number, b: &ferrule_core::Number) -> std::cmp::Ordering {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().total_cmp(&b.as_f64()),
    }
}

impl Store {
    /// Applies changes to a table; one answer per change, in order.
    ///
    /// Several changes to one key are decided among themselves first: the newest is written once,
    /// the others are stale. `batch` makes a repeat count the same.
    pub async fn apply(
        &self,
        tenant: &Tenant,
        table: &Name,
        mode: Mode,
        batch: &str,
        changes: &[Change],
    ) -> Result<Vec<Applied>, Failure> {
        let mut winners = winners(changes);
        winners.retain(|at| is_key(&changes[*at].key));
        let keys: Vec<String> = winners.iter().map(|at| changes[*at].key.clone()).collect();
        let pk = partition(tenant, table);
        let rows = self.tables.get_many(Table::Records, &pk, &keys).await?;
        let rows: std::collections::HashMap<String, Item> =
            rows.into_iter().map(|row| (row.sk.clone(), row)).collect();
        let work: Vec<_> = winners
            .into_iter()
            .map(|at| {
                let change = &changes[at];
                let row = rows.get(&change.key).cloned();
                let pk = &pk;
                async move {
                    let applied = self.apply_one(pk, mode, batch, change, row).await?;
                    Ok::<_, Failure>((at, applied))
                }
            })
            .collect();
        let decided: Vec<(usize, Applied)> =
            stream::iter(work).buffer_unordered(PARALLEL).try_collect().await?;
        let undecided = |change: &Change| {
            if is_key(&change.key) { Applied::Stale } else { Applied::BadKey }
        };
        let mut applied: Vec<Applied> = changes.iter().map(undecided).collect();
        for (at, outcome) in decided {
            applied[at] = outcome;
        }
        Ok(applied)
    }

    async fn apply_one(
        &self,
        pk: &str,
        mode: Mode,
        batch: &str,
        change: &Change,
        mut row: Option<Item>,
    ) -> Result<Applied, Failure> {
        for _ in 0..TRIES {
            let there: Option<HubRecord> = row.as_ref().map(Item::read).transpose()?;
            let (applied, next) = decide(mode, batch, change, there, self.clock.now_ms());
            let Some(next) = next else { return Ok(applied) };
            let mut item = Item::new(pk, &change.key, &next)?
                .with_alt(format!("{:013}#{}", next.changed_at, change.key));
            if item.body.len() + change.key.len() + MARGIN_BYTES > MAX_ITEM_BYTES {
                return Ok(Applied::TooLarge);
            }
            item.rev = 1;
            let when = row.as_ref().map_or(When::Absent, |row| When::Rev(row.rev));
            match self.tables.put(Table::Records, item, when).await? {
                Written::Done => return Ok(applied),
                Written::Conflict(now) => row = now,
            }
        }
        Err(Failure::unavailable("records", format!("row {} is written by many", change.key)))
    }

    /// Returns one row, tombstones included.
    pub async fn record(
        &self,
        tenant: &Tenant,
        table: &Name,
        key: &str,
    ) -> Result<Option<HubRecord>, Failure> {
        let row = self.tables.get(Table::Records, &partition(tenant, table), key).await?;
        row.map(|row| row.read()).transpose()
    }

    /// Returns rows by key order, tombstones left out.
    pub async fn records(
        &self,
        tenant: &Tenant,
        table: &Name,
        limit: usize,
        start: Option<Start>,
    ) -> Result<(Vec<HubRecord>, Option<Start>), Failure> {
        let query = Query { pk: partition(tenant, table), limit, start, ..Query::default() };
        let rows = self.tables.query(Table::Records, query).await?;
        let mut records: Vec<HubRecord> =
            rows.items.iter().map(Item::read).collect::<Result<_, _>>()?;
        records.retain(|record| !record.deleted);
        Ok((records, rows.next))
    }

    /// Returns rows in the order in which they changed, tombstones included.
    ///
    /// `since_ms` is inclusive. The newest second is left out, so that none is missed.
    pub async fn changes(
        &self,
        tenant: &Tenant,
        table: &Name,
        since_ms: Option<i64>,
        limit: usize,
        start: Option<Start>,
    ) -> Result<(Vec<HubRecord>, Option<Start>), Failure> {
        let settled = self.clock.now_ms() - SETTLE_MS / i64::from(self.time_scale.max(1));
        let query = Query {
            pk: partition(tenant, table),
            by_alt: true,
            from: since_ms.map(|since| format!("{since:013}")),
            to: Some(format!("{settled:013}~")),
            limit,
            start,
            ..Query::default()
        };
        let rows = self.tables.query(Table::Records, query).await?;
        let records = rows.items.iter().map(Item::read).collect::<Result<_, _>>()?;
        Ok((records, rows.next))
    }
}

/// Returns the position of the newest change of each key, in order of first appearance.
pub(crate) fn winners(changes: &[Change]) -> Vec<usize> {
    let mut best: indexmap::IndexMap<&str, usize> = indexmap::IndexMap::new();
    for (at, change) in changes.iter().enumerate() {
        let winner = best.entry(&change.key).or_insert(at);
        let older = match (&change.version, &changes[*winner].version) {
            (Some(version), Some(best)) => is_older(version, best),
            _ => false,
        };
        if !older {
            *winner = at;
        }
    }
    best.into_values().collect()
}

/// Decides what a change does to a row, and what the row becomes.
pub(crate) fn decide(
    mode: Mode,
    batch: &str,
    change: &Change,
    there: Option<HubRecord>,
    now_ms: i64,
) -> (Applied, Option<HubRecord>) {
    let deletes = change.deleted || mode == Mode::Delete;
    let value = match (&there, deletes) {
        (Some(there), true) => there.value.clone(),
        _ => change.value.clone(),
    };
    let hash = Digest::of(&[value.to_string().as_bytes()]);
    let live = there.as_ref().filter(|row| !row.deleted);
    if let Some(row) = &there {
        if row.by == batch && row.hash == hash && row.deleted == deletes {
            let applied = match (deletes, row.created) {
                (true, _) => Applied::Deleted,
                (false, true) => Applied::Created,
                (false, false) => Applied::Updated,
            };
            return (applied, None);
        }
        if change.version.as_ref().is_some_and(|version| is_older(version, &row.version)) {
            return (Applied::Stale, None);
        }
        let is_tie = change.version.as_ref().is_none_or(|version| *version == row.version);
        if is_tie && was_read_later(&row.by, batch) {
            return (Applied::Stale, None);
        }
    }
    let applied = match (live, deletes, mode) {
        (None, true, _) => return (Applied::Unchanged, None),
        (Some(_), true, _) => Applied::Deleted,
        (Some(_), false, Mode::Insert) => return (Applied::Exists, None),
        (None, false, Mode::Update) => return (Applied::Missing, None),
        (Some(row), false, _) if row.hash == hash => return (Applied::Unchanged, None),
        (Some(_), false, _) => Applied::Updated,
        (None, false, _) => Applied::Created,
    };
    let version = change.version.clone();
    let version = version.or_else(|| there.map(|row| row.version)).unwrap_or_default();
    let row = HubRecord {
        key: change.key.clone(),
        version,
        hash,
        changed_at: now_ms,
        deleted: deletes,
        by: batch.to_owned(),
        created: applied == Applied::Created,
        hops: change.hops,
        value,
    };
    (applied, Some(row))
}

/// Tells whether `there` is a later batch of the same run than `batch`: what a source gives later
/// is newer, whichever is written first. Batches are named `<run>-<number>`.
fn was_read_later(there: &str, batch: &str) -> bool {
    let split = |name: &str| {
        let (run, seq) = name.rsplit_once('-')?;
        Some((run.to_owned(), seq.parse::<u64>().ok()?))
    };
    match (split(there), split(batch)) {
        (Some((there, later)), Some((run, seq))) => there == run && later > seq,
        _ => false,
    }
}

/// Returns the bound of [`Store::changes`] for a cursor mark.
pub fn since_of(mark: &Mark) -> Option<i64> {
    match mark {
        Mark::Time(micros) => Some(micros.div_euclid(1000)),
        _ => None,
    }
}
