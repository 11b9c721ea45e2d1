//! Call limits and breakers under load.

use std::time::Duration;

use ferrule_store::ErrorFilter;
use ferrule_testing::vendor::Reply;

use crate::crowd::{Crowd, most_within};

const MINUTE: i64 = 60_000;

fn fine(_: i64, _: usize, _: i64) -> Reply {
    Reply::json("{}")
}

/// The fortieth answer says that no call is left for ninety seconds.
fn says_what_is_left(_: i64, calls: usize, _: i64) -> Reply {
    let reply = Reply::json("{}");
    match calls {
        40 => reply.header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", "90"),
        _ => reply.header("x-ratelimit-remaining", "50"),
    }
}

/// Down from its thirtieth call on, for three hours.
fn down_for_three_hours(now: i64, calls: usize, id: i64) -> Reply {
    if calls > 30 && now < 180 * MINUTE { Reply::status(503) } else { fine(now, calls, id) }
}

/// Chokes on every second record.
fn chokes(now: i64, calls: usize, id: i64) -> Reply {
    if id % 2 == 1 { Reply::status(500) } else { fine(now, calls, id) }
}

async fn nothing_is_lost_or_doubled(crowd: &Crowd, count: i64) {
    let seen = crowd.seen.lock().unwrap().taken.clone();
    assert_eq!(seen.len(), usize::try_from(count).unwrap());
    assert!(seen.values().all(|times| *times == 1));
    let tenant = ferrule_core::Tenant::new("acme").unwrap();
    let errors = crowd.store.errors(&tenant, &ErrorFilter::default(), 10, None).await.unwrap();
    assert!(errors.0.is_empty(), "{:?}", errors.0);
}

#[tokio::test]
async fn no_minute_of_the_sink_ever_sees_a_sixty_first_call_of_ten_workers() {
    let mut crowd = Crowd::new("60/m", says_what_is_left).await;
    crowd.send(400).await;
    crowd.work_until(Duration::from_hours(1)).await;
    nothing_is_lost_or_doubled(&crowd, 400).await;
    let calls = crowd.seen.lock().unwrap().calls.clone();
    assert!(most_within(&calls, MINUTE) <= 60, "{}", most_within(&calls, MINUTE));
    // A worker may use what it has been granted for five seconds more.
    let quiet = calls[39] + 5_000..calls[39] + 90_000;
    assert!(!calls.iter().any(|at| quiet.contains(at)), "no call while none is left: {calls:?}");
    let minutes = calls[399] / MINUTE;
    assert!(minutes <= 14, "400 calls took {minutes} minutes");
}

#[tokio::test]
async fn a_backlog_of_twenty_thousand_goes_at_a_steady_rate_and_nobody_comes_in_vain_for_long() {
    const COUNT: i64 = 20_000;
    let mut crowd = Crowd::new("3000/m", fine).await;
    crowd.send(COUNT).await;
    crowd.work_until(Duration::from_hours(2)).await;
    nothing_is_lost_or_doubled(&crowd, COUNT).await;
    let calls = crowd.seen.lock().unwrap().calls.clone();
    assert!(most_within(&calls, MINUTE) <= 3_000);
    let mut by_minute = std::collections::BTreeMap::<i64, usize>::new();
    for call in &calls {
        *by_minute.entry(call / MINUTE).or_default() += 1;
    }
    let by_minute: Vec<usize> = by_minute.into_values().collect();
    let (_, whole) = by_minute.split_last().unwrap();
    let deliveries: usize = crowd.deliveries.values().sum();
    println!("calls by minute {by_minute:?}; {deliveries} deliveries");
    assert!(whole.iter().all(|calls| *calls >= 2_000), "{by_minute:?}");
    assert!(deliveries < 200_000, "{deliveries} deliveries");
}

#[tokio::test]
async fn a_target_that_is_down_for_hours_costs_no_attempt_and_is_not_run_over_when_it_is_back() {
    const COUNT: i64 = 1_000;
    let mut crowd = Crowd::new("60/m", down_for_three_hours).await;
    crowd.send(COUNT).await;
    crowd.work_until(Duration::from_mins(179)).await;
    assert_eq!(crowd.events().await, ["connection.opened"]);
    let failures = crowd.failures();
    let tried = failures.iter().filter(|failures| **failures > 0).count();
    assert_eq!(failures.len(), 970, "all that was not taken waits");
    assert!(tried <= 20 && failures.iter().all(|failures| *failures <= 1), "{tried} tried");
    let probes = {
        let calls = &crowd.seen.lock().unwrap().calls;
        let outage: Vec<i64> = calls.iter().copied().filter(|at| *at > 10 * MINUTE).collect();
        assert!(most_within(&outage, MINUTE - 1_000) <= 1, "one probe at a time: {outage:?}");
        outage.len()
    };
    assert!(probes > 30, "{probes} probes");

    crowd.work_until(Duration::from_hours(12)).await;
    nothing_is_lost_or_doubled(&crowd, COUNT).await;
    assert_eq!(crowd.events().await, ["connection.closed"]);
    let calls = crowd.seen.lock().unwrap().calls.clone();
    assert!(most_within(&calls, MINUTE) <= 60, "no rush");
    let back = calls.partition_point(|at| *at < 180 * MINUTE);
    let drained = (calls.last().unwrap() - calls[back]) / MINUTE;
    assert!(drained <= 40, "{drained} minutes for 970 calls");
    let busiest = crowd.deliveries.range(10_800..).map(|(_, count)| *count).max().unwrap();
    println!(
        "{probes} probes, drained in {drained} minutes, at most {busiest} deliveries a second"
    );
    assert!(busiest <= 40, "{busiest} deliveries in one second");
}

#[tokio::test]
async fn a_record_in_each_batch_that_the_sink_chokes_on_is_parked_alone_and_opens_no_breaker() {
    let mut crowd = Crowd::new("3000/m", chokes).await;
    crowd.send_batches(50, 2).await;
    crowd.work_until(Duration::from_hours(2)).await;
    let seen = crowd.seen.lock().unwrap().taken.clone();
    assert!(seen.len() == 50 && seen.values().all(|times| *times == 1), "{seen:?}");
    assert!(!crowd.events().await.iter().any(|kind| kind.starts_with("connection.")));
    let tenant = ferrule_core::Tenant::new("acme").unwrap();
    let errors = crowd.store.errors(&tenant, &ErrorFilter::default(), 100, None).await.unwrap();
    assert_eq!(errors.0.len(), 50, "each is parked");
}
