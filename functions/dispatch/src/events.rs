//! Which integrations an event starts.

use ferrule_core::{
    Batch, Digest, Envelope, Failure, Record, Task,
    definition::{Output, ROOM, Trigger, Urgency},
    event::HUB_EVENTS,
};
use ferrule_store::{Arrival, Claimed, Delivery, Listener, envelope_of};
use tracing::warn;

use crate::{Dispatch, plan::Role};

/// An integration, and those of the events that are for it.
struct Start {
    listener: Listener,
    records: Vec<Record>,
}

impl Dispatch {
    /// Starts a run of every integration that the events are for. One that cannot be started keeps
    /// nobody else waiting; all are tried again together, and repeats are recognised.
    pub(crate) async fn events(&self, envelope: &Envelope, batch: &Batch) -> Result<(), Failure> {
        let mut starts = self.starts(envelope, batch).await?;
        starts.sort_by_key(|start| std::cmp::Reverse(start.listener.urgency));
        let mut failed = None;
        for start in starts {
            if let Err(failure) = self.start(envelope, start).await {
                warn!(code = failure.code(), %failure, "could not start an integration");
                // What can be tried again decides, so that nobody's turn is parked with another's.
                let is_final = |failed: &Option<Failure>| {
                    matches!(
                        failed,
                        None | Some(Failure::Invalid { .. } | Failure::Rejected { .. })
                    )
                };
                if is_final(&failed) {
                    failed = Some(failure);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn starts(&self, envelope: &Envelope, batch: &Batch) -> Result<Vec<Start>, Failure> {
        let events: Vec<_> = batch.records.iter().map(|record| &record.value).collect();
        let heard = self.listeners.of_each(&envelope.tenant, &events).await?;
        let mut starts: Vec<Start> = Vec::new();
        for (record, listeners) in batch.records.iter().zip(heard) {
            for listener in listeners {
                let same = |start: &&mut Start| {
                    let there = &start.listener;
                    (&there.name, there.is_told) == (&listener.name, listener.is_told)
                };
                match starts.iter_mut().find(same) {
                    Some(start) => start.records.push(record.clone()),
                    None => starts.push(Start { listener, records: vec![record.clone()] }),
                }
            }
        }
        Ok(starts)
    }

    async fn start(&self, envelope: &Envelope, start: Start) -> Result<(), Failure> {
        let Start { listener, records } = start;
        let integration = &*listener.integration;
        let told: &[u8] = if listener.is_told { b"told" } else { b"" };
        let id = Digest::of(&[envelope.run.as_str().as_bytes(), told]);
        let is_alert = |record: &Record| {
            let kind = record.value.get("type").and_then(ferrule_core::Value::as_str);
            kind.is_some_and(|kind| HUB_EVENTS.contains(&kind))
        };
        let arrival = Arrival {
            trigger: match &integration.trigger {
                Some(Trigger::ConfigChange(_)) if !listener.is_told => "config_change",
                _ => "event",
            },
            urgency: listener.urgency,
            alert: records.iter().any(is_alert),
            origin: "events".into(),
            records,
        };
        let is_as_it_is = integration.map.is_none() && integration.validate.is_empty();
        if listener.is_told {
            return self.begin(envelope, &listener, id, arrival, Role::Told).await;
        }
        if is_as_it_is && matches!(integration.output, Output::Notify(_)) {
            return self.begin(envelope, &listener, id, arrival, Role::Output).await;
        }
        let of = (integration, &listener.hash);
        self.store.deliver(&envelope.tenant, of, id, arrival).await.map(drop)
    }

    /// Starts a run that needs no mapping, and does its work at once. What is less urgent than the
    /// events that brought it goes through the queue, and so does what cannot be done now.
    async fn begin(
        &self,
        envelope: &Envelope,
        listener: &Listener,
        id: Digest,
        arrival: Arrival,
        role: Role,
    ) -> Result<(), Failure> {
        let tenant = &envelope.tenant;
        let delivery = Delivery { integration: listener.name.clone(), id };
        let mut run = self.store.run_of(&listener.integration, &listener.hash, &arrival);
        run.progress.end(ROOM);
        let Claimed { run, is_sent } = self.store.claim_run(tenant, &delivery, run).await?;
        if is_sent {
            return Ok(());
        }
        let Arrival { origin, mut records, urgency, .. } = arrival;
        // Nothing maps them: here they come through an integration.
        for record in &mut records {
            record.hops = record.hops.next();
        }
        let batch = Batch { origin, records, ..Batch::default() };
        let own = envelope_of(tenant, &run);
        let is_behind = urgency != Urgency::High && envelope.urgency == Urgency::High;
        let outcome = match role {
            Role::Output if is_behind => self.queue(&own, batch).await,
            Role::Output => match self.tell(&own, &batch, role).await {
                Ok(()) => Ok(()),
                Err(failure) => {
                    warn!(code = failure.code(), %failure, "left to the queue");
                    self.queue(&own, batch).await
                }
            },
            Role::Told => self.tell(&own, &batch, role).await,
        };
        outcome?;
        self.store.run_is_sent(tenant, &delivery, &run.run).await
    }

    async fn queue(&self, envelope: &Envelope, batch: Batch) -> Result<(), Failure> {
        self.store.send_task("dispatch", envelope, Task::Load(batch)).await
    }
}
