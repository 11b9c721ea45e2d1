//! Many messages that add to the same digest at once take turns, and whoever has the turn adds for
//! all that wait: one write in place of one each, and no fight over the row.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ferrule_core::{Failure, Tenant};
use ferrule_store::{Collector, Member};
use tokio::sync::oneshot;

/// Most digests whose gate is kept; beyond, all that are idle are forgotten.
const MOST: usize = 1000;

type Key = (Tenant, Collector, String);

/// A gate for every lane of every recipient.
#[derive(Debug, Default)]
pub(crate) struct Gates(Mutex<HashMap<Key, Arc<Gate>>>);

/// Where those wait that add to the same digest.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    turn: tokio::sync::Mutex<()>,
    waiting: Mutex<Vec<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    members: Vec<Member>,
    answer: oneshot::Sender<Result<(), Failure>>,
}

impl Gates {
    pub(crate) fn of(&self, tenant: &Tenant, collector: &Collector, lane: &str) -> Arc<Gate> {
        let mut gates = lock(&self.0);
        if gates.len() >= MOST {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        let key = (tenant.clone(), collector.clone(), lane.to_owned());
        Arc::clone(gates.entry(key).or_default())
    }
}

impl Gate {
    /// Has `add` called with these members, and with those of others that wait.
    pub(crate) async fn pass<F, R>(&self, members: Vec<Member>, add: F) -> Result<(), Failure>
    where
        F: FnOnce(Vec<Member>) -> R,
        R: Future<Output = Result<(), Failure>>,
    {
        let (answer, answered) = oneshot::channel();
        lock(&self.waiting).push(Waiting { members, answer });
        {
            let _turn = self.turn.lock().await;
            let mut all = std::mem::take(&mut *lock(&self.waiting));
            if !all.is_empty() {
                let members = all.iter_mut().flat_map(|one| std::mem::take(&mut one.members));
                let outcome = add(members.collect()).await;
                for one in all {
                    // Whoever has gone needs no answer: its message comes again.
                    drop(one.answer.send(outcome.clone()));
                }
            }
        }
        let lost = |_| Err(Failure::unavailable("digests", "whoever added for others broke off"));
        answered.await.unwrap_or_else(lost)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
