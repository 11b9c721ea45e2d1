//! One story: a few runs over a source that changes, with everything going wrong that can.

use std::{sync::Arc, time::Duration};

use ferrule_connector::Handler;
use ferrule_core::{
    Mark, Name, RunState, Tenant,
    definition::{Connection, Integration},
};
use ferrule_lambda::{Delivered, Runner};
use ferrule_store::{Clock, Definitions, ErrorFilter, Queues, Store, When, memory};
use journal::Journal;
use transform::Transform;

use super::world::{Dice, Fact, Ledger, Numbers, World};

const INTEGRATION: &str = r#"{"apiVersion":"ferrule/v1","kind":"Integration",
    "metadata":{"name":"copy"},
    "source":{"connection":"source","cursor":{"field":".at","overlap":"10s","tie_break":".id"}},
    "map":{"id":".id","n":{"from":".n","type":"int"}},
    "output":{"connection":"sink","key":".id"},"limits":{"batch":3}}"#;

/// Deliveries after which a story must have come to its end.
const PATIENCE: u32 = 20_000;

pub(crate) struct Story {
    seed: u64,
    dice: Dice,
    world: World,
    store: Store,
    fuse: memory::Fuse,
    tenant: Tenant,
    name: Name,
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
        let world =
            World { dice: dice.clone(), facts: Arc::default(), effects: Arc::default(), trouble };
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
        for _ in 0..3 {
            self.more_facts();
            self.run_until_it_ends().await;
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
            facts.push(Fact { id, at, valid: !self.dice.one_in(9) });
        }
    }

    /// Starts runs until one does not fail: what a schedule does.
    async fn run_until_it_ends(&self) {
        for _ in 0..60 {
            self.store.clock.advance(Duration::from_secs(9));
            let started = self.store.start_run(&self.tenant, &self.name, "test", false).await;
            let run = started.unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
            self.deliver_everything().await;
            let run = self.store.run(&self.tenant, &run.run).await.unwrap().unwrap();
            assert!(run.state.is_over(), "seed {}: the run never ended: {run:?}", self.seed);
            if run.state != RunState::Failed {
                let counts = run.counts;
                let out = counts.skipped + counts.refused + counts.parked + counts.loaded();
                assert_eq!(counts.read, out, "seed {}: {counts:?}", self.seed);
                return;
            }
        }
        panic!("seed {}: every run failed", self.seed);
    }

    async fn deliver_everything(&self) {
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
        for _ in 0..PATIENCE {
            if !self.deliver_some(&stages).await {
                return;
            }
        }
        panic!("seed {}: messages never end", self.seed);
    }

    /// Delivers one message, or two at once; `false` when no queue holds any.
    async fn deliver_some(&self, stages: &Stages) -> bool {
        let Some(first) = self.take() else { return self.wait() };
        let kills = self.dice.one_in(5);
        if kills {
            self.fuse.light(u32::try_from(self.dice.roll(12)).unwrap());
        }
        if let Some(second) = self.dice.one_in(3).then(|| self.take()).flatten() {
            let (a, b) = tokio::join!(
                stages.deliver(first.0, &first.1.body),
                stages.deliver(second.0, &second.1.body)
            );
            self.fuse.mend();
            self.settle(first, a, kills);
            self.settle(second, b, kills);
        } else {
            let delivered = stages.deliver(first.0, &first.1.body).await;
            self.fuse.mend();
            self.settle(first, delivered, kills);
        }
        true
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

    /// Every valid record had its effect once; every other is in the error log; the cursor is where
    /// the records are.
    async fn judge(&self) {
        let seed = self.seed;
        let facts = self.world.facts.lock().unwrap().clone();
        let effects = self.world.effects.lock().unwrap().clone();
        let filter = ErrorFilter::default();
        let (errors, _) = self.store.errors(&self.tenant, &filter, 5_000, None).await.unwrap();
        let parked = self.parked(&errors).await;
        for fact in &facts {
            let key = format!("k{}", fact.id);
            let count = effects.get(&key).copied().unwrap_or(0);
            assert!(count <= 1, "seed {seed}: {key} had {count} effects");
            let is_logged = errors.iter().any(|e| e.record.line == fact.id && e.code == "TYPE");
            let is_parked = parked.iter().any(|text| text.contains(&format!("\"{key}\"")));
            if fact.valid {
                assert!(count == 1 || is_parked, "seed {seed}: {key} is lost");
            } else {
                assert!(is_logged || is_parked, "seed {seed}: bad {key} is not logged");
            }
        }
        let standing = self.store.standing(&self.tenant, &self.name).await.unwrap();
        let newest = facts.iter().map(|fact| Mark::Time(fact.at * 1_000_000)).next_back();
        if newest.is_some() {
            assert!(standing.cursor.unwrap().high.is_some(), "seed {seed}: no cursor");
        }
    }

    async fn parked(&self, errors: &[ferrule_store::ErrorRow]) -> Vec<String> {
        let mut texts = Vec::new();
        for key in errors.iter().filter_map(|row| row.payload.as_deref()) {
            let bytes = self.store.payloads.get(&self.tenant, key).await.unwrap().unwrap();
            let message = self.store.read_message(&String::from_utf8(bytes).unwrap()).await;
            texts.push(format!("{:?}", message.unwrap()));
        }
        texts
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
