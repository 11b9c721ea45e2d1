//! The call limit, kept by us and corrected by the vendor.

use std::time::Duration;

use ferrule_connector::{Failure, Http, HttpOptions, Limiter, Name, Store, Tenant};
use ferrule_core::definition::Rate;
use ferrule_store::Clock;
use ferrule_testing::vendor::{Reply, Vendor};

use super::get;

fn store() -> Store {
    Store::memory(Clock::manual(1_700_000_000_000))
}

/// Another process that works on the same connection.
fn worker(store: &Store, calls: u32) -> Http {
    let rate = Rate { calls, window_secs: 60 };
    let (tenant, name) = (Tenant::new("acme").unwrap(), Name::new("crm").unwrap());
    Http::new(HttpOptions {
        local: true,
        clock: store.clock.clone(),
        limiter: Some(Limiter::new(store, &tenant, &name, rate)),
        ..HttpOptions::new("crm")
    })
}

fn wait(outcome: Result<ferrule_connector::Answer, Failure>) -> Option<Duration> {
    match outcome.err().unwrap() {
        Failure::Throttled { retry_after, .. } => retry_after,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn ten_workers_make_sixty_calls_and_not_one_more() {
    let vendor = Vendor::start(|_, _| Reply::json("{}")).await;
    let store = store();
    let workers: Vec<Http> = (0..10).map(|_| worker(&store, 60)).collect();
    let mut tasks = Vec::new();
    for http in &workers {
        let calls = (0..7).map(|_| http.send(get(&vendor, "/")));
        tasks.push(futures_util::future::join_all(calls));
    }
    let outcomes = futures_util::future::join_all(tasks).await.successes();
    assert_eq!(vendor.requests().len(), outcomes);
    assert!((50..=60).contains(&outcomes), "{outcomes}");
    assert!(wait(workers[0].send(get(&vendor, "/")).await).unwrap() > Duration::from_mins(1));
}

/// Counts what came through.
trait Count {
    fn successes(self) -> usize;
}

impl<T, E> Count for Vec<Vec<Result<T, E>>> {
    fn successes(self) -> usize {
        self.into_iter().flatten().flatten().count()
    }
}

#[tokio::test]
async fn a_429_stops_every_worker_for_as_long_as_the_vendor_says() {
    let vendor = Vendor::start(|_, _| Reply::status(429).header("retry-after", "7")).await;
    let store = store();
    let (one, other) = (worker(&store, 60), worker(&store, 60));
    assert_eq!(wait(one.send(get(&vendor, "/")).await), Some(Duration::from_secs(7)));
    assert_eq!(wait(other.send(get(&vendor, "/")).await), Some(Duration::from_secs(7)));
    assert_eq!(vendor.requests().len(), 1);
    store.clock.advance(Duration::from_secs(7));
    wait(other.send(get(&vendor, "/")).await);
    assert_eq!(vendor.requests().len(), 2);
}

#[tokio::test]
async fn the_last_call_that_remains_is_the_last_call_made() {
    let vendor = Vendor::start(|_, _| {
        let reply = Reply::json("{}").header("x-ratelimit-remaining", "0");
        reply.header("x-ratelimit-reset", "1700000030")
    })
    .await;
    let store = store();
    worker(&store, 60).send(get(&vendor, "/")).await.unwrap();
    let left = wait(worker(&store, 60).send(get(&vendor, "/")).await);
    assert_eq!(left, Some(Duration::from_secs(30)));
    assert_eq!(vendor.requests().len(), 1);
}

#[tokio::test]
async fn a_503_says_when_to_come_back() {
    let vendor = Vendor::start(|_, _| Reply::status(503).header("retry-after", "120")).await;
    let failure = worker(&store(), 60).send(get(&vendor, "/")).await.err().unwrap();
    let hint = Some(Duration::from_mins(2));
    assert!(matches!(failure, Failure::Unavailable { retry_after, .. } if retry_after == hint));
}
