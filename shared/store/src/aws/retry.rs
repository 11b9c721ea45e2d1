//! Calls that half succeed: what is left is tried again, a few times.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

use ferrule_core::Failure;

use super::failure::Call;

/// How often in a row nothing may get done.
const MAX_IDLE: u32 = 6;

/// What one attempt achieved.
#[derive(Debug)]
pub(super) struct Attempt<R, W> {
    /// Results.
    pub(super) done: Vec<R>,
    /// Work that was not processed.
    pub(super) left: Vec<W>,
}

impl<R, W> Attempt<R, W> {
    /// Says that there is one result and nothing left.
    pub(super) fn done(result: R) -> Self {
        Self { done: vec![result], left: Vec::new() }
    }

    /// Says that nothing was done.
    pub(super) fn left(work: W) -> Self {
        Self { done: Vec::new(), left: vec![work] }
    }
}

/// Attempts the work until nothing is left, and gives up when nothing gets done for about three
/// seconds. What was done stays done.
pub(super) async fn until_done<W, R, F, A>(
    call: Call<'_>,
    mut work: Vec<W>,
    mut attempt: F,
) -> Result<Vec<R>, Failure>
where
    F: FnMut(Vec<W>) -> A,
    A: Future<Output = Result<Attempt<R, W>, Failure>>,
{
    let mut results = Vec::new();
    let mut idle = 0;
    while !work.is_empty() {
        let before = work.len();
        let Attempt { done, left } = attempt(work).await?;
        results.extend(done);
        idle = if left.len() < before { 0 } else { idle + 1 };
        if idle == MAX_IDLE {
            return Err(call.unavailable(&format!("{} were not processed", left.len())));
        }
        if !left.is_empty() {
            pause(idle).await;
        }
        work = left;
    }
    Ok(results)
}

#[expect(clippy::disallowed_methods, reason = "too short for the queue: 1.6 seconds at most")]
async fn pause(round: u32) {
    tokio::time::sleep(jittered(round, RandomState::new().build_hasher().finish())).await;
}

/// Doubles 50 ms each round and takes a random half to all of it.
fn jittered(round: u32, random: u64) -> Duration {
    let millis = 50 << round.min(5);
    Duration::from_millis(millis / 2 + random % (millis / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call<'_> = Call { service: "sqs", action: "SendMessage", place: "ferrule-rest" };

    #[tokio::test(start_paused = true)]
    async fn asks_again_for_what_was_left_and_only_for_that() {
        let mut asked = Vec::new();
        let results = until_done(CALL, vec![1, 2, 3, 4, 5], |mut work: Vec<i32>| {
            asked.push(work.clone());
            let left = work.split_off(work.len().min(2));
            std::future::ready(Ok(Attempt { done: work, left }))
        });
        assert_eq!(results.await.unwrap(), [1, 2, 3, 4, 5]);
        assert_eq!(asked, [vec![1, 2, 3, 4, 5], vec![3, 4, 5], vec![5]]);
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_when_nothing_gets_done() {
        let mut attempts = 0;
        let results = until_done(CALL, vec![1, 2], |left: Vec<i32>| {
            attempts += 1;
            std::future::ready(Ok(Attempt::<i32, i32> { done: Vec::new(), left }))
        });
        let failure = results.await.unwrap_err();
        assert_eq!((failure.code(), attempts), ("unavailable", MAX_IDLE));
        assert!(failure.to_string().contains("2 were not processed"), "{failure}");
    }

    #[tokio::test(start_paused = true)]
    async fn stops_at_the_first_failure() {
        let results = until_done(CALL, vec![1], |_| {
            std::future::ready(Err::<Attempt<i32, i32>, _>(Failure::rejected("sqs", "no")))
        });
        assert_eq!(results.await.unwrap_err().code(), "rejected");
    }

    #[test]
    fn waits_longer_each_round_but_never_long() {
        for random in [0, 1, 24, 25, u64::MAX] {
            assert!((25..50).contains(&jittered(0, random).as_millis()));
            assert!((800..1600).contains(&jittered(5, random).as_millis()));
            assert!((800..1600).contains(&jittered(60, random).as_millis()));
        }
    }
}
