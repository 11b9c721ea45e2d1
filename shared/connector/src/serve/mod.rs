//! Serves a connector from its queue: everything around reading a page and writing a batch.

mod breaker;
mod check;
mod claim;
mod extract;
mod gone;
mod load;
mod look;
mod notify;
mod ready;
mod release;
mod sample;
mod turns;
mod twice;

use std::{sync::Arc, time::Duration};

pub use check::Checked;

use ferrule_core::{Failure, Message, Task};
use ferrule_lambda::{Runner, Settings, Stage};
use ferrule_store::{Definitions, Store};

use crate::Connector;

/// A connector as a stage: reads messages, calls the connector, keeps the books.
#[derive(Debug)]
pub struct Handler<C> {
    connector: C,
    store: Store,
    definitions: Arc<Definitions>,
    local: bool,
    ready: ready::Connections,
}

impl<C: Connector> Handler<C> {
    /// Wires a connector to the store. `local` allows loopback addresses and local folders.
    pub fn new(connector: C, store: Store, definitions: Arc<Definitions>, local: bool) -> Self {
        Self { connector, store, definitions, local, ready: ready::Connections::default() }
    }
}

impl<C: Connector> Stage for Handler<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    async fn handle(&self, message: &Message, time_left: Duration) -> Result<(), Failure> {
        let Message { envelope, task } = message;
        match task {
            Task::Extract(page) => self.extract(envelope, page, time_left).await,
            Task::Load(batch) => match batch.recipient {
                Some(at) => self.notify(envelope, batch, at, time_left).await,
                None if envelope.purpose.is_deliver() => {
                    self.load(envelope, batch, time_left).await
                }
                None => self.look(envelope, batch, time_left).await,
            },
            Task::Release(release) => self.release(envelope, release, time_left).await,
            Task::Check(check) => self.check(envelope, check, time_left).await,
            Task::Transform(_)
            | Task::Note(_)
            | Task::Events(_)
            | Task::Fold(_)
            | Task::Flush(_) => {
                Err(Failure::coded("TASK", format!("{} takes no such task", C::NAME)))
            }
        }
    }
}

/// Serves `connector` from its queue until the sandbox is shut down.
pub async fn serve<C: Connector>(connector: C) -> Result<(), ferrule_lambda::Error> {
    ferrule_lambda::init();
    let settings = Settings::from_env();
    let store = settings.store();
    let definitions = Arc::new(Definitions::new(store.clone()));
    let handler = Handler::new(connector, store.clone(), Arc::clone(&definitions), settings.local);
    ferrule_lambda::run_queue(Runner::new(handler, store, definitions)).await
}
