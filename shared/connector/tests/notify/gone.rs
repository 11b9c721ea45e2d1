//! Targets that are gone, and breakers that open: both are events.

use std::{sync::Arc, time::Duration};

use ferrule_connector::{Failure, Handler, RunId};
use ferrule_lambda::Runner;
use ferrule_store::When;

use crate::world::{Bell, World, connection};

#[tokio::test]
async fn a_target_that_is_gone_is_not_tried_again_and_an_event_says_so() {
    let world = World::new().await;
    world.answer("front", "a", Failure::gone("bell", "410 Gone"));
    world.send(&["a", "b"]).await;
    world.settle().await;
    assert_eq!(world.heard(), ["back: n-a", "back: n-b"]);
    world.ended().await;
    assert_eq!(world.dispatched().await, ["target.disabled", "errors.parked"]);

    world.bell.answers.lock().unwrap().clear();
    world.store.send("bell", vec![world.message(&["c"])], Duration::ZERO).await.unwrap();
    world.settle().await;
    assert_eq!(world.heard().last().unwrap(), "back: n-c", "the front is left alone");
    let codes: Vec<_> = world.errors().await.into_iter().map(|row| row.code).collect();
    assert_eq!(codes.len(), 2);
    assert!(codes.contains(&"TARGET_GONE".to_owned()), "{codes:?}");
    assert!(codes.contains(&"TARGET_DISABLED".to_owned()), "{codes:?}");
    assert_eq!(world.dispatched().await, ["errors.parked"]);
}

#[tokio::test]
async fn a_new_version_of_the_connection_is_another_try() {
    let world = World::new().await;
    world.answer("front", "a", Failure::gone("bell", "410 Gone"));
    world.send(&["a"]).await;
    world.settle().await;
    let newer = connection(r#"{"region":"eu"}"#);
    world.store.put_connection(&world.tenant, &newer, When::Always).await.unwrap().unwrap();
    world.store.send("bell", vec![world.message(&["c"])], Duration::ZERO).await.unwrap();
    world.settle().await;
    assert_eq!(world.heard().last().unwrap(), "front: n-c");
    let there = world.store.disabled_targets(&world.tenant, &newer).await.unwrap();
    assert!(there.is_empty());
}

#[tokio::test]
async fn a_breaker_says_once_that_it_opened_and_once_that_it_closed() {
    let world = World::new().await;
    world.answer("front", "a", Failure::unavailable("bell", "503"));
    let runner = world.runner();
    for at in 0..10_i64 {
        let mut message = world.message(&["a"]);
        message.envelope.run = RunId::new(format!("r{at}"));
        world.store.send("bell", vec![message], Duration::ZERO).await.unwrap();
        assert!(world.deliver(&runner).await);
    }
    assert_eq!(world.dispatched().await, ["connection.opened"]);
    world.bell.answers.lock().unwrap().clear();
    world.store.clock.advance(Duration::from_mins(2));
    for _ in 0..10 {
        assert!(world.deliver(&runner).await);
    }
    assert_eq!(world.heard().len(), 10);
    assert_eq!(world.dispatched().await, ["connection.closed"]);
}

/// Delivers a message of its own run.
async fn bring(world: &World, runner: &Runner<Handler<Bell>>, run: &str, titles: &[&str]) {
    let mut message = world.message(titles);
    message.envelope.run = RunId::new(run);
    runner.deliver_message(Arc::new(message), Duration::from_secs(30)).await;
}

/// A world whose breaker was opened by ten that the bell does not answer.
async fn broken(runner: &Runner<Handler<Bell>>, world: &World) {
    for at in 0..10 {
        bring(world, runner, &format!("down{at}"), &["down"]).await;
    }
    assert_eq!(world.dispatched().await, ["connection.opened"]);
    bring(world, runner, "waits", &["fine"]).await;
    assert!(world.heard().is_empty(), "it is open");
    world.store.clock.advance(Duration::from_mins(2));
}

fn down() -> Failure {
    Failure::unavailable("bell", "503")
}

#[tokio::test]
async fn a_probe_that_was_answered_closes_the_breaker_although_the_rest_of_it_fails() {
    let world = World::new().await;
    world.answer("front", "down", down());
    let runner = world.runner();
    broken(&runner, &world).await;
    bring(&world, &runner, "probe", &["one", "down"]).await;
    assert_eq!(world.dispatched().await, ["connection.closed"]);
    bring(&world, &runner, "next", &["two"]).await;
    assert_eq!(world.heard(), ["front: n-one", "front: n-two"]);
}

#[tokio::test]
async fn a_probe_that_is_told_to_slow_down_was_answered() {
    let world = World::new().await;
    world.answer("front", "down", down());
    let slow = |service: &str| Failure::Throttled { service: service.into(), retry_after: None };
    world.answer("front", "fast", slow("bell"));
    world.answer("front", "ours", slow("call limit of bell"));
    let runner = world.runner();
    broken(&runner, &world).await;
    bring(&world, &runner, "probe1", &["ours"]).await;
    assert!(world.dispatched().await.is_empty(), "nobody was asked");
    world.store.clock.advance(Duration::from_mins(2));
    bring(&world, &runner, "probe2", &["fast"]).await;
    assert_eq!(world.dispatched().await, ["connection.closed"]);
}

#[tokio::test]
async fn one_in_each_batch_that_the_other_side_chokes_on_opens_no_breaker() {
    let world = World::new().await;
    world.answer("front", "bad", down());
    let runner = world.runner();
    for round in 0..3 {
        for at in 0..20 {
            bring(&world, &runner, &format!("r{at}"), &["good", "bad"]).await;
        }
        assert!(world.dispatched().await.is_empty(), "in round {round}");
        world.store.clock.advance(Duration::from_mins(20));
    }
    assert_eq!(world.heard().len(), 20);
}

#[tokio::test]
async fn an_answer_that_another_worker_gets_ends_a_row_of_failures() {
    let world = World::new().await;
    world.answer("front", "bad", down());
    let (one, other) = (world.runner(), world.runner());
    for at in 0..30 {
        bring(&world, &one, &format!("bad{at}"), &["bad"]).await;
        bring(&world, &other, &format!("good{at}"), &["good"]).await;
    }
    assert!(world.dispatched().await.is_empty());
}

#[tokio::test]
async fn work_about_a_failure_makes_no_more_noise() {
    let world = World::new().await;
    world.answer("front", "a", Failure::gone("bell", "410 Gone"));
    let mut message = world.message(&["a"]);
    message.envelope.alert = true;
    world.store.send("bell", vec![message], Duration::ZERO).await.unwrap();
    world.settle().await;
    assert_eq!(world.heard(), ["back: n-a"]);
    assert!(world.dispatched().await.is_empty());
}
