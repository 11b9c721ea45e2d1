//! However much is parked, a look at it ends in time.

use super::*;
use crate::replay::{pick::Position, preview};

#[tokio::test]
async fn giving_up_goes_on_where_the_last_call_ended() {
    let world = World::new(0).await;
    world.fill(2300, "records", ErrorState::Parked).await;
    let all = Pick::default();
    let discard = |start| world.store.discard(&world.tenant, &all, "ann", start);
    let first = discard(None).await.unwrap();
    assert_eq!((first.errors, first.next.is_some()), (2000, true));
    // Two pages and a write for each row; from the beginning it would be ten.
    world.fuse.light(303);
    let rest = discard(first.next).await.unwrap();
    assert_eq!((rest.errors, rest.next), (300, None));
}

#[tokio::test]
async fn a_look_ends_in_time_however_long_the_log_is() {
    let world = World::new(0).await;
    world.fill(41_000, "records", ErrorState::Replayed).await;
    world.give_up(&Digest::of(&[]), "b1").await;
    let pick = Pick::default();
    let (mut start, mut looks, mut found) = (None, 0, 0);
    loop {
        world.fuse.light(41);
        let (rows, next) = world.store.parked(&world.tenant, &pick, 10, start).await.unwrap();
        (looks, found, start) = (looks + 1, found + rows.len(), next);
        if start.is_none() {
            break;
        }
    }
    assert_eq!((looks, found), (5, 1));
    world.fuse.light(161);
    let preview = world.store.preview_replay(&world.tenant, &pick, With::Today).await.unwrap();
    assert_eq!((preview.errors, preview.more), (0, true), "it says that it has not seen all");
}

#[tokio::test]
async fn a_preview_reads_few_payloads_and_none_of_what_is_mapped_already() {
    for (stage, reads) in [("records", 0), ("transform", 50)] {
        let world = World::new(0).await;
        world.fill(500, stage, ErrorState::Parked).await;
        let seen = &mut Position::default();
        let seen = world.store.seek(&world.tenant, &Pick::default(), seen).await.unwrap();
        let mut payloads = BTreeSet::new();
        let some = seen.iter().filter(|one| preview::is_worth_a_look(one, &mut payloads)).count();
        assert_eq!((some, payloads.len()), (reads, reads), "{stage}");
        let pick = Pick::default();
        let preview = world.store.preview_replay(&world.tenant, &pick, With::Today).await.unwrap();
        assert_eq!(preview.errors, 500, "all are counted");
    }
}

#[tokio::test]
async fn a_preview_says_until_when_it_looked() {
    let world = World::new(1).await;
    let of = async |until| {
        let pick = Pick { until, ..Pick::default() };
        world.store.preview_replay(&world.tenant, &pick, With::Today).await.unwrap().until
    };
    assert_eq!(of(None).await, NOW_MS);
    assert_eq!(of(Some(NOW_MS - 1)).await, NOW_MS - 1);
    assert_eq!(of(Some(NOW_MS + 1)).await, NOW_MS, "nobody knows what is parked later");
}

#[tokio::test]
async fn a_warning_of_very_much_says_at_least_how_much() {
    let world = World::new(1).await;
    world.fill(10_100, "records", ErrorState::Parked).await;
    world.store.clock.advance(Duration::from_hours(24 * 27));
    assert_eq!(world.store.warn_of_expiry().await.unwrap(), 1);
    let text = world.sent("dispatch")[0].encode().unwrap();
    assert!(text.contains("at least 10000 records of copy"), "{text}");
}
