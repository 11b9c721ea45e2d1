//! Does at once what several ask for at the same time.
//!
//! A function works on several messages at a time. Would each of them write the same row by itself, they would race
//! for it, and most would read and write in vain; would each send to the same queue by itself, each would be billed.

use std::{
    collections::HashMap,
    hash::Hash,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ferrule_core::Failure;
use tokio::sync::oneshot::{self, error::TryRecvError};

type Outcome = Result<(), Failure>;

/// Those who wait, by what they wait for.
#[derive(Debug)]
pub struct Together<K, T> {
    lines: Mutex<HashMap<K, Arc<Line<T>>>>,
}

/// Those who wait for one thing. Whoever's turn it is writes for all.
#[derive(Debug)]
struct Line<T> {
    turn: tokio::sync::Mutex<()>,
    waiting: Mutex<Vec<(T, oneshot::Sender<Outcome>)>>,
}

impl<K, T> Default for Together<K, T> {
    fn default() -> Self {
        Self { lines: Mutex::default() }
    }
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { turn: tokio::sync::Mutex::default(), waiting: Mutex::default() }
    }
}

impl<K: Clone + Eq + Hash, T: Clone> Together<K, T> {
    /// Has a part written, together with all others of the same that wait by then; returns what became of all
    /// of them.
    pub async fn write<W>(&self, of: K, part: T, write: W) -> Outcome
    where
        W: AsyncFnOnce(&[T]) -> Outcome,
    {
        let line = Arc::clone(lock(&self.lines).entry(of.clone()).or_default());
        let (answer, mut answered) = oneshot::channel();
        lock(&line.waiting).push((part.clone(), answer));
        let turn = line.turn.lock().await;
        let outcome = match answered.try_recv() {
            Ok(outcome) => outcome,
            Err(gone) => {
                // Whoever is as far joins in.
                tokio::task::yield_now().await;
                let (mut parts, answers): (Vec<_>, Vec<_>) =
                    mem::take(&mut *lock(&line.waiting)).into_iter().unzip();
                if gone == TryRecvError::Closed {
                    // Whoever had it died with it.
                    parts.push(part);
                }
                let outcome = write(&parts).await;
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
    fn leave(&self, of: &K, line: &Arc<Line<T>>) {
        let mut lines = lock(&self.lines);
        if Arc::strong_count(line) == 2 {
            lines.remove(of);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::Pin, task::Poll};

    use super::*;

    /// What was written at once, each time.
    type Written = Mutex<Vec<Vec<u64>>>;

    async fn one(together: &Together<&str, u64>, written: &Written, part: u64) -> Outcome {
        let write = async |parts: &[u64]| {
            lock(written).push(parts.to_vec());
            tokio::task::yield_now().await;
            Ok(())
        };
        together.write("queue", part, write).await
    }

    /// Goes on with work as far as it can go.
    async fn is_pending<F: Future>(mut work: Pin<&mut F>) -> bool {
        poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn who_asks_at_the_same_time_shares_a_write_and_nobody_is_forgotten() {
        let (together, written) = (Together::default(), Written::default());
        let [first, second, third] = [0, 1, 2].map(|part| one(&together, &written, part));
        let all = futures_util::future::join3(first, second, third).await;
        assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok());
        one(&together, &written, 3).await.unwrap();
        assert_eq!(*lock(&written), [vec![0, 1, 2], vec![3]]);
        assert!(lock(&together.lines).is_empty());
    }

    #[tokio::test]
    async fn a_part_whose_writer_died_with_it_is_written_by_its_own() {
        let (together, written) = (Together::default(), Written::default());
        let mut first = Box::pin(one(&together, &written, 0));
        let mut second = Box::pin(one(&together, &written, 1));
        assert!(is_pending(first.as_mut()).await && is_pending(second.as_mut()).await);
        assert!(is_pending(first.as_mut()).await, "it writes for both");
        // Dropped in the middle, as a task that panics is.
        drop(first);
        second.await.unwrap();
        assert_eq!(*lock(&written), [vec![0, 1], vec![1]]);
    }
}
