//! Queues in memory on which messages are handed over as they are: sender and receiver are one process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use ferrule_core::{Failure, Message};

use super::{Queues, Received, lock};
use crate::{Clock, Outgoing};

/// Messages as they are. On the queues behind it lie tickets for them, so waiting, hiding and coming
/// again are as on every queue.
#[derive(Debug, Clone)]
pub struct Handover {
    tickets: Queues,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    handed: u64,
    messages: HashMap<String, Arc<Message>>,
}

impl Handover {
    /// Makes empty queues that go by `clock`.
    pub fn new(clock: Clock) -> Self {
        Self { tickets: Queues::new(clock), kept: Arc::default() }
    }

    /// Sends messages to the queue of `function`: all, or none.
    pub fn send(
        &self,
        function: &str,
        messages: Vec<Message>,
        delay: Duration,
    ) -> Result<(), Failure> {
        let mut tickets = Vec::with_capacity(messages.len());
        let mut kept = lock(&self.kept);
        for message in messages {
            kept.handed += 1;
            let ticket = kept.handed.to_string();
            kept.messages.insert(ticket.clone(), Arc::new(message));
            tickets.push(Outgoing { body: ticket, delay });
        }
        drop(kept);
        let sent = self.tickets.send(function, tickets.clone());
        if sent.is_err() {
            let mut kept = lock(&self.kept);
            for ticket in &tickets {
                kept.messages.remove(&ticket.body);
            }
        }
        sent
    }

    /// Sends messages that somebody has written already.
    pub(crate) fn send_texts(&self, function: &str, texts: &[Outgoing]) -> Result<(), Failure> {
        for Outgoing { body, delay } in texts {
            self.send(function, vec![Message::decode(body)?], *delay)?;
        }
        Ok(())
    }

    /// Takes the message that has been visible for longest, and hides it.
    pub fn receive(&self, function: &str) -> Option<(Received, Arc<Message>)> {
        let received = self.tickets.receive(function)?;
        let message = lock(&self.kept).messages.get(&received.body).cloned()?;
        Some((received, message))
    }

    /// Removes a message that has been dealt with.
    pub fn delete(&self, function: &str, received: &Received) {
        self.tickets.delete(function, received.id);
        lock(&self.kept).messages.remove(&received.body);
    }

    /// Returns the queues of tickets, which tell who waits and for how long.
    pub fn tickets(&self) -> &Queues {
        &self.tickets
    }
}

#[cfg(test)]
mod tests {
    use ferrule_core::{
        Batch, Digest, Envelope, Flush, Hops, Name, Note, Page, Record, RunId, Task, Tenant, Value,
        definition::Urgency,
    };

    use super::*;
    use crate::{Queues as Either, Store};

    const START: i64 = 1_700_000_000_000;

    fn store(handover: bool) -> Store {
        let clock = Clock::manual(START);
        if handover { Store::embedded(clock) } else { Store::memory(clock) }
    }

    fn envelope(urgency: Urgency) -> Envelope {
        let (tenant, name) = (Tenant::new("acme").unwrap(), Name::new("copy").unwrap());
        Envelope { urgency, ..Envelope::new(tenant, name, Digest::of(&[]), RunId::new("r1")) }
    }

    fn record(text: &str) -> Record {
        let value = ferrule_core::json::parse(text.as_bytes()).unwrap();
        let (key, version) = (Some("k\u{ffff}".to_owned()), Some(Value::from(7)));
        Record { line: 3, key, version, deleted: true, hops: Hops::new(2), value }
    }

