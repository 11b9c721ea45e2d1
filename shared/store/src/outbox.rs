//! Events on their way: a row written together with what it tells of, then a message.
//!
//! A change without its event cannot exist, nor the reverse. Whoever wrote the row sends it at once;
//! what was left behind by a crash is sent by `schedule` within a minute. `dispatch` recognises what
//! it gets twice.

use std::time::Duration;

use ferrule_core::{
    Batch, Digest, Envelope, Event, Failure, Hops, Message, Name, Record, RunId, Task, Tenant,
    definition::Urgency,
};
use serde::{Deserialize, Serialize};

use crate::{Item, Query, Store, Table, When, Write};

/// Partition of the rows, over all tenants.
const OUTBOX: &str = "#outbox";

/// Whose name is on messages with events.
const EVENTS: &str = "events";

/// Events that happened together; they travel in one message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Posted {
    /// The same however often they are sent.
    pub id: String,
    /// The events; about 60 KiB of them at most.
    pub events: Vec<Event>,
    /// How urgent they are to those who listen, as far as that was known.
    #[serde(default)]
    pub urgency: Urgency,
    /// Integrations that the record has come through which caused them.
    #[serde(default)]
    pub hops: Hops,
}

/// A row of the outbox.
#[derive(Serialize, Deserialize)]
struct Row {
    tenant: Tenant,
    posted: Posted,
}

impl Posted {
    /// Posts one event.
    pub fn one(event: Event) -> Self {
        Self {
            id: event.id.clone(),
            events: vec![event],
            urgency: Urgency::Medium,
            hops: Hops::default(),
        }
    }
}

/// Returns the write that posts events: part of the transaction that makes them true.
pub fn post(tenant: &Tenant, posted: &Posted) -> Result<Write, Failure> {
    let row = Row { tenant: tenant.clone(), posted: posted.clone() };
    let item = Item::new(OUTBOX, key(tenant, &posted.id), &row)?;
    Ok(Write::Put(Table::State, item, When::Always))
}

fn key(tenant: &Tenant, id: &str) -> String {
    format!("{tenant}#{id}")
}

impl Store {
    /// Sends events that were posted, and forgets their row.
    pub async fn send_posted(&self, tenant: &Tenant, posted: &Posted) -> Result<(), Failure> {
        self.tell(tenant, posted).await?;
        self.tables.delete(Table::State, OUTBOX, &key(tenant, &posted.id), When::Always).await?;
        Ok(())
    }

    /// Sends events that need no row: the caller's own message comes again when this fails.
    pub async fn tell(&self, tenant: &Tenant, posted: &Posted) -> Result<(), Failure> {
        let record = |event: &Event| {
            let (value, hops) = (event.record(), posted.hops);
            Record { value, hops, ..Record::default() }
        };
        let records = posted.events.iter().map(record).collect();
        let batch = Batch { origin: EVENTS.into(), records, ..Batch::default() };
        let integration = Name::new(EVENTS).map_err(|e| Failure::invalid(e.to_string()))?;
        let run = RunId::new(posted.id.as_str());
        let envelope = Envelope {
            urgency: posted.urgency,
            // When such a message cannot be handled, nobody is told again: it would not end.
            alert: posted.events.iter().any(Event::is_alert),
            ..Envelope::new(tenant.clone(), integration, Digest::of(&[]), run)
        };
        let message = Message { envelope, task: Task::Events(batch) };
        self.send("dispatch", vec![message], Duration::ZERO).await
    }

    /// Sends what waits in the outbox; returns how many rows that were. One that cannot be sent
    /// keeps no other waiting: the first failure is returned at the end.
    pub async fn drain_outbox(&self) -> Result<usize, Failure> {
        let mut query = Query { pk: OUTBOX.into(), limit: 100, ..Query::default() };
        let (mut count, mut failed) = (0, None);
        loop {
            let rows = self.tables.query(Table::State, query.clone()).await?;
            for item in &rows.items {
                match self.send_row(item).await {
                    Ok(()) => count += 1,
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

    async fn send_row(&self, item: &Item) -> Result<(), Failure> {
        let Row { tenant, posted } = item.read()?;
        self.send_posted(&tenant, &posted).await
    }
}
