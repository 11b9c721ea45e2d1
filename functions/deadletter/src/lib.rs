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
    use ferrule_core::Tenant;
    use ferrule_store::{Clock, ErrorFilter, ErrorState};

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
}
