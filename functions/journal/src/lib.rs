#![doc = include_str!("../README.md")]

use std::time::Duration;

use ferrule_core::{Failure, Message, Run, Task};
use ferrule_lambda::Stage;
use ferrule_store::Store;
use tracing::info;

/// The journal stage: accounts for batches, closes runs, moves cursors.
#[derive(Debug)]
pub struct Journal {
    store: Store,
}

impl Journal {
    /// Wires the stage to the store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Stage for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    async fn handle(&self, message: Message, _: Duration) -> Result<(), Failure> {
        let Task::Note(note) = message.task else {
            return Err(Failure::coded("TASK", "journal only takes notes"));
        };
        let envelope = &message.envelope;
        let closed = self.store.note(&envelope.tenant, &envelope.run, &[note]).await?;
        if let Some(run) = closed {
            report(&run);
        }
        Ok(())
    }
}

/// One line for each run that ended.
fn report(run: &Run) {
    let counts = &run.counts;
    info!(
        state = ?run.state, read = counts.read, loaded = counts.loaded(),
        refused = counts.refused, parked = counts.parked, "run ended"
    );
}

#[cfg(test)]
mod tests;
