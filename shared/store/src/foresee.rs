//! What changes would do to a hub table: the same decisions as when they are made, and no write there.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use ferrule_core::{Failure, Name, RunId, Tenant, Value, definition::Mode};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    Applied, Change, HubRecord, Item, MAX_ITEM_BYTES, Query, Start, Store, Table, When, Written,
    records::{MARGIN_BYTES, PARALLEL, TRIES, decide, is_key, partition, winners},
};

/// What an earlier batch of a plan would have written is kept this long.
const KEEP_SECS: i64 = 86_400;

/// What a change would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Foreseen {
    /// As it would be answered.
    pub applied: Applied,
    /// What is there now; `None` when nothing is.
    pub old: Option<Value>,
}

/// A row as it is known, and its revision when it is a row of the plan's own.
type Known = (Option<HubRecord>, Option<u64>);

impl Store {
    /// Says what [`Store::apply`] would do. With `plan`, what earlier batches of that run would have
    /// written counts as written: rows beside the table, which are forgotten after a day, say so.
    pub async fn foresee(
        &self,
        tenant: &Tenant,
        table: &Name,
        (mode, batch): (Mode, &str),
        changes: &[Change],
        plan: Option<&RunId>,
    ) -> Result<Vec<Foreseen>, Failure> {
        let mut winners = winners(changes);
        winners.retain(|at| is_key(&changes[*at].key));
        let keys: Vec<String> = winners.iter().map(|at| changes[*at].key.clone()).collect();
        let own = plan.map(|run| format!("{tenant}#plan#{table}#{run}"));
        let known = self.known_rows(&partition(tenant, table), own.as_deref(), &keys).await?;
        let work: Vec<_> = winners
            .into_iter()
            .map(|at| {
                let known = known.get(&changes[at].key).cloned().unwrap_or_default();
                let (change, own) = (&changes[at], own.as_deref());
                async move {
                    let foreseen = self.foresee_one((mode, batch), change, known, own).await?;
                    Ok::<_, Failure>((at, foreseen))
                }
            })
            .collect();
        let decided: Vec<(usize, Foreseen)> =
            stream::iter(work).buffer_unordered(PARALLEL).try_collect().await?;
        let undecided = |change: &Change| {
            let applied = if is_key(&change.key) { Applied::Stale } else { Applied::BadKey };
            Foreseen { applied, old: None }
        };
        let mut all: Vec<Foreseen> = changes.iter().map(undecided).collect();
        for (at, foreseen) in decided {
            all[at] = foreseen;
        }
        Ok(all)
    }

    async fn known_rows(
        &self,
        pk: &str,
        own: Option<&str>,
        keys: &[String],
    ) -> Result<HashMap<String, Known>, Failure> {
        let mut known = HashMap::new();
        for row in self.tables.get_many(Table::Records, pk, keys).await? {
            known.insert(row.sk.clone(), (Some(row.read()?), None));
        }
        if let Some(own) = own {
            for row in self.tables.get_many(Table::State, own, keys).await? {
                known.insert(row.sk.clone(), (Some(row.read()?), Some(row.rev)));
            }
        }
        Ok(known)
    }

    async fn foresee_one(
        &self,
        (mode, batch): (Mode, &str),
        change: &Change,
        (mut there, mut rev): Known,
        own: Option<&str>,
    ) -> Result<Foreseen, Failure> {
        for _ in 0..TRIES {
            let live = there.as_ref().filter(|row| !row.deleted);
            let old = live.map(|row| row.value.clone());
            let (applied, next) = decide(mode, batch, change, there, self.clock.now_ms());
            let Some(next) = next else { return Ok(Foreseen { applied, old }) };
            let mut item = Item::new(own.unwrap_or("none"), &change.key, &next)?;
            if item.body.len() + change.key.len() + MARGIN_BYTES > MAX_ITEM_BYTES {
                return Ok(Foreseen { applied: Applied::TooLarge, old });
            }
            if own.is_none() {
                return Ok(Foreseen { applied, old });
            }
            item.rev = 1;
            let item = item.with_expiry(self.clock.now_secs() + KEEP_SECS);
            let when = rev.map_or(When::Absent, When::Rev);
            match self.tables.put(Table::State, item, when).await? {
                Written::Done => return Ok(Foreseen { applied, old }),
                Written::Conflict(now) => {
                    rev = now.as_ref().map(|row| row.rev);
                    there = now.map(|row| row.read()).transpose()?;
                }
            }
        }
        Err(Failure::unavailable("records", format!("row {} is planned by many", change.key)))
    }

    /// Counts the live rows of a table, no further than `enough`, beside those that were counted before.
    /// When the time is up, it says where to go on.
    pub async fn holds(
        &self,
        tenant: &Tenant,
        table: &Name,
        enough: u64,
        (mut number, start): (u64, Option<Start>),
        time: Duration,
    ) -> Result<(u64, Option<Start>), Failure> {
        let mut query = Query { pk: partition(tenant, table), start, ..Query::default() };
        let begun = Instant::now();
        while number < enough {
            let rows = self.tables.query(Table::Records, query.clone()).await?;
            for row in &rows.items {
                number += u64::from(!row.read::<HubRecord>()?.deleted);
            }
            match rows.next {
                Some(next) if number < enough && begun.elapsed() >= time => {
                    return Ok((number, Some(next)));
                }
                Some(next) => query.start = Some(next),
                None => break,
            }
        }
        Ok((number.min(enough), None))
    }
}
