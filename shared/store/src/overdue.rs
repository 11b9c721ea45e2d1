//! Digests that wait to be sent, over all tenants: a row each, from its opening until it is sent.
//!
//! The message that has a digest flushed is sent by whoever opens or fills it, after the digest is
//! written. When that fails for good, those who only added to it know nothing of it. So `schedule`
//! asks again for what is overdue, ever more seldom, until it is sent or forgotten.

use std::time::Duration;

use ferrule_core::{Envelope, Failure, Flush, Message, Task, Tenant};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{Collector, Due, Item, Query, Store, Table, When, Write, digests::KEEP_SECS, fresh};

/// Partition of the rows.
const WAITING: &str = "#digests";

/// A digest may be late by so much before somebody else asks for it.
const GRACE: Duration = Duration::from_mins(2);

/// So long until it is asked for once more; doubled each time.
const AGAIN: Duration = Duration::from_mins(15);

/// It is doubled so often at most.
const DOUBLED: u32 = 7;

/// The row of a digest that waits.
#[derive(Serialize, Deserialize)]
struct Waiting {
    envelope: Envelope,
    flush: Flush,
    /// When it should be sent, or is asked for again; milliseconds since 1970.
    due_at: i64,
    /// How often it was asked for from here.
    asked: u32,
}

fn key(tenant: &Tenant, collector: &Collector, digest: &str) -> String {
    let Collector { integration, definition, recipient } = collector;
    format!("{tenant}#{integration}#{definition}#{recipient}#{digest}")
}

impl Store {
    /// Returns the write that has a digest asked for should it be late: part of its opening.
    pub(crate) fn waits(
        &self,
        envelope: &Envelope,
        collector: &Collector,
        due: &Due,
    ) -> Result<Write, Failure> {
        let flush = Flush { recipient: collector.recipient, digest: due.digest.clone() };
        let row = Waiting { envelope: fresh(envelope), flush, due_at: due.at, asked: 0 };
        let key = key(&envelope.tenant, collector, &due.digest);
        let expires = self.clock.now_secs() + KEEP_SECS;
        let mut item = Item::new(WAITING, key, &row)?.with_expiry(expires);
        item.rev = 1;
        Ok(Write::Put(Table::State, item, When::Always))
    }

    /// Notes that a digest is on its way: nobody asks for it any more.
    pub async fn digest_is_sent(
        &self,
        tenant: &Tenant,
        collector: &Collector,
        digest: &str,
    ) -> Result<(), Failure> {
        let key = key(tenant, collector, digest);
        self.tables.delete(Table::State, WAITING, &key, When::Always).await.map(drop)
    }

    /// Asks for every digest that is overdue; returns how many those are. One that cannot be asked
    /// for keeps no other waiting: the first failure is returned at the end.
    pub async fn flush_overdue(&self) -> Result<usize, Failure> {
        let mut query = Query { pk: WAITING.into(), ..Query::default() };
        let (mut count, mut failed) = (0, None);
        loop {
            let rows = self.tables.query(Table::State, query.clone()).await?;
            for item in rows.items {
                match self.ask_for(item).await {
                    Ok(is_overdue) => count += usize::from(is_overdue),
                    Err(failure) => {
                        failed.get_or_insert(failure);
                    }
                }
            }
            match rows.next {
                Some(next) => query.start = Some(next),
                None => return failed.map_or(Ok(count), Err),
            }
        }
    }

    async fn ask_for(&self, item: Item) -> Result<bool, Failure> {
        let mut row: Waiting = item.read()?;
        let now = self.clock.now_ms();
        let ms =
            |span: Duration| i64::try_from(self.scaled(span).as_millis()).unwrap_or(i64::MAX / 2);
        let grace = if row.asked == 0 { ms(GRACE) } else { 0 };
        if row.due_at + grace > now {
            return Ok(false);
        }
        warn!(tenant = %row.envelope.tenant, digest = row.flush.digest, "a digest is overdue");
        let task = Task::Flush(row.flush.clone());
        let message = Message { envelope: row.envelope.clone(), task };
        self.send("dispatch", vec![message], Duration::ZERO).await?;
        row.due_at = now + ms(AGAIN * 2_u32.pow(row.asked.min(DOUBLED)));
        row.asked += 1;
        let Item { pk, sk, rev, expires, .. } = item;
        let after = Item { expires, ..Item::new(pk, sk, &row)? };
        // When the row has changed meanwhile, it was sent or somebody else asked.
        self.tables.put(Table::State, after, When::Rev(rev)).await.map(|_| true)
    }
}
