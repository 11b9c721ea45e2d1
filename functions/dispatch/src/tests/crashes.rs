use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const BATCHED: &str = r#""trigger":{"config_change":{"match":["*"]}},
    "output":{"notify":[{"connection":"chat","batch":{"size":4,"window":"30s"}},{"connection":"ops"}]}"#;

/// What happens next.
#[derive(Debug, Clone)]
enum Act {
    /// Some keys change at once.
    Change(u8),
    /// Some messages are dealt with.
    Work(u8),
    /// The process dies after so many calls, while messages are dealt with.
    Die(u8),
    /// Time passes, in seconds.
    Wait(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (1..5_u8).prop_map(Act::Change),
        (1..20_u8).prop_map(Act::Work),
        (0..40_u8).prop_map(Act::Die),
        (1..40_u8).prop_map(Act::Wait),
    ]
}

async fn play(acts: Vec<Act>) -> (usize, Hub) {
    let fuse = Fuse::default();
    let mut hub = hub_with(&[("watch", BATCHED)], &fuse).await;
    let mut changes = 0;
    for act in acts {
        match act {
            Act::Change(count) => {
                for _ in 0..count {
                    hub.happens(change(&changes.to_string(), &format!("app.k{changes}"))).await;
                    changes += 1;
                }
            }
            Act::Work(count) => {
                for _ in 0..count {
                    hub.step().await;
                }
            }
            Act::Die(after) => {
                fuse.light(u32::from(after));
                hub.work_until_dead().await;
                fuse.mend();
                hub.reborn();
            }
            Act::Wait(secs) => hub.store.clock.advance(Duration::from_secs(u64::from(secs))),
        }
    }
    for _ in 0..8 {
        hub.settle().await;
        hub.store.clock.advance(Duration::from_mins(16));
    }
    hub.settle().await;
    (changes, hub)
}

impl Hub {
    /// Works on dispatch's messages, as they come, until a call fails.
    async fn work_until_dead(&mut self) {
        for _ in 0..20 {
            let lanes = ["dispatch", "dispatch-urgent"];
            let Some((lane, message)) =
                lanes.iter().find_map(|lane| Some((*lane, self.queues().receive(lane)?)))
            else {
                return;
            };
            let done = self.runner.deliver(&message.body, Duration::from_secs(9)).await;
            if done == Delivered::GiveBack {
                self.queues().delay(lane, message.id, Duration::ZERO);
                return;
            }
            self.queues().delete(lane, message.id);
        }
    }

    /// A new process takes over.
    fn reborn(&mut self) {
        let definitions = Arc::new(Definitions::new(self.store.clone()));
        let stage = Dispatch::new(self.store.clone(), Arc::clone(&definitions));
        self.runner = Runner::new(stage, self.store.clone(), definitions);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_or_doubled_whenever_the_process_dies(
        acts in prop::collection::vec(act(), 1..30),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (changes, hub) = runtime.block_on(play(acts));
        let titles = hub.titles("chat");
        let different: BTreeSet<_> = titles.iter().collect();
        prop_assert_eq!((titles.len(), different.len()), (changes, changes));
        let told = hub.titles("ops");
        let different: BTreeSet<_> = told.iter().collect();
        prop_assert_eq!((told.len(), different.len()), (changes, changes));
        let runs = runtime.block_on(hub.runs("watch"));
        prop_assert!(runs.iter().all(|run| run.state.is_over()), "{:?}", runs);
        let digested: u64 = runs.iter().map(|run| run.counts.digested).sum();
        prop_assert_eq!(digested, changes as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_lose_no_member_and_share_their_writes() {
    let fuse = Fuse::default();
    let output = BATCHED.replace("\"size\":4", "\"size\":100");
    let mut hub = hub_with(&[("watch", &output)], &fuse).await;
    fuse.interleave();
    for at in 0..200 {
        hub.happens(change(&at.to_string(), &format!("app.k{at}"))).await;
    }
    let messages: Vec<_> = std::iter::from_fn(|| hub.queues().receive("dispatch")).collect();
    let work = messages.into_iter().map(|message| {
        let (runner, queues) = (hub.runner.clone(), hub.queues().clone());
        tokio::spawn(async move {
            let done = runner.deliver(&message.body, Duration::from_secs(9)).await;
            assert_eq!(done, Delivered::Done);
            queues.delete("dispatch", message.id);
        })
    });
    for work in work.collect::<Vec<_>>() {
        work.await.unwrap();
    }
    hub.settle().await;
    hub.store.clock.advance(Duration::from_secs(30));
    hub.settle().await;
    let titles = hub.titles("chat");
    assert_eq!((titles.len(), titles.iter().collect::<BTreeSet<_>>().len()), (200, 200));
    assert_eq!(hub.told["chat"].iter().filter(|one| one.digest.len() == 100).count(), 2);
}

/// Deals with a change whose process dies after so many calls, and which never comes again; then with
/// another one of the same window.
async fn opened_and_lost(calls: u32) -> Hub {
    let fuse = Fuse::default();
    let mut hub = hub_with(&[("watch", BATCHED)], &fuse).await;
    hub.happens(change("lost", "app.lost")).await;
    fuse.light(calls);
    hub.work_until_dead().await;
    fuse.mend();
    hub.reborn();
    while let Some(message) = hub.queues().receive("dispatch") {
        hub.queues().delete("dispatch", message.id);
    }
    hub.happens(change("kept", "app.kept")).await;
    hub.settle().await;
    for _ in 0..4 {
        hub.store.clock.advance(Duration::from_mins(1));
        hub.settle().await;
        hub.store.flush_overdue().await.unwrap();
    }
    hub.settle().await;
    hub
}

#[tokio::test]
async fn a_window_is_sent_though_nobody_could_ask_for_it() {
    let mut late = 0;
    for calls in 0..40 {
        let hub = opened_and_lost(calls).await;
        let titles = hub.titles("chat");
        let kept = titles.iter().filter(|title| title.contains("app.kept")).count();
        assert_eq!(kept, 1, "after {calls} calls: {titles:?}");
        late += usize::from(hub.told["chat"].iter().any(|one| one.digest.len() == 2));
        assert_eq!(hub.store.flush_overdue().await.unwrap(), 0, "sent is sent");
    }
    assert!(late > 0, "some of them shared the window");
}
