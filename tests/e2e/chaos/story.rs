//! One story: a few runs over a source that changes, with everything going wrong that can.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ferrule_connector::Handler;
use ferrule_core::{
    Name, Run, RunState, Tenant,
    definition::{Connection, Integration},
};
use ferrule_lambda::{Delivered, Runner};
use ferrule_store::{Clock, Definitions, Queues, Store, When, memory};
use journal::Journal;
use transform::Transform;

use super::world::{Dice, Fact, Ledger, Numbers, Quality, World};

const INTEGRATION: &str = r#"{"apiVersion":"ferrule/v1","kind":"Integration",
    "metadata":{"name":"copy"},
    "source":{"connection":"source","cursor":{"field":".at","overlap":"10s","tie_break":".id"}},
    "map":{"id":".id","n":{"from":".n","type":"int"}},
    "output":{"connection":"sink","key":".id"},"limits":{"batch":3}}"#;

/// Deliveries after which a story must have come to its end.
const PATIENCE: u32 = 20_000;

pub(crate) struct Story {
    pub(super) seed: u64,
    pub(super) dice: Dice,
    pub(super) world: World,
    pub(super) store: Store,
    fuse: memory::Fuse,
    pub(super) tenant: Tenant,
    pub(super) name: Name,
}

struct Stages {
    numbers: Runner<Handler<Numbers>>,
    ledger: Runner<Handler<Ledger>>,
    transform: Runner<Transform>,
    journal: Runner<Journal>,
}

impl Story {
    pub(crate) fn new(seed: u64) -> Self {
        let dice = Dice::new(seed + 1);
        let fuse = memory::Fuse::default();
        let clock = Clock::manual(1_760_000_000_000);
        let trouble = [0, 40, 15, 6][usize::try_from(dice.roll(4)).unwrap()];
        let world = World {
            dice: dice.clone(),
            facts: Arc::default(),
            effects: Arc::default(),
            answered: Arc::default(),
            is_doomed: Arc::default(),
            outage: Arc::default(),
            trouble,
        };
        Self {
            seed,
            world,
            store: Store::memory_with(clock, &fuse),
            fuse,
            tenant: Tenant::new("acme").unwrap(),
            name: Name::new("copy").unwrap(),
            dice,
        }
    }

    pub(crate) async fn tell(self) {
        self.define().await;
        self.fuse.interleave();
        let mut known = 0;
        for _ in 0..3 {
            self.more_facts();
            if self.dice.one_in(5) {
                *self.world.outage.lock().unwrap() = (self.dice.roll(4), self.dice.roll(7));
            }
            self.run_until_it_ends(known).await;
            known = self.readable();
        }
        self.judge().await;
    }

