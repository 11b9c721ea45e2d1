//! What the error log comes to: some hundred rows, and how many there are of each code.
//!
//! A run may refuse more than fits into memory. So of the others only their number is kept, and one example
//! of each code.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ferrule_core::{Failure, Tenant};
use ferrule_store::{ErrorRow, Item, Query, Start, Store, Table, Tables, When};
use serde::Serialize;

/// Rows that are kept.
pub(super) const KEPT: usize = 500;

/// So many more are there before some are forgotten.
pub(super) const SLACK: usize = 100;

/// Rows read at one time.
const PAGE: usize = 100;

/// The error log.
#[derive(Debug)]
pub struct Errors {
    /// The rows that are kept, last seen first.
    pub kept: Vec<ErrorRow>,
    /// All of them, by code.
    pub codes: Vec<Code>,
}

/// The rows with one code.
#[derive(Debug, Clone, Serialize)]
pub struct Code {
    /// Stable code.
    pub code: String,
    /// How many rows there are, at least: one that is told again counts again once it was forgotten.
    pub rows: u64,
    /// How many records they are about.
    pub records: u64,
    /// One of them.
    pub example: ErrorRow,
}

type Codes = BTreeMap<String, Code>;

/// What is forgotten of an error log.
#[derive(Debug, Default)]
pub(super) struct Forgotten(Mutex<Codes>);

impl Forgotten {
    /// Forgets rows once there are more than are kept.
    pub(super) async fn forget(&self, store: &Store, tenant: &Tenant) -> Result<(), Failure> {
        if held(store, tenant) <= KEPT + SLACK {
            return Ok(());
        }
        let mut start = None;
        for _ in 0..KEPT / PAGE {
            start = page(store, tenant, start).await?.1;
            if start.is_none() {
                return Ok(());
            }
        }
        while start.is_some() {
            let (rows, next) = page(store, tenant, start).await?;
            for row in rows {
                let row = take_row(store, tenant, &row).await?;
                add(&mut self.codes(), row);
            }
            start = next;
        }
        Ok(())
    }

    /// Takes the error log out, with what was forgotten of it.
    pub(super) async fn take(&self, store: &Store, tenant: &Tenant) -> Result<Errors, Failure> {
        let mut kept = Vec::new();
        loop {
            let (rows, next) = page(store, tenant, None).await?;
            for row in rows {
                let row = take_row(store, tenant, &row).await?;
                add(&mut self.codes(), row.clone());
                if kept.len() < KEPT {
                    kept.push(row);
                }
            }
            if next.is_none() {
                let codes = std::mem::take(&mut *self.codes());
                return Ok(Errors { kept, codes: codes.into_values().collect() });
            }
        }
    }

    fn codes(&self) -> MutexGuard<'_, Codes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns how many rows are in memory.
pub(super) fn held(store: &Store, tenant: &Tenant) -> usize {
    match &store.tables {
        Tables::Memory(tables, _) => tables.count_rows(Table::ErrorLog, tenant.as_str()),
        Tables::Aws(_) => 0,
    }
}

/// Reads a page of rows, last seen first.
async fn page(
    store: &Store,
    tenant: &Tenant,
    start: Option<Start>,
) -> Result<(Vec<Item>, Option<Start>), Failure> {
    let query = Query {
        pk: tenant.as_str().into(),
        by_alt: true,
        descending: true,
        limit: PAGE,
        start,
        ..Query::default()
    };
    let rows = store.tables.query(Table::ErrorLog, query).await?;
    Ok((rows.items, rows.next))
}

/// Takes a row out of the table: it is in memory once.
async fn take_row(store: &Store, tenant: &Tenant, row: &Item) -> Result<ErrorRow, Failure> {
    let read = row.read()?;
    store.tables.delete(Table::ErrorLog, tenant.as_str(), &row.sk, When::Always).await?;
    Ok(read)
}

fn add(codes: &mut Codes, row: ErrorRow) {
    let entry = codes.entry(row.code.clone());
    // What is about a page or a file counts as one.
    let (code, records) = (row.code.clone(), row.record.count.max(1));
    let code = entry.or_insert_with(|| Code { code, rows: 0, records: 0, example: row });
    code.rows += 1;
    code.records += records;
}
