//! Targets that are gone, and breakers that open: both are events.

use std::time::Duration;

use ferrule_connector::Failure;
use ferrule_store::When;

use crate::world::{World, connection};

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
    world.store.send("bell", &[world.message(&["c"])], Duration::ZERO).await.unwrap();
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
    world.store.send("bell", &[world.message(&["c"])], Duration::ZERO).await.unwrap();
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
        message.envelope.run = ferrule_core::RunId::new(format!("r{at}").as_str());
        world.store.send("bell", &[message], Duration::ZERO).await.unwrap();
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

#[tokio::test]
async fn work_about_a_failure_makes_no_more_noise() {
    let world = World::new().await;
    world.answer("front", "a", Failure::gone("bell", "410 Gone"));
    let mut message = world.message(&["a"]);
    message.envelope.alert = true;
    world.store.send("bell", &[message], Duration::ZERO).await.unwrap();
    world.settle().await;
    assert_eq!(world.heard(), ["back: n-a"]);
    assert!(world.dispatched().await.is_empty());
}