    async fn define(&self) {
        for (name, connector) in [("source", "numbers"), ("sink", "ledger")] {
            let text = format!(
                r#"{{"apiVersion":"ferrule/v1","kind":"Connection","metadata":{{"name":"{name}"}},
                "connector":"{connector}"}}"#
            );
            let connection: Connection = serde_json::from_str(&text).unwrap();
            self.store
                .put_connection(&self.tenant, &connection, When::Always)
                .await
                .unwrap()
                .unwrap();
        }
        let integration: Integration = serde_json::from_str(INTEGRATION).unwrap();
        self.store
            .put_integration(&self.tenant, &integration, When::Always)
            .await
            .unwrap()
            .unwrap();
    }

    /// New records, some of them in the past by less than the overlap, some of them bad.
    fn more_facts(&self) {
        let mut facts = self.world.facts.lock().unwrap();
        let now = self.store.clock.now_secs();
        for _ in 0..self.dice.roll(25) {
            let id = facts.len() as u64;
            let at = now - i64::try_from(self.dice.roll(8)).unwrap();
            let quality = match self.dice.roll(18) {
                0 => Quality::Broken,
                1 | 2 => Quality::Bad,
                _ => Quality::Good,
            };
            facts.push(Fact { id, at, quality });
        }
    }

    fn readable(&self) -> u64 {
        let facts = self.world.facts.lock().unwrap();
        facts.iter().filter(|fact| fact.quality != Quality::Broken).count() as u64
    }

    /// Starts runs until one does not fail: what a schedule does. `known` records are confirmed.
    async fn run_until_it_ends(&self, known: u64) {
        for _ in 0..60 {
            self.store.clock.advance(Duration::from_secs(self.dice.roll(4)));
            let started = self.store.start_run(&self.tenant, &self.name, "test", false).await;
            let run = started.unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
            self.deliver_everything(&run).await;
            let run = self.now(&run).await;
            assert!(run.state.is_over(), "seed {}: the run never ended: {run:?}", self.seed);
            if run.state != RunState::Failed {
                let counts = run.counts;
                let out = counts.skipped + counts.refused + counts.parked + counts.loaded();
                assert_eq!(counts.read, out, "seed {}: {counts:?}", self.seed);
                assert_eq!(counts.skipped, known, "seed {}: {counts:?}", self.seed);
                return;
            }
        }
        panic!("seed {}: every run failed", self.seed);
    }

    async fn deliver_everything(&self, run: &Run) {
        let definitions = Arc::new(Definitions::new(self.store.clone()));
        let store = || self.store.clone();
        let cache = || Arc::clone(&definitions);
        let stages = Stages {
            numbers: Runner::new(
                Handler::new(Numbers(self.world.clone()), store(), cache(), true),
                store(),
                cache(),
            ),
            ledger: Runner::new(
                Handler::new(Ledger(self.world.clone()), store(), cache(), true),
                store(),
                cache(),
            ),
            transform: Runner::new(Transform::new(store(), cache()), store(), cache()),
            journal: Runner::new(Journal::new(store()), store(), cache()),
        };
        let before = self.standing().await;
        let mut is_over = false;
        for _ in 0..PATIENCE {
            if !self.deliver_some(&stages).await {
                return;
            }
            if !is_over {
                is_over = self.watch(run, before.as_ref()).await;
            }
        }
        panic!("seed {}: messages never end", self.seed);
    }

    /// Delivers one message, or two at once; `false` when no queue holds any.
    async fn deliver_some(&self, stages: &Stages) -> bool {
        let Some(first) = self.take() else { return self.wait() };
        let kills = self.dice.one_in(5);
        self.world.is_doomed.store(kills, Ordering::Relaxed);
        if kills {
            self.fuse.light(u32::try_from(self.dice.roll(12)).unwrap());
        }
        // A queue may hand out a message twice, and a second worker begins when it likes.
        let is_twin = self.dice.one_in(8);
        let other = if is_twin { Some(first.clone()) } else { self.neighbour() };
        if let Some(second) = other {
            let (a, b) = tokio::join!(
                stages.deliver(first.0, &first.1.body),
                self.deliver_later(stages, &second)
            );
            self.fuse.mend();
            if is_twin {
                // Who is done with it takes it off the queue.
                self.settle(first, if b == Delivered::Done { b } else { a }, kills);
            } else {
                self.settle(first, a, kills);
                self.settle(second, b, kills);
            }
        } else {
            let delivered = stages.deliver(first.0, &first.1.body).await;
            self.fuse.mend();
            self.settle(first, delivered, kills);
        }
        true
    }

    async fn deliver_later(
        &self,
        stages: &Stages,
        message: &(&'static str, memory::Received),
    ) -> Delivered {
        for _ in 0..self.dice.roll(12) {
            tokio::task::yield_now().await;
        }
        stages.deliver(message.0, &message.1.body).await
    }

    fn neighbour(&self) -> Option<(&'static str, memory::Received)> {
        self.dice.one_in(3).then(|| self.take()).flatten()
    }

    fn queues(&self) -> &memory::Queues {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        queues
    }

    fn take(&self) -> Option<(&'static str, memory::Received)> {
        let mut names = ["numbers", "transform", "ledger", "journal"];
        names.rotate_left(usize::try_from(self.dice.roll(4)).unwrap());
        names.into_iter().find_map(|name| Some((name, self.queues().receive(name)?)))
    }

    /// Lets time pass until a message shows; `false` when there is none.
    fn wait(&self) -> bool {
        let names = ["numbers", "transform", "ledger", "journal"];
        let next = names.iter().filter_map(|name| self.queues().next_visible_at(name)).min();
        let Some(next) = next else { return false };
        let wait = (next - self.store.clock.now_ms()).max(1);
        self.store.clock.advance(Duration::from_millis(wait.unsigned_abs()));
        true
    }

    /// A killed process never says that it is done; a queue may deliver again what is.
    fn settle(&self, message: (&'static str, memory::Received), how: Delivered, killed: bool) {
        let (queue, received) = message;
        let is_done = how == Delivered::Done && !(killed && self.dice.one_in(2));
        if is_done && !self.dice.one_in(25) {
            self.queues().delete(queue, received.id);
        } else {
            self.queues().delay(queue, received.id, Duration::from_secs(self.dice.roll(40)));
        }
    }
}

impl Stages {
    async fn deliver(&self, queue: &str, body: &str) -> Delivered {
        let time_left = Duration::from_secs(30);
        match queue {
            "numbers" => self.numbers.deliver(body, time_left).await,
            "ledger" => self.ledger.deliver(body, time_left).await,
            "transform" => self.transform.deliver(body, time_left).await,
            _ => self.journal.deliver(body, time_left).await,
        }
    }
}
