//! Two who go on with the same replay at the same time: one was slow, and his time was over.

use std::collections::BTreeMap;

use super::*;

#[tokio::test]
async fn two_at_work_on_one_replay_send_the_same_and_count_it_once() {
    let mut both_had_a_plan = false;
    for calls in 0..60 {
        let world = World::new(30).await;
        world.define(GOOD).await;
        let id = world.start(World::wish(Pick::default())).await;
        world.fuse.light(calls);
        drop(world.advance(&id).await);
        world.fuse.mend();
        let (replay, _) = world.store.replay_row(&world.tenant, &id).await.unwrap().unwrap();
        both_had_a_plan |= replay.plan.is_some();
        world.store.clock.advance(Duration::from_secs(61));
        world.fuse.interleave();
        let passing = async {
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
                world.store.clock.advance(Duration::from_millis(1));
            }
        };
        let (one, (), other) = tokio::join!(world.advance(&id), passing, world.advance(&id));
        assert!(one.is_ok() && other.is_ok());
        world.store.clock.advance(Duration::from_mins(2));
        let replay = world.advance(&id).await.unwrap();
        let counted = (replay.state, replay.errors, replay.records, replay.left);
        assert_eq!(counted, (ReplayState::Done, 30, 30, 0), "after {calls} calls");

        let mut batches: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for message in world.sent("transform") {
            let Task::Transform(batch) = &message.task else { panic!("{message:?}") };
            let name = (message.envelope.run.clone(), batch.seq);
            let records = records_of(&message);
            assert_eq!(batches.entry(name).or_insert(records.clone()), &records);
        }
        let all: BTreeSet<_> = batches.values().flatten().collect();
        let count: usize = batches.values().map(Vec::len).sum();
        assert_eq!((all.len(), count), (30, 30), "after {calls} calls");
    }
    assert!(both_had_a_plan);
}
