#![doc = include_str!("../README.md")]

mod digest;
mod events;
mod gate;
mod plan;
mod send;
mod tell;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ferrule_core::{Digest, Envelope, Failure, Message, Task, Tenant};
use ferrule_lambda::Stage;
use ferrule_store::{Definitions, Listeners, Store};

use crate::{gate::Gates, plan::Plan};

/// Plans kept compiled; beyond, all are forgotten and compiled again.
const MOST_PLANS: usize = 200;

type Plans = HashMap<(Tenant, Digest), Arc<Plan>>;

/// The dispatch stage: from an event to the right people.
#[derive(Debug)]
pub struct Dispatch {
    store: Store,
    definitions: Arc<Definitions>,
    listeners: Listeners,
    plans: Mutex<Plans>,
    gates: Gates,
}

impl Dispatch {
    /// Wires the stage to the store.
    pub fn new(store: Store, definitions: Arc<Definitions>) -> Self {
        let listeners = Listeners::new(store.clone());
        Self { store, definitions, listeners, plans: Mutex::default(), gates: Gates::default() }
    }

    /// Compiles a definition once.
    async fn plan(&self, envelope: &Envelope) -> Result<Arc<Plan>, Failure> {
        let key = (envelope.tenant.clone(), envelope.definition.clone());
        if let Some(there) = self.plans().get(&key) {
            return Ok(Arc::clone(there));
        }
        let integration = self.definitions.of(envelope).await?;
        let plan = Plan::compile(&integration);
        let plan = Arc::new(plan.map_err(|why| Failure::coded("DEFINITION", why))?);
        let mut plans = self.plans();
        if plans.len() >= MOST_PLANS {
            plans.clear();
        }
        plans.insert(key, Arc::clone(&plan));
        Ok(plan)
    }

    fn plans(&self) -> std::sync::MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage for Dispatch {
    fn name(&self) -> &'static str {
        "dispatch"
    }

    async fn handle(&self, message: &Message, _: Duration) -> Result<(), Failure> {
        let Message { envelope, task } = message;
        match task {
            Task::Events(batch) => self.events(envelope, batch).await,
            Task::Load(batch) => match batch.recipient {
                None => self.tell(envelope, batch, plan::Role::Output).await,
                Some(at) => self.forward(envelope, batch, at).await,
            },
            Task::Fold(batch) => self.fold(envelope, batch).await,
            Task::Flush(flush) => self.flush(envelope, flush).await,
            _ => Err(Failure::coded("TASK", "dispatch takes events, notifications and digests")),
        }
    }
}

#[cfg(test)]
mod tests;
