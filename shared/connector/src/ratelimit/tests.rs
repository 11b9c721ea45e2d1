use ferrule_store::Clock;
use proptest::prelude::*;

use super::*;

const START_MS: i64 = 1_700_000_000_000;

fn store() -> Store {
    Store::memory(Clock::manual(START_MS))
}

fn worker(store: &Store, rate: Rate) -> Limiter {
    Limiter::new(store, &Tenant::new("acme").unwrap(), &Name::new("crm").unwrap(), rate)
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
    ) {
        let store = store();
        let rate = Rate { calls, window_secs };
        let of = |at: usize| if at < 7 { worker(&store, rate) } else { worker(&store, rate).urgent() };
        let workers: Vec<_> = (0..10).map(of).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut arrivals = Vec::new();
        for (at, took_ms, percent, pause_ms) in steps {
            if let Ok(permit) = runtime.block_on(workers[at].take()) {
                arrivals.push(store.clock.now_ms() + took_ms * percent / 100);
                store.clock.advance(Duration::from_millis(u64::try_from(took_ms).unwrap()));
                runtime.block_on(workers[at].settle(permit));
            }
            store.clock.advance(Duration::from_millis(pause_ms));
        }
        let most = most_in_a_window(arrivals, i64::from(window_secs) * 1000);
        prop_assert!(most <= calls as usize, "{most} of {calls}");
    }
}
