//! Who is told what, and who instead.

use std::time::Duration;

use ferrule_connector::{Checked, Failure, Name};
use ferrule_core::{Check, Message, Notification, RunState, Task, Value};
use ferrule_store::{ErrorState, Secrets, Table};

use crate::world::World;

#[tokio::test]
async fn tells_every_record_once_and_the_run_ends() {
    let world = World::new().await;
    world.send(&["a", "b", "c"]).await;
    world.settle().await;
    assert_eq!(world.heard(), ["front: n-a", "front: n-b", "front: n-c"]);
    let run = world.ended().await;
    assert_eq!((run.state, run.counts.told), (RunState::Succeeded, 3));
    assert!(world.errors().await.is_empty());
}

#[tokio::test]
async fn what_the_target_will_not_have_is_parked_alone_and_told_to_who_stands_in() {
    let world = World::new().await;
    world.answer("front", "b", Failure::rejected("bell", "too loud"));
    world.send(&["a", "b", "c"]).await;
    world.settle().await;
    assert_eq!(world.heard(), ["front: n-a", "front: n-c", "back: n-b"]);
    let run = world.ended().await;
    assert_eq!((run.counts.told, run.counts.refused), (3, 1));
    let errors = world.errors().await;
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].state, errors[0].record.count), (ErrorState::Parked, 1));
    assert_eq!(world.dispatched().await, ["errors.parked"]);
}

#[tokio::test]
async fn a_target_that_is_down_for_the_whole_schedule_is_stood_in_for() {
    let world = World::new().await;
    world.answer("front", "b", Failure::unavailable("bell", "503"));
    world.send(&["a", "b", "c"]).await;
    world.settle().await;
    assert_eq!(world.heard(), ["front: n-a", "back: n-b", "back: n-c"]);
    let run = world.ended().await;
    assert_eq!((run.state, run.counts.told, run.counts.parked), (RunState::Partial, 3, 2));
}

#[tokio::test]
async fn nobody_stands_in_for_a_fallback_and_the_run_ends_all_the_same() {
    let world = World::new().await;
    for to in ["front", "back"] {
        world.answer(to, "a", Failure::rejected("bell", "no"));
    }
    world.send(&["a"]).await;
    world.settle().await;
    assert!(world.heard().is_empty());
    let run = world.ended().await;
    assert_eq!((run.counts.told, run.counts.refused), (0, 2));
    assert_eq!(world.errors().await.len(), 2);
}

#[tokio::test]
async fn what_has_outlived_its_use_goes_into_a_digest() {
    let world = World::new().await;
    world.send(&["a", "b"]).await;
    world.store.clock.advance(Duration::from_hours(3));
    world.settle().await;
    assert!(world.heard().is_empty());
    assert_eq!(world.dispatched().await, ["fold 2"]);
    let run = world.ended().await;
    assert_eq!((run.state, run.counts.digested), (RunState::Succeeded, 2));
}

#[tokio::test]
async fn what_is_replayed_is_never_too_late_and_looked_for_first() {
    let world = World::new().await;
    world.store.clock.advance(Duration::from_hours(3));
    let mut message = world.message(&["a"]);
    message.envelope.replayed = true;
    for _ in 0..2 {
        world.store.send("bell", vec![message.clone()], Duration::ZERO).await.unwrap();
    }
    world.settle().await;
    assert_eq!(world.heard(), ["front: n-a"], "twice asked for, once done");
    assert!(world.bell.rings.lock().unwrap()[0].again);
}

#[tokio::test]
async fn an_attempt_that_may_have_got_through_is_said_to_be_one() {
    let world = World::new().await;
    world.answer("front", "a", Failure::unavailable("bell", "no answer within 20s"));
    world.send(&["a", "b"]).await;
    let runner = world.runner();
    assert!(world.deliver(&runner).await);
    world.bell.answers.lock().unwrap().clear();
    world.settle().await;
    let rings = world.bell.rings.lock().unwrap().clone();
    assert_eq!(rings.iter().map(|ring| ring.again).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn what_was_told_before_it_was_parked_is_not_told_again_by_a_replay() {
    let world = World::new().await;
    world.send(&["a"]).await;
    world.settle().await;
    let mut message = world.message(&["a"]);
    message.envelope.replayed = true;
    world.store.send("bell", vec![message], Duration::ZERO).await.unwrap();
    world.settle().await;
    assert_eq!(world.heard(), ["front: n-a"]);
}

#[tokio::test]
async fn a_replay_of_what_nobody_was_told_is_stood_in_for_once() {
    let world = World::new().await;
    world.answer("front", "a", Failure::unavailable("bell", "503"));
    let mut message = world.message(&["a"]);
    message.envelope.replayed = true;
    for _ in 0..2 {
        world.store.send("bell", vec![message.clone()], Duration::ZERO).await.unwrap();
        world.settle().await;
    }
    assert_eq!(world.heard(), ["back: n-a"]);
}

#[tokio::test]
async fn a_record_says_nothing_of_when_it_came() {
    let mut world = World::new().await;
    // Its run began later than the record's own time says.
    world.run.run = world.store.new_run_id();
    let mut message = world.message(&["a"]);
    let Task::Load(batch) = &mut message.task else { panic!("not a load") };
    let mut notification: Notification = batch.records[0].value.to().unwrap();
    notification.at = 1_000;
    batch.records[0].value = Value::of(&notification).unwrap();
    world.store.send("bell", vec![message], Duration::ZERO).await.unwrap();
    assert!(world.deliver(&world.runner()).await);
    assert_eq!(world.heard(), ["front: n-a"]);
}

/// A world whose bell has a new password, which this process does not know yet.
async fn rotated() -> World {
    let world = World::new().await;
    let owner = Name::new("bell").unwrap();
    let Secrets::Memory(secrets) = &world.store.secrets else { panic!("not in memory") };
    secrets.write(&owner, &world.tenant, &owner, r#"{"password":"old"}"#, None);
    secrets.rotate_elsewhere(&owner, &world.tenant, &owner, r#"{"password":"new"}"#);
    *world.bell.password.lock().unwrap() = Some("new".into());
    world
}

fn check(world: &World, reply_to: &str) -> Message {
    let connection = Name::new("bell").unwrap();
    let task = Task::Check(Check { connection, reply_to: reply_to.into() });
    Message { envelope: world.message(&[]).envelope, task }
}

async fn answer(world: &World, reply_to: &str) -> Option<Checked> {
    let row = world.store.tables.get(Table::State, "acme", reply_to).await.unwrap();
    row.map(|row| row.read().unwrap())
}

#[tokio::test]
async fn a_secret_that_was_rotated_meanwhile_is_read_again_at_once() {
    let world = rotated().await;
    world.send(&["a", "b"]).await;
    assert!(world.deliver(&world.runner()).await);
    assert_eq!(world.heard(), ["front: n-a", "front: n-b"]);
    let world = rotated().await;
    world.store.send("bell", vec![check(&world, "r1")], Duration::ZERO).await.unwrap();
    assert!(world.deliver(&world.runner()).await);
    assert!(answer(&world, "r1").await.unwrap().ok);
}

#[tokio::test]
async fn the_answer_of_a_check_is_written_down_though_not_at_the_first_attempt() {
    for calls in 0..12 {
        let world = World::new().await;
        world.store.send("bell", vec![check(&world, "r1")], Duration::ZERO).await.unwrap();
        world.fuse.light(calls);
        assert!(world.deliver(&world.runner()).await);
        world.fuse.mend();
        world.settle().await;
        assert!(answer(&world, "r1").await.is_some(), "after {calls} calls");
    }
}
