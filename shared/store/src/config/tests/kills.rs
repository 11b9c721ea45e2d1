//! A process that dies between any two calls.

use super::*;

/// What a process that dies is about to do.
fn scenarios() -> Vec<(&'static str, Vec<ConfigChange>)> {
    let secret = format!("\"{PLANTED}\"");
    vec![
        ("a new value", vec![set("new", "1")]),
        ("another value", vec![set("plain", "9")]),
        ("a new secret", vec![hidden("new", &secret)]),
        ("another secret", vec![hidden("secret", "9")]),
        ("a value becomes a secret", vec![hidden("plain", &secret)]),
        ("back to a value", vec![change("plain", ConfigWish::Rollback(1))]),
        ("back to a secret", vec![change("secret", ConfigWish::Rollback(1))]),
        ("a deletion", vec![change("secret", ConfigWish::Delete)]),
        (
            "several",
            vec![hidden("plain", "9"), set("new", "1"), change("secret", ConfigWish::Delete)],
        ),
    ]
}

async fn world() -> World {
    let world = World::new();
    for text in ["1", "2", "3"] {
        world.set("plain", text).await.unwrap();
        world.hide("secret", text).await.unwrap();
    }
    world.events().await;
    world
}

#[tokio::test]
async fn leaves_a_change_and_its_event_or_neither() {
    for (name, changes) in scenarios() {
        let (mut calls, mut was_made) = (0, false);
        while !was_made {
            let world = world().await;
            let before = versions(&world, &changes).await;
            world.fuse.light(calls);
            was_made = world.try_all(&changes).await.is_ok();
            world.fuse.mend();
            let after = versions(&world, &changes).await;
            let grown: Vec<usize> = before.iter().zip(&after).map(|(b, a)| a - b).collect();
            assert!(grown.iter().all(|by| *by == grown[0]), "{name}, {calls} calls: {grown:?}");
            let events = world.events().await;
            assert_eq!(events.len(), grown.iter().sum::<usize>(), "{name}, {calls} calls");
            check(&world, &changes).await;
            // Whoever asked did not get an answer, and asks again.
            world.try_all(&changes).await.unwrap().unwrap_or_default();
            let total = versions(&world, &changes).await;
            assert!(
                total.iter().zip(&before).all(|(now, before)| *now <= before + 1 + 1),
                "{name}"
            );
            check(&world, &changes).await;
            calls += 1;
        }
        assert!(calls > 2, "{name}");
    }
}

async fn versions(world: &World, changes: &[ConfigChange]) -> Vec<usize> {
    let mut counts = Vec::new();
    for change in changes {
        counts.push(world.history(change.at.key.as_str()).await.len());
    }
    counts
}

/// Every value that is shown is the right one, and every secret that a row names is there.
async fn check(world: &World, changes: &[ConfigChange]) {
    assert!(!format!("{:?}", world.store).contains(PLANTED));
    for change in changes {
        let key = change.at.key.as_str();
        let history = world.history(key).await;
        let current = world.store.config(&world.tenant, &change.at).await.unwrap();
        if let Some(Config { latest, .. }) = current {
            // The history may be hidden already while the key is not: the safe side.
            let newest = history.last().unwrap();
            assert_eq!(latest.version, newest.version);
            assert_eq!(world.value(key, &latest).await, world.value(key, newest).await);
        } else {
            assert!(history.is_empty());
        }
        for (number, version) in history.iter().enumerate() {
            let number = number + 1;
            assert_eq!(version.version, number as u64);
            if number <= 3 && key != "new" {
                let found = world.value(key, version).await;
                assert_eq!(found.map(|value| value.to_string()), Some(number.to_string()));
            } else if version.held != Held::Nothing {
                assert!(world.value(key, version).await.is_some());
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_is_sensitive_has_no_plain_version_whenever_the_process_died() {
    for calls in 0..60 {
        let world = world().await;
        world.set("plain", &format!("{{\"old\": \"{PLANTED}\"}}")).await.unwrap();
        world.set("plain", "4").await.unwrap();
        world.events().await;
        world.fuse.light(calls);
        world.try_all(&[hidden("plain", "5")]).await.ok();
        world.fuse.mend();
        let now = world.store.config(&world.tenant, &at("plain")).await.unwrap().unwrap();
        if now.is_sensitive {
            assert!(!format!("{:?}", world.store).contains(PLANTED), "{calls} calls");
        }
    }
}
