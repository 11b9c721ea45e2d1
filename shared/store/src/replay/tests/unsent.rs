//! What cannot be sent keeps nothing else waiting.

use super::*;

#[tokio::test]
async fn what_no_queue_ever_takes_is_given_back_and_keeps_nothing_waiting() {
    let world = World::new(3).await;
    let good = world.define(GOOD).await;
    world.queues().remove("crm");
    world.give_up_at(&good, "b1", "crm").await;
    world.give_up(&good, "b2").await;
    let as_was = || ReplayWish { with: With::AsWas, ..World::wish(Pick::default()) };
    let id = world.start(as_was()).await;
    let replay = world.advance(&id).await.unwrap();
    assert_eq!((replay.state, replay.errors, replay.left), (ReplayState::Done, 4, 1));
    assert!(replay.reasons.keys().next().unwrap().contains("no queue crm"), "{replay:?}");
    let parked = world.rows(ErrorState::Parked).await;
    assert_eq!((parked.len(), parked[0].id.as_str(), &parked[0].done), (1, "b1", &None));
    world.store.clock.advance(Duration::from_secs(1));
    assert_eq!(world.sent("records").len(), 1);
    let again = world.start(as_was()).await;
    assert_eq!(world.advance(&again).await.unwrap().left, 1, "it can be replayed again");
}

#[tokio::test]
async fn a_batch_that_is_not_sent_is_accounted_for_in_its_run() {
    let world = World::new(2).await;
    world.define(GOOD).await;
    world.queues().remove("transform");
    let id = world.start(World::wish(Pick::default())).await;
    let replay = world.advance(&id).await.unwrap();
    assert_eq!((replay.state, replay.errors, replay.left), (ReplayState::Done, 0, 2));
    assert_eq!(world.ended(&replay).await, ferrule_core::RunState::Succeeded);
    assert_eq!(world.rows(ErrorState::Parked).await.len(), 2);
}

#[tokio::test]
async fn a_payload_that_vanishes_over_the_sending_leaves_no_number_open() {
    let world = World::new(2).await;
    world.define(GOOD).await;
    let id = world.start(World::wish(Pick::default())).await;
    // It dies with the plan written down: after each call in turn, until the plan is there.
    for calls in 1.. {
        world.fuse.light(calls);
        world.advance(&id).await.unwrap_err();
        world.fuse.mend();
        world.store.clock.advance(Duration::from_mins(2));
        let (replay, _) = world.store.replay_row(&world.tenant, &id).await.unwrap().unwrap();
        if replay.plan.is_some() {
            break;
        }
    }
    let key = world.rows(ErrorState::Parked).await[0].payload.clone().unwrap();
    let crate::Payloads::Memory(payloads) = &world.store.payloads else { panic!("not in memory") };
    payloads.remove(&world.tenant, &key);
    let replay = world.advance(&id).await.unwrap();
    assert_eq!((replay.state, replay.errors, replay.left), (ReplayState::Done, 0, 2));
    assert_eq!(world.ended(&replay).await, ferrule_core::RunState::Succeeded);
}
