//! The hub's own stages over memory, one process each.

use std::{sync::Arc, time::Duration};

use ferrule_connector::Handler;
use ferrule_lambda::{Delivered, Runner, Stage};
use ferrule_store::{Definitions, Store};
use journal::Journal;
use records::Records;
use transform::Transform;

use crate::{
    doubles::{Ledger, Numbers},
    planted::{Bug, Planted},
    world::World,
};

/// Queues that are worked on.
pub(crate) const QUEUES: [&str; 5] = ["numbers", "transform", "ledger", "records", "journal"];

/// How long one delivery may take.
const TIME_LEFT: Duration = Duration::from_secs(30);

pub(crate) struct Stages {
    numbers: Runner<Planted<Handler<Numbers>>>,
    ledger: Runner<Planted<Handler<Ledger>>>,
    records: Runner<Planted<Handler<Records>>>,
    transform: Runner<Planted<Transform>>,
    journal: Runner<Planted<Journal>>,
}

impl Stages {
    /// Starts new processes: none of them remembers anything.
    pub(crate) fn new(world: &World, store: &Store, bug: Option<Bug>) -> Self {
        let definitions = Arc::new(Definitions::new(store.clone()));
        let all = (store, &definitions, bug);
        let (handed, cache) = (|| store.clone(), || Arc::clone(&definitions));
        Self {
            numbers: runner(Handler::new(Numbers(world.clone()), handed(), cache(), true), all),
            ledger: runner(Handler::new(Ledger(world.clone()), handed(), cache(), true), all),
            records: runner(Handler::new(Records, handed(), cache(), true), all),
            transform: runner(Transform::new(handed(), cache()), all),
            journal: runner(Journal::new(handed()), all),
        }
    }

    pub(crate) async fn deliver(&self, queue: &str, body: &str) -> Delivered {
        match queue {
            "numbers" => self.numbers.deliver(body, TIME_LEFT).await,
            "ledger" => self.ledger.deliver(body, TIME_LEFT).await,
            "records" => self.records.deliver(body, TIME_LEFT).await,
            "transform" => self.transform.deliver(body, TIME_LEFT).await,
            _ => self.journal.deliver(body, TIME_LEFT).await,
        }
    }
}

fn runner<S: Stage>(
    stage: S,
    (store, definitions, bug): (&Store, &Arc<Definitions>, Option<Bug>),
) -> Runner<Planted<S>> {
    let planted = Planted { stage, bug, store: store.clone() };
    Runner::new(planted, store.clone(), Arc::clone(definitions))
}
