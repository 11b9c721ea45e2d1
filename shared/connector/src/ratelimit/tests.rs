use ferrule_core::definition::Limits;
use ferrule_store::{Clock, memory::Fuse};
use futures_util::future::join_all;
use proptest::prelude::*;

use super::*;

const START_MS: i64 = 1_700_000_000_000;

fn store() -> Store {
    Store::memory(Clock::manual(START_MS))
}

fn worker(store: &Store, rates: impl Into<Rates>) -> Limiter {
    Limiter::new(store, &Tenant::new("acme").unwrap(), &Name::new("crm").unwrap(), rates)
}

/// What a connection and an integration say, such as `60/m`; nothing is empty.
fn rates(connection: &str, integration: &str) -> Rates {
    let limits = |text: &str| {
        let calls = Rate::try_from(text.to_owned()).ok();
        Limits { calls, ..Limits::default() }
    };
    Rates::of(Some(&limits(connection)), Some(&limits(integration)))
}

/// Takes calls one after the other until none is free; at most `most`.
async fn take_all(limiter: &Limiter, most: usize) -> usize {
    let mut taken = 0;
    while taken < most && limiter.take().await.is_ok() {
        taken += 1;
    }
    taken
}

/// Fails when any window has more calls than it may.
fn most_in_a_window(mut calls_ms: Vec<i64>, window_ms: i64) -> usize {
    calls_ms.sort_unstable();
    let within = |at: &i64| calls_ms.iter().filter(|c| (*at..at + window_ms).contains(*c)).count();
    calls_ms.iter().map(within).max().unwrap_or(0)
}

