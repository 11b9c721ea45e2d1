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
    /// Has a part written, together with all others of the same that wait by then. `write` returns what became of
    /// each of them; this returns what became of its own.
    pub async fn write<W>(&self, of: K, part: T, write: W) -> Outcome
    where
        W: AsyncFnOnce(&[T]) -> Vec<Outcome>,
    {
        let line = Arc::clone(lock(&self.lines).entry(of.clone()).or_default());
        let place = Place { lines: &self.lines, of, line };
        let mut answered = place.line.join(part.clone());
        let _turn = place.line.turn.lock().await;
        match answered.try_recv() {
            Ok(outcome) => return outcome,
            // Whoever had it died with it.
            Err(TryRecvError::Closed) => answered = place.line.join(part),
            Err(TryRecvError::Empty) => {}
        }
        // Whoever is as far joins in.
        tokio::task::yield_now().await;
        place.line.write(write).await;
        answered.try_recv().unwrap_or_else(|_| Err(Failure::own("hub", "nobody wrote it")))
    }
}

impl<T> Line<T> {
    /// Stands in line with a part; returns where it is told what became of it.
    fn join(&self, part: T) -> oneshot::Receiver<Outcome> {
        let (answer, answered) = oneshot::channel();
        lock(&self.waiting).push((part, answer));
        answered
    }

    /// Writes for all who stand in line and have not left.
    async fn write<W>(&self, write: W)
    where
        W: AsyncFnOnce(&[T]) -> Vec<Outcome>,
    {
        let waiting = mem::take(&mut *lock(&self.waiting)).into_iter();
        let (parts, answers): (Vec<_>, Vec<_>) =
            waiting.filter(|(_, answer)| !answer.is_closed()).unzip();
        for (answer, outcome) in answers.into_iter().zip(write(&parts).await) {
            // Who left meanwhile is not told.
            drop(answer.send(outcome));
        }
    }
}

/// Somebody's place in a line. Whoever is last to leave takes the line away, also who is dropped on the way.
struct Place<'t, K: Eq + Hash, T> {
    lines: &'t Mutex<HashMap<K, Arc<Line<T>>>>,
    of: K,
    line: Arc<Line<T>>,
}

impl<K: Eq + Hash, T> Drop for Place<'_, K, T> {
    fn drop(&mut self) {
        let mut lines = lock(self.lines);
        // It is known there and here.
        if Arc::strong_count(&self.line) == 2 {
            lines.remove(&self.of);
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

    /// Writes odd parts only.
    async fn one(together: &Together<&str, u64>, written: &Written, part: u64) -> Outcome {
        let write = async |parts: &[u64]| {
            lock(written).push(parts.to_vec());
            tokio::task::yield_now().await;
            let outcome = |part: &u64| match part % 2 {
                0 => Err(Failure::invalid("even")),
                _ => Ok(()),
            };
            parts.iter().map(outcome).collect()
        };
        together.write("queue", part, write).await
    }

    /// Goes on with work as far as it can go.
    async fn is_pending<F: Future>(mut work: Pin<&mut F>) -> bool {
        poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn who_asks_at_the_same_time_shares_a_write_and_has_an_outcome_of_his_own() {
        let (together, written) = (Together::default(), Written::default());
        let [first, second, third] = [1, 2, 3].map(|part| one(&together, &written, part));
        let all = futures_util::future::join3(first, second, third).await;
        assert!(all.0.is_ok() && all.1.is_err() && all.2.is_ok());
        one(&together, &written, 5).await.unwrap();
        assert_eq!(*lock(&written), [vec![1, 2, 3], vec![5]]);
        assert!(lock(&together.lines).is_empty());
    }

    #[tokio::test]
    async fn a_part_whose_writer_died_with_it_is_written_by_its_own() {
        let (together, written) = (Together::default(), Written::default());
        let mut first = Box::pin(one(&together, &written, 1));
        let mut second = Box::pin(one(&together, &written, 3));
        assert!(is_pending(first.as_mut()).await && is_pending(second.as_mut()).await);
        assert!(is_pending(first.as_mut()).await, "it writes for both");
        // Dropped in the middle, as a task that panics is.
        drop(first);
        second.await.unwrap();
        assert_eq!(*lock(&written), [vec![1, 3], vec![3]]);
        assert!(lock(&together.lines).is_empty());
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_written() {
        let (together, written) = (Together::default(), Written::default());
        let mut first = Box::pin(one(&together, &written, 1));
        let mut second = Box::pin(one(&together, &written, 3));
        assert!(is_pending(first.as_mut()).await && is_pending(second.as_mut()).await);
        drop(second);
        first.await.unwrap();
        assert_eq!(*lock(&written), [vec![1]]);
        drop(Box::pin(one(&together, &written, 5)));
        assert!(lock(&together.lines).is_empty());
    }
}
