//! Writes what comes for one run at the same time at once.
//!
//! A run is one row of the sync log. Would each note of a batch of messages be written by itself, they would race for
//! that row, and most of them would read and write in vain, at the price of a write each.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ferrule_core::{Failure, Note, RunId, Tenant};
use tokio::sync::oneshot::{self, error::TryRecvError};

type Of = (Tenant, RunId);
type Outcome = Result<(), Failure>;

/// Those who wait, by run.
#[derive(Debug, Default)]
pub(crate) struct Together {
    lines: Mutex<HashMap<Of, Arc<Line>>>,
}

/// Those who wait for one run. Whoever's turn it is writes for all.
#[derive(Debug, Default)]
struct Line {
    turn: tokio::sync::Mutex<()>,
    waiting: Mutex<Vec<(Note, oneshot::Sender<Outcome>)>>,
}

impl Together {
    /// Has a note written, together with all others that wait by then; returns what became of that.
    pub(crate) async fn write<W>(&self, of: Of, note: Note, write: W) -> Outcome
    where
        W: AsyncFnOnce(&[Note]) -> Outcome,
    {
        let line = Arc::clone(lock(&self.lines).entry(of.clone()).or_default());
        let (answer, mut answered) = oneshot::channel();
        lock(&line.waiting).push((note.clone(), answer));
        let turn = line.turn.lock().await;
        let outcome = match answered.try_recv() {
            Ok(outcome) => outcome,
            Err(gone) => {
                let (mut notes, answers): (Vec<_>, Vec<_>) =
                    mem::take(&mut *lock(&line.waiting)).into_iter().unzip();
                if gone == TryRecvError::Closed {
                    // Whoever had it died with it.
                    notes.push(note);
                }
                let outcome = write(&notes).await;
                for answer in answers {
                    // Ours is among them, and nobody listens to it.
                    drop(answer.send(outcome.clone()));
                }
                outcome
            }
        };
        drop(turn);
        self.leave(&of, &line);
        outcome
    }

    /// Forgets a line in which nobody stands any more: it is known here and to whoever leaves.
    fn leave(&self, of: &Of, line: &Arc<Line>) {
        let mut lines = lock(&self.lines);
        if Arc::strong_count(line) == 2 {
            lines.remove(of);
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.lines).is_empty()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