fn wait_of(failure: &Failure) -> Duration {
    match failure {
        Failure::Throttled { retry_after: Some(wait), .. } => *wait,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn says_exactly_how_long_until_a_call_is_free() {
    let store = store();
    let limiter = worker(&store, DEFAULT_RATE);
    for _ in 0..54 {
        limiter.take().await.unwrap();
    }
    let wait = wait_of(&limiter.take().await.unwrap_err());
    assert!(wait > Duration::from_mins(1) && wait < Duration::from_secs(70), "{wait:?}");
    store.clock.advance(wait.saturating_sub(Duration::from_millis(1)));
    assert!(limiter.take().await.is_err());
    store.clock.advance(Duration::from_millis(1));
    assert!(limiter.take().await.is_ok());
}

#[tokio::test]
async fn urgent_work_does_not_wait_behind_what_took_all_it_could() {
    for (calls, kept) in [(60, 6), (10, 1), (9, 0), (1, 0)] {
        let store = store();
        let usual = worker(&store, Rate { calls, window_secs: 60 });
        let urgent = usual.urgent();
        let mut bulk = 0;
        while usual.take().await.is_ok() {
            bulk += 1;
        }
        let mut more = 0;
        while urgent.take().await.is_ok() {
            more += 1;
        }
        assert_eq!((bulk, more), (calls - kept, kept), "of {calls}");
    }
}

#[tokio::test]
async fn what_is_not_urgent_waits_until_its_own_part_of_the_window_is_free() {
    let store = store();
    let usual = worker(&store, Rate { calls: 10, window_secs: 60 });
    let urgent = usual.urgent();
    for _ in 0..10 {
        urgent.take().await.unwrap();
        store.clock.advance(Duration::from_secs(2));
    }
    let wait = wait_of(&usual.take().await.unwrap_err());
    store.clock.advance(wait.saturating_sub(Duration::from_millis(1)));
    assert!(urgent.take().await.is_ok(), "the oldest call is free for urgent work before");
    store.clock.advance(Duration::from_secs(1));
    assert!(usual.take().await.is_err(), "and was taken by it");
}

#[tokio::test]
async fn an_idle_worker_keeps_no_calls_from_the_others() {
    let store = store();
    let workers: Vec<_> = (0..54).map(|_| worker(&store, DEFAULT_RATE)).collect();
    for worker in &workers {
        worker.take().await.unwrap();
    }
}

#[tokio::test]
async fn what_the_vendor_says_holds_for_every_worker() {
    let store = store();
    let (one, other) = (worker(&store, DEFAULT_RATE), worker(&store, DEFAULT_RATE));
    one.take().await.unwrap();
    one.block(Duration::from_secs(90)).await;
    one.block(Duration::from_secs(5)).await;
    for limiter in [&one, &other] {
        assert_eq!(wait_of(&limiter.take().await.unwrap_err()), Duration::from_secs(90));
    }
    store.clock.advance(Duration::from_secs(90));
    assert!(other.take().await.is_ok());
}

#[tokio::test]
async fn connections_and_tenants_do_not_share_a_limit() {
    let store = store();
    let rate = Rate { calls: 1, window_secs: 60 };
    let of = |tenant: &str, connection: &str| {
        let (tenant, connection) = (Tenant::new(tenant).unwrap(), Name::new(connection).unwrap());
        Limiter::new(&store, &tenant, &connection, rate)
    };
    for (tenant, connection) in [("acme", "crm"), ("acme", "erp"), ("other", "crm")] {
        of(tenant, connection).take().await.unwrap();
    }
    assert!(of("acme", "crm").take().await.is_err());
}

#[tokio::test]
async fn who_looks_back_an_hour_does_not_stop_who_looks_back_a_minute() {
    let store = store();
    let hourly = worker(&store, rates("", "1000/h"));
    // Taken by 1, 2, 4, 8, and then ten at a time.
    assert_eq!(take_all(&hourly, 495).await, 495);
    let usual = worker(&store, rates("", ""));
    assert_eq!(take_all(&usual, 100).await, 54);
    store.clock.advance(Duration::from_mins(2));
    assert_eq!(take_all(&usual, 100).await, 54, "the minute is over");
    assert_eq!(take_all(&hourly, 1000).await, 405, "and the hour is not");
}

#[tokio::test]
async fn a_slow_integration_gets_its_calls_beside_a_fast_one_and_both_keep_the_connections_limit() {
    let store = store();
    let fast = worker(&store, rates("600/m", ""));
    let slow = worker(&store, rates("600/m", "10/m"));
    assert_eq!(take_all(&fast, 300).await, 300);
    assert_eq!(take_all(&slow, 100).await, 9);
    assert_eq!(take_all(&fast, 1000).await, 540 - 300 - 9);
    let twin = worker(&store, rates("600/m", "10/m"));
    assert_eq!(take_all(&twin, 100).await, 0, "integrations that say the same share it");
}

#[tokio::test]
async fn the_time_scale_shortens_the_window() {
    let store = Store { time_scale: 60, ..store() };
    let limiter = worker(&store, Rate { calls: 1, window_secs: 60 });
    limiter.take().await.unwrap();
    assert!(wait_of(&limiter.take().await.unwrap_err()) < Duration::from_millis(1300));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_workers_racing_for_the_row_never_take_one_too_many() {
    let store = store();
    let tasks = (0..10).map(|_| {
        let limiter = worker(&store, DEFAULT_RATE);
        tokio::spawn(async move {
            let mut taken = 0;
            for _ in 0..100 {
                taken += u32::from(limiter.take().await.is_ok());
                tokio::task::yield_now().await;
            }
            taken
        })
    });
    let mut taken = 0;
    for task in tasks.collect::<Vec<_>>() {
        taken += task.await.unwrap();
    }
    assert!(taken <= 54, "{taken}");
    assert!(taken >= 40, "{taken}");
}

#[tokio::test]
async fn a_lost_race_is_noticed_even_when_both_write_the_same() {
    let store = store();
    let (one, other) = (worker(&store, DEFAULT_RATE), worker(&store, DEFAULT_RATE));
    one.take().await.unwrap();
    let ((mut mine, rev), (mut theirs, same)) =
        (one.read().await.unwrap(), other.read().await.unwrap());
    one.grant(&mut mine, START_MS, 1).unwrap();
    other.grant(&mut theirs, START_MS, 1).unwrap();
    assert_eq!((&mine, rev), (&theirs, same));
    assert!(one.write(mine, rev).await.unwrap());
    assert!(!other.write(theirs, same).await.unwrap());
}

/// What happens next in the model: a worker tries to call, its call takes a while, time passes.
fn steps() -> impl Strategy<Value = Vec<(usize, i64, i64, u64)>> {
    let took_ms = prop_oneof![4 => 0..200_i64, 1 => 0..8_000_i64];
    let pause_ms = prop_oneof![6 => 0..100_u64, 2 => 0..3_000_u64, 1 => 0..70_000_u64];
    prop::collection::vec((0..10_usize, took_ms, 0..=100_i64, pause_ms), 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_window_of_the_vendor_ever_has_one_call_too_many(
        steps in steps(),
        calls in 1..70_u32,
        window_secs in prop_oneof![Just(1), Just(60), Just(3600)],
        own_calls in 1..70_u32,
        own_secs in prop_oneof![Just(1), Just(60), Just(3600)],
    ) {
        let store = store();
        let limits = |calls, window_secs| Limits {
            calls: Some(Rate { calls, window_secs }),
            ..Limits::default()
        };
        let (all, own) = (limits(calls, window_secs), limits(own_calls, own_secs));
        // The last five belong to an integration with a limit of its own.
        let of = |at: usize| {
            let worker = worker(&store, Rates::of(Some(&all), (at >= 5).then_some(&own)));
            if at % 5 < 3 { worker } else { worker.urgent() }
        };
        let workers: Vec<_> = (0..10).map(of).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut arrivals, mut own_arrivals) = (Vec::new(), Vec::new());
        for (at, took_ms, percent, pause_ms) in steps {
            if let Ok(permit) = runtime.block_on(workers[at].take()) {
                let arrival = store.clock.now_ms() + took_ms * percent / 100;
                arrivals.push(arrival);
                if at >= 5 {
                    own_arrivals.push(arrival);
                }
                store.clock.advance(Duration::from_millis(u64::try_from(took_ms).unwrap()));
                runtime.block_on(workers[at].settle(permit));
            }
            store.clock.advance(Duration::from_millis(pause_ms));
        }
        let most = most_in_a_window(arrivals, i64::from(window_secs) * 1000);
        prop_assert!(most <= calls as usize, "{most} of {calls}");
        let most = most_in_a_window(own_arrivals, i64::from(own_secs) * 1000);
        prop_assert!(most <= own_calls as usize, "{most} of its own {own_calls}");
    }
}

#[tokio::test]
async fn those_who_wait_in_one_process_do_not_race_for_the_row() {
    let fuse = Fuse::default();
    let store = Store::memory_with(Clock::manual(START_MS), &fuse);
    fuse.interleave();
    let limiter = worker(&store, Rate { calls: 6_000, window_secs: 60 });
    let taken = join_all((0..40).map(|_| limiter.take())).await;
    assert!(taken.iter().all(Result::is_ok));
    let row = store.tables.get(Table::State, "acme", "limit#crm").await.unwrap().unwrap();
    assert!(row.rev <= 2, "{} writes for forty calls", row.rev);
}