    fn tasks() -> Vec<Task> {
        let odd = r#"{"n": 12345678901234567890123, "d": 1.10, "t": "\u0000\ufffe \"ü", "l": [null, {}]}"#;
        let batch =
            |records| Batch { seq: 7, origin: "a\u{fffe}".into(), records, ..Batch::default() };
        let many = (0..900).map(|n| record(&format!("[\"incident number {n}\"]"))).collect();
        let giant = record(&format!("\"{}\"", "long text ".repeat(200_000)));
        vec![
            Task::Extract(Page {
                number: 4,
                position: record(odd).value,
                full: true,
                sample: Some(7),
            }),
            Task::Transform(batch(vec![record(odd), Record::default()])),
            Task::Load(batch(many)),
            Task::Load(batch(vec![giant])),
            Task::Events(batch(Vec::new())),
            Task::Fold(Batch { recipient: Some(2), ..batch(vec![record("{}")]) }),
            Task::Flush(Flush { recipient: 1, digest: "d".into() }),
            Task::Note(Note::Failed { code: "X".into(), message: "no".into() }),
        ]
    }

    /// What a receiver gets, from whichever queue there is.
    async fn received(store: &Store, function: &str) -> Option<Message> {
        match &store.queues {
            Either::Handover(queues) => {
                let (received, message) = queues.receive(function)?;
                queues.delete(function, &received);
                Some(Message::clone(&message))
            }
            Either::Memory(queues, _) => {
                let received = queues.receive(function)?;
                queues.delete(function, received.id);
                Some(store.read_message(&received.body).await.unwrap())
            }
            Either::Aws(_) => unreachable!(),
        }
    }

    #[tokio::test]
    async fn a_receiver_gets_the_same_message_whether_it_is_written_or_handed_over() {
        for urgency in [Urgency::Medium, Urgency::High] {
            for task in tasks() {
                let message = Message { envelope: envelope(urgency), task };
                for store in [store(true), store(false)] {
                    store.send("rest", vec![message.clone()], Duration::ZERO).await.unwrap();
                    let queue = if urgency == Urgency::High { "rest-urgent" } else { "rest" };
                    assert_eq!(received(&store, queue).await.as_ref(), Some(&message));
                    assert_eq!(received(&store, queue).await, None);
                }
            }
        }
    }

    #[tokio::test]
    async fn the_same_records_come_in_the_same_order_however_they_are_cut() {
        let hash =
            |n: u32, part: u32| Digest::of(&[&n.to_be_bytes(), &part.to_be_bytes()]).to_string();
        let noise = |n| format!("\"{}\"", (0..10).map(|part| hash(n, part)).collect::<String>());
        let records: Vec<_> = (0..900).map(|n| record(&noise(n))).collect();
        let mut batches = Vec::new();
        for store in [store(true), store(false)] {
            let mut seq = 0;
            let of = |records| {
                seq += 1;
                Task::Transform(Batch { seq, records, ..Batch::default() })
            };
            let envelope = envelope(Urgency::Medium);
            store.send_records("rest", &envelope, (records.clone(), 700), of).await.unwrap();
            let mut came = Vec::new();
            let mut seqs = Vec::new();
            while let Some(message) = received(&store, "rest").await {
                let Task::Transform(batch) = message.task else { panic!() };
                assert!(batch.records.len() <= 700);
                seqs.push(batch.seq);
                came.extend(batch.records);
            }
            assert_eq!(came, records);
            batches.push(seqs);
        }
        assert_eq!(batches[0], [1, 2], "handed over by number alone");
        assert!(batches[1].len() > 2, "written by size: {:?}", batches[1]);
    }

    #[test]
    fn what_nobody_deletes_comes_again_as_it_is() {
        let clock = Clock::manual(START);
        let queues = Handover::new(clock.clone());
        let message = Message { envelope: envelope(Urgency::Medium), task: tasks().remove(0) };
        queues.send("rest", vec![message.clone()], Duration::from_secs(5)).unwrap();
        assert_eq!(queues.receive("rest"), None);
        clock.advance(Duration::from_secs(5));
        let (received, first) = queues.receive("rest").unwrap();
        queues.tickets().delay("rest", received.id, Duration::from_secs(30));
        assert_eq!(queues.receive("rest"), None);
        clock.advance(Duration::from_secs(30));
        let (received, again) = queues.receive("rest").unwrap();
        assert_eq!((received.receives, &*first, &*again), (2, &message, &message));
        queues.delete("rest", &received);
        clock.advance(Duration::from_hours(1));
        assert_eq!(queues.receive("rest"), None);
    }
}
