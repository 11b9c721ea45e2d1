//! Tables in memory.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use ferrule_core::Failure;

use super::{lock, partition::Partition};
use crate::{Clock, Item, Query, Rows, Table, When, Write, Written, rules};

/// What was written while a test watched, in order.
type Tape = Vec<(Table, Item)>;

/// How much one page of a query holds, as in DynamoDB.
const PAGE_BYTES: usize = 1024 * 1024;

type Partitions = HashMap<(Table, String), Partition>;

/// Rows by table, partition key and sort key.
#[derive(Debug, Clone)]
pub struct Tables {
    clock: Clock,
    partitions: Arc<Mutex<Partitions>>,
    tape: Arc<Mutex<Option<Tape>>>,
}

impl Tables {
    /// Makes empty tables that go by `clock`.
    pub fn new(clock: Clock) -> Self {
        Self { clock, partitions: Arc::default(), tape: Arc::default() }
    }

    /// Keeps every row that is written from now on, for a test that watches.
    pub fn keep_tape(&self) {
        *lock(&self.tape) = Some(Vec::new());
    }

    /// Returns the rows written since the last call, in order; none when no tape is kept.
    pub fn take_tape(&self) -> Vec<(Table, Item)> {
        lock(&self.tape).as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn insert(&self, partitions: &mut Partitions, table: Table, mut item: Item) {
        // Text that was written piece by piece may have twice the room that it needs.
        item.body.shrink_to_fit();
        if let Some(tape) = lock(&self.tape).as_mut() {
            tape.push((table, item.clone()));
        }
        partitions.entry((table, item.pk.clone())).or_default().insert(item);
    }

    /// Reads one row; an expired row is absent.
    pub fn get(&self, table: Table, pk: &str, sk: &str) -> Result<Option<Item>, Failure> {
        let now = self.clock.now_secs();
        Ok(live(&lock(&self.partitions), now, table, pk, sk).cloned())
    }

    /// Reads rows of one partition; absent ones are left out.
    pub fn get_many(&self, table: Table, pk: &str, sks: &[String]) -> Result<Vec<Item>, Failure> {
        let now = self.clock.now_secs();
        let partitions = lock(&self.partitions);
        let sks: BTreeSet<&String> = sks.iter().collect();
        Ok(sks
            .into_iter()
            .filter_map(|sk| live(&partitions, now, table, pk, sk).cloned())
            .collect())
    }

    /// Returns how many rows a partition holds, expired ones among them.
    pub fn count_rows(&self, table: Table, pk: &str) -> usize {
        lock(&self.partitions).get(&(table, pk.to_owned())).map_or(0, Partition::len)
    }

    /// Writes one row when the condition holds.
    pub fn put(&self, table: Table, item: Item, when: When) -> Result<Written, Failure> {
        rules::check_item(&item)?;
        let now = self.clock.now_secs();
        let mut partitions = lock(&self.partitions);
        let there = live(&partitions, now, table, &item.pk, &item.sk);
        let holds = rules::holds(when, there);
        let item = rules::revised(item, when);
        if holds {
            self.insert(&mut partitions, table, item);
        } else if there != Some(&item) {
            return Ok(Written::Conflict(there.cloned()));
        }
        Ok(Written::Done)
    }

    /// Writes rows without condition.
    pub fn put_many(&self, table: Table, items: Vec<Item>) -> Result<(), Failure> {
        items.iter().try_for_each(rules::check_item)?;
        let mut partitions = lock(&self.partitions);
        for item in items {
            self.insert(&mut partitions, table, item);
        }
        Ok(())
    }

    /// Removes one row when the condition holds; removing an absent row is done.
    pub fn delete(&self, table: Table, pk: &str, sk: &str, when: When) -> Result<Written, Failure> {
        let now = self.clock.now_secs();
        let mut partitions = lock(&self.partitions);
        let there = live(&partitions, now, table, pk, sk);
        if there.is_some() && !rules::holds(when, there) {
            return Ok(Written::Conflict(there.cloned()));
        }
        remove(&mut partitions, table, pk, sk);
        Ok(Written::Done)
    }

    /// Reads rows of one partition in order.
    pub fn query(&self, table: Table, query: &Query) -> Result<Rows, Failure> {
        if rules::is_empty_range(query) {
            return Ok(Rows::default());
        }
        let now = self.clock.now_secs();
        let partitions = lock(&self.partitions);
        let Some(partition) = partitions.get(&(table, query.pk.clone())) else {
            return Ok(Rows::default());
        };
        let rows = partition.walk(query).filter(|item| !rules::is_expired(item, now));
        Ok(page(rows, query))
    }

    /// Writes all or nothing.
    pub fn transact(&self, writes: Vec<Write>) -> Result<bool, Failure> {
        rules::check_writes(&writes)?;
        let now = self.clock.now_secs();
        let mut partitions = lock(&self.partitions);
        let all_hold = writes.iter().all(|write| {
            let (table, pk, sk, when) = rules::target(write);
            rules::holds(when, live(&partitions, now, table, pk, sk))
        });
        if all_hold {
            for write in writes {
                match write {
                    Write::Put(table, item, when) => {
                        self.insert(&mut partitions, table, rules::revised(item, when));
                    }
                    Write::Delete(table, pk, sk, _) => remove(&mut partitions, table, &pk, &sk),
                    Write::Check(..) => {}
                }
            }
        }
        Ok(all_hold)
    }
}

fn live<'p>(
    partitions: &'p Partitions,
    now: i64,
    table: Table,
    pk: &str,
    sk: &str,
) -> Option<&'p Item> {
    let item = partitions.get(&(table, pk.to_owned()))?.get(sk)?;
    (!rules::is_expired(item, now)).then_some(item)
}

fn remove(partitions: &mut Partitions, table: Table, pk: &str, sk: &str) {
    if let Some(partition) = partitions.get_mut(&(table, pk.to_owned())) {
        partition.remove(sk);
    }
}

/// Takes what fits on a page.
fn page<'i>(items: impl Iterator<Item = &'i Item>, query: &Query) -> Rows {
    let mut rows = Rows::default();
    let mut size_bytes = 0;
    for item in items {
        size_bytes += item.pk.len() + item.sk.len() + item.body.len();
        let is_full = query.limit > 0 && rows.items.len() == query.limit;
        if is_full || (size_bytes > PAGE_BYTES && !rows.items.is_empty()) {
            rows.next = rows.items.last().map(|last| rules::start_after(last, query.by_alt));
            break;
        }
        rows.items.push(item.clone());
    }
    rows
}
