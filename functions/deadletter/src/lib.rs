#![doc = include_str!("../README.md")]

use ferrule_core::Failure;
use ferrule_lambda::{give_up, park_text};
use ferrule_store::{Definitions, Store};
use tracing::error;

/// Parks what no function could bring to an end.
#[derive(Debug)]
pub struct DeadLetters {
    store: Store,
    definitions: Definitions,
    prefix: String,
}

impl DeadLetters {
    /// Wires it to the store. Queue names are `<stack>-<function>-dead`.
    pub fn new(store: Store, stack: &str) -> Self {
        let definitions = Definitions::new(store.clone());
        Self { store, definitions, prefix: format!("{stack}-") }
    }

    /// Writes one dead letter to the error log, parks its payload, and tells the journal.
    pub async fn handle(&self, queue: &str, body: &str) -> Result<(), Failure> {
        let function = self.function_of(queue);
        let crashed = Failure::coded(
            "DEAD_LETTER",
            format!("{function} took the message again and again and never came to an end with it"),
        );
        error!(code = crashed.code(), function, "parked a dead letter");
        match self.store.read_message(body).await {
            Ok(message) => {
                give_up(&self.store, &self.definitions, function, message, &crashed).await
            }
            Err(unreadable @ Failure::Invalid { .. }) => {
                park_text(&self.store, function, body, &unreadable).await
            }
            Err(failure) => Err(failure),
        }
    }

    fn function_of<'q>(&self, queue: &'q str) -> &'q str {
        let name = queue.strip_prefix(&self.prefix).unwrap_or(queue);
        name.strip_suffix("-dead").unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use ferrule_core::{Digest, Envelope, Message, Name, Note, Task, Tenant, Value};
    use ferrule_store::{Clock, ErrorFilter, ErrorState, Queues};

    use super::*;

    #[tokio::test]
    async fn an_unreadable_letter_is_parked_with_its_text() {
        let store = Store::memory(Clock::manual(1_000));
        let letters = DeadLetters::new(store.clone(), "ferrule");
        letters.handle("ferrule-transform-dead", "{not json").await.unwrap();
        let operator = Tenant::new("operator").unwrap();
        let (rows, _) = store.errors(&operator, &ErrorFilter::default(), 10, None).await.unwrap();
        assert_eq!((rows[0].stage.as_str(), rows[0].state), ("transform", ErrorState::Parked));
        let payload = rows[0].payload.as_deref().unwrap();
        let kept = store.payloads.get(&operator, payload).await.unwrap().unwrap();
        assert_eq!(kept, b"{not json");
    }

    fn queues(store: &Store) -> &ferrule_store::memory::Queues {
        let Queues::Memory(queues, _) = &store.queues else { panic!("not in memory") };
        queues
    }

    async fn left_behind(task: &str) -> (Store, Option<Task>) {
        let store = Store::memory(Clock::manual(1_760_000_000_000));
        let run = store.new_run_id();
        let body = format!(
            r#"{{"envelope":{{"v":1,"tenant":"acme","integration":"copy","run":"{run}"}},
            "task":"{task}","packed":"???"}}"#
        );
        let letters = DeadLetters::new(store.clone(), "ferrule");
        letters.handle("ferrule-transform-dead", &body).await.unwrap();
        let note = queues(&store).receive("journal");
        let note = note.map(|note| Message::decode(&note.body).unwrap());
        assert!(note.as_ref().is_none_or(|note| note.envelope.run == run));
        (store, note.map(|note| note.task))
    }

    #[tokio::test]
    async fn the_run_that_waits_for_an_unreadable_letter_fails() {
        for task in ["transform", "load", "extract", "note"] {
            let (store, note) = left_behind(task).await;
            assert!(matches!(note, Some(Task::Note(Note::Failed { .. }))), "{task}");
            let acme = Tenant::new("acme").unwrap();
            let (rows, _) = store.errors(&acme, &ErrorFilter::default(), 10, None).await.unwrap();
            assert_eq!(rows.len(), 1);
        }
        for task in ["events", "fold", "flush", "check"] {
            assert!(left_behind(task).await.1.is_none(), "{task}");
        }
    }

    #[tokio::test]
    async fn a_letter_that_lies_elsewhere_is_parked_with_what_lies_there() {
        let store = Store::memory(Clock::manual(1_760_000_000_000));
        let (acme, run) = (Tenant::new("acme").unwrap(), store.new_run_id());
        store.payloads.put(&acme, "_messages/x", b"{not json".to_vec()).await.unwrap();
        let digest = Digest::of(&[b"{not json"]);
        let name = Name::new("copy").unwrap();
        let envelope = Envelope::new(acme.clone(), name, digest.clone(), run);
        let envelope = Value::of(&envelope).unwrap();
        let body =
            format!(r#"{{"envelope":{envelope},"spilled":"_messages/x","digest":"{digest}"}}"#);
        let letters = DeadLetters::new(store.clone(), "ferrule");
        letters.handle("ferrule-transform-dead", &body).await.unwrap();
        let (rows, _) = store.errors(&acme, &ErrorFilter::default(), 10, None).await.unwrap();
        let kept = store.payloads.get(&acme, rows[0].payload.as_deref().unwrap()).await.unwrap();
        assert_eq!(kept.unwrap(), b"{not json");
        assert!(queues(&store).receive("journal").is_some());
    }
}
