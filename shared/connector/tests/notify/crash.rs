//! The process dies between any two calls of the store.

use std::collections::BTreeMap;

use ferrule_connector::Failure;

use crate::world::{Ring, World};

const TITLES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// More calls than one delivery makes.
const MOMENTS: u32 = 40;

/// Kills the first delivery at every moment.
async fn killed(prepare: impl Fn(&World)) {
    for calls in 0..MOMENTS {
        let world = World::new().await;
        prepare(&world);
        world.send(&TITLES).await;
        world.fuse.light(calls);
        let runner = world.runner();
        world.deliver(&runner).await;
        world.fuse.mend();
        world.settle().await;
        judge(&world, calls).await;
    }
}

async fn judge(world: &World, calls: u32) {
    world.ended().await;
    let mut by_id: BTreeMap<(String, String), Vec<bool>> = BTreeMap::new();
    for Ring { to, id, again } in world.bell.rings.lock().unwrap().clone() {
        by_id.entry((to, id)).or_default().push(again);
    }
    for title in TITLES {
        let is_told = by_id.keys().any(|(_, id)| *id == format!("n-{title}"));
        assert!(is_told, "killed after {calls}: {title} is lost");
    }
    for (whom, agains) in by_id {
        assert!(agains.len() <= 2, "killed after {calls}: {whom:?} {agains:?}");
        let are_said = agains.iter().skip(1).all(|again| *again);
        assert!(are_said, "killed after {calls}: {whom:?} {agains:?}");
    }
}

#[tokio::test]
async fn every_record_is_told_and_the_second_time_says_that_it_may_be_one() {
    killed(|_| ()).await;
}

#[tokio::test]
async fn those_that_stand_in_are_told_whenever_the_process_dies() {
    killed(|world| world.answer("front", "c", Failure::rejected("bell", "no"))).await;
    killed(|world| world.answer("front", "c", Failure::gone("bell", "410"))).await;
}
