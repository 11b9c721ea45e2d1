//! Tables: a few primitives that DynamoDB and memory both have, with conditions.

use ferrule_core::Failure;

use crate::{aws, memory};

/// DynamoDB's limit is 400 KB an item; a margin is left for keys.
pub const MAX_ITEM_BYTES: usize = 390 * 1024;

/// The six tables (design: section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Definitions, connections, keys, schedules.
    Registry,
    /// A row per run.
    SyncLog,
    /// What went wrong, and what is parked.
    ErrorLog,
    /// The hub's own tables.
    Records,
    /// Cursors, leases, buckets, idempotency keys, breakers; with expiry.
    State,
    /// Who did what, hash-chained.
    Audit,
}

impl Table {
    /// Returns the name behind the stack's prefix.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::SyncLog => "synclog",
            Self::ErrorLog => "errorlog",
            Self::Records => "records",
            Self::State => "state",
            Self::Audit => "audit",
        }
    }

    /// Tells whether the index `by_alt` holds no more than keys: what it goes by never changes, so that only the
    /// first write of a row costs one of the index.
    pub(crate) fn has_lean_index(self) -> bool {
        self == Self::SyncLog
    }
}

/// One row. The body is JSON text; keys and conditions are outside of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    /// Partition key. Starts with the tenant.
    pub pk: String,
    /// Sort key.
    pub sk: String,
    /// Sort key of the index `by_alt`; rows without it are not in the index.
    pub alt: Option<String>,
    /// Revision: grows by one with every write through [`When::Rev`].
    pub rev: u64,
    /// Seconds since 1970 after which the row counts as absent.
    pub expires: Option<i64>,
    /// JSON text.
    pub body: String,
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing.
    Always,
    /// No such row, or one that has expired.
    Absent,
    /// The row is there with this revision.
    Rev(u64),
}

/// What a conditional write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It happened.
    Done,
    /// The condition did not hold; this is the row that is there, if one is.
    Conflict(Option<Item>),
}

impl Written {
    /// Tells whether the write happened.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }
}

/// One write of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Put the row.
    Put(Table, Item, When),
    /// Remove the row (`pk`, `sk`).
    Delete(Table, String, String, When),
    /// Leave the row (`pk`, `sk`) as it is; the others are written only when it is so.
    Check(Table, String, String, When),
}

/// Which rows of one partition.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Partition key.
    pub pk: String,
    /// Read the index `by_alt` and its sort key instead of `sk`.
    pub by_alt: bool,
    /// Only sort keys that start so.
    pub prefix: Option<String>,
    /// Only sort keys at or after this one. Not together with `prefix`.
    pub from: Option<String>,
    /// Only sort keys at or before this one. Not together with `prefix`.
    pub to: Option<String>,
    /// Last first.
    pub descending: bool,
    /// At most this many rows; 0 means as many as one page holds (at most 1 MiB).
    pub limit: usize,
    /// Go on after this row: [`Rows::next`] of the page before.
    pub start: Option<Start>,
}

/// Where a query goes on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Start {
    /// Sort key of the last row.
    pub sk: String,
    /// Index sort key of the last row, when the index is read.
    pub alt: Option<String>,
}

/// A page of rows.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// The rows, in order; expired ones are left out.
    pub items: Vec<Item>,
    /// There is more.
    pub next: Option<Start>,
}

/// The tables, in AWS or in memory.
#[derive(Debug, Clone)]
pub enum Tables {
    /// DynamoDB.
    Aws(aws::Dynamo),
    /// The embedded twin.
    Memory(memory::Tables, memory::Fuse),
}

/// Calls the same method on whichever it is.
macro_rules! either {
    ($self:ident, $tables:ident => $call:expr) => {
        match $self {
            Self::Aws($tables) => $call.await,
            Self::Memory($tables, fuse) => {
                fuse.before().await?;
                let answer = $call;
                fuse.after()?;
                answer
            }
        }
    };
}

impl Tables {
    /// Reads one row, strongly consistent; an expired row is absent.
    pub async fn get(&self, table: Table, pk: &str, sk: &str) -> Result<Option<Item>, Failure> {
        either!(self, tables => tables.get(table, pk, sk))
    }

    /// Reads rows of one partition by sort key, strongly consistent, in any order; rows that are
    /// absent are left out. Any number; unprocessed keys are asked for again.
    pub async fn get_many(
        &self,
        table: Table,
        pk: &str,
        sks: &[String],
    ) -> Result<Vec<Item>, Failure> {
        either!(self, tables => tables.get_many(table, pk, sks))
    }

    /// Writes one row when the condition holds.
    ///
    /// Under [`When::Rev`] the row is written with `rev + 1`, whatever `item.rev` says; under the
    /// others with `item.rev`. A conflict with a row that equals what was to be written (a retried
    /// call whose answer was lost) is [`Written::Done`].
    pub async fn put(&self, table: Table, item: Item, when: When) -> Result<Written, Failure> {
        either!(self, tables => tables.put(table, item, when))
    }

    /// Writes rows without condition; unprocessed ones are written again.
    pub async fn put_many(&self, table: Table, items: Vec<Item>) -> Result<(), Failure> {
        either!(self, tables => tables.put_many(table, items))
    }

    /// Removes one row when the condition holds; removing an absent row is done.
    pub async fn delete(
        &self,
        table: Table,
        pk: &str,
        sk: &str,
        when: When,
    ) -> Result<Written, Failure> {
        either!(self, tables => tables.delete(table, pk, sk, when))
    }

    /// Reads rows of one partition in order. By sort key strongly, by index eventually consistent.
    pub async fn query(&self, table: Table, query: Query) -> Result<Rows, Failure> {
        either!(self, tables => tables.query(table, &query))
    }

    /// Writes all or nothing; at most 100 writes. `false` when a condition did not hold.
    pub async fn transact(&self, writes: Vec<Write>) -> Result<bool, Failure> {
        either!(self, tables => tables.transact(writes))
    }
}
