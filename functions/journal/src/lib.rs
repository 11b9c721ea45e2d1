#![doc = include_str!("../README.md")]

use std::time::Duration;

use ferrule_core::{Failure, Message, Note, Run, RunId, Task, Tenant};
use ferrule_lambda::Stage;
use ferrule_store::{Store, Together};
use tracing::info;

/// The journal stage: accounts for batches, closes runs, moves cursors.
#[derive(Debug)]
pub struct Journal {
    store: Store,
    /// A run is one row of the sync log.
    together: Together<(Tenant, RunId), Note>,
}

impl Journal {
    /// Wires the stage to the store.
    pub fn new(store: Store) -> Self {
        Self { store, together: Together::default() }
    }

    async fn note(&self, tenant: &Tenant, run: &RunId, notes: &[Note]) -> Result<(), Failure> {
        if let Some(run) = self.store.note(tenant, run, notes).await? {
            report(&run);
        }
        Ok(())
    }
}

impl Stage for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    async fn handle(&self, message: &Message, _: Duration) -> Result<(), Failure> {
        let Task::Note(note) = &message.task else {
            return Err(Failure::coded("TASK", "journal only takes notes"));
        };
        let (tenant, run) = (&message.envelope.tenant, &message.envelope.run);
        // What it makes of a run is decided by itself.
        if let Note::Weighed { .. } = note {
            return self.note(tenant, run, std::slice::from_ref(note)).await;
        }
        let write = async |notes: &[Note]| {
            let outcome = self.note(tenant, run, notes).await;
            vec![outcome; notes.len()]
        };
        self.together.write((tenant.clone(), run.clone()), note.clone(), write).await
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
