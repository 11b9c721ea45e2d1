//! One story, told step by step; after each, everything that must hold is looked at.

use std::{sync::Mutex, time::Duration};

use ferrule_core::{
    Message, Name, RunState, Tenant,
    definition::{Connection, Integration},
};
use ferrule_lambda::Delivered as Outcome;
use ferrule_store::{Clock, NotStarted, Queues, Store, When, memory};

use crate::{
    logs::Logs,
    plan::{Beside, Delivery, Plan, Quality, Step, Target},
    planted::{self, Bug},
    stages::{QUEUES, Stages},
    waits::Delivered,
    watch::Watch,
    world::{Fact, TENANTS, World, token},
};

/// When time begins.
const BEGIN_MS: i64 = 1_760_000_000_000;

/// Deliveries after which everything must have come to its end.
const PATIENCE: u32 = 5_000;

/// A message that a process did not finish is seen again after this long.
const HIDDEN: Duration = Duration::from_secs(90);

type Taken = (&'static str, memory::Received);

pub(crate) struct Story {
    world: World,
    store: Store,
    fuse: memory::Fuse,
    stages: Stages,
    watch: Watch,
    logs: Logs,
    tenants: [Tenant; 2],
    name: Name,
    bug: Option<Bug>,
    delivered: Mutex<Vec<Delivered>>,
}

impl Story {
    /// Tells the story; says which invariant is broken, and how.
    pub(crate) async fn tell(plan: &Plan, bug: Option<Bug>) -> Result<(), String> {
        let mut story = Self::new(bug);
        for (at, target) in plan.targets.into_iter().enumerate() {
            story.define(at, target).await;
        }
        for step in &plan.steps {
            story.step(step).await?;
        }
        story.end().await
    }

    fn new(bug: Option<Bug>) -> Self {
        let clock = Clock::manual(BEGIN_MS);
        let fuse = memory::Fuse::default();
        let store = Store::memory_with(clock.clone(), &fuse);
        let world = World::new(clock);
        planted::prepare(&world, bug);
        let ferrule_store::Tables::Memory(tables, _) = &store.tables else { unreachable!() };
        tables.keep_tape();
        fuse.interleave();
        Self {
            stages: Stages::new(&world, &store, bug),
            watch: Watch::default(),
            logs: Logs::listen(),
            tenants: TENANTS.map(|name| Tenant::new(name).unwrap()),
            name: Name::new("copy").unwrap(),
            delivered: Mutex::default(),
            world,
            store,
            fuse,
            bug,
        }
    }

    async fn define(&self, at: usize, target: Target) {
        let (sink, table) = match target {
            Target::Ledger => ("ledger", ""),
            Target::Table => ("records", r#""table":"things","#),
        };
        let tenant = &self.tenants[at];
        for (name, connector) in [("source", "numbers"), ("sink", sink)] {
            let text = format!(
                r#"{{"apiVersion":"ferrule/v1","kind":"Connection","metadata":{{"name":"{name}"}},
                "connector":"{connector}"}}"#
            );
            let connection: Connection = serde_json::from_str(&text).unwrap();
            let put = self.store.put_connection(tenant, &connection, When::Always).await;
            put.unwrap().unwrap();
            if connector == "records" {
                continue;
            }
            let (owner, name) = (Name::new(connector).unwrap(), Name::new(name).unwrap());
            let secret = format!(r#"{{"token":"{}"}}"#, token(tenant.as_str(), name.as_str()));
            self.store.secrets.write(&owner, tenant, &name, &secret, None).await.unwrap();
        }
        let text = format!(
            r#"{{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{{"name":"copy"}},
            "source":{{"connection":"source",
                "cursor":{{"field":".at","overlap":"10s","tie_break":".id"}}}},
            "map":{{"id":".id","of":".of","v":".v","n":{{"from":".n","type":"int"}}}},
            "output":{{"connection":"sink",{table}"key":".id","version":".v"}},
            "limits":{{"batch":3}}}}"#
        );
        let integration: Integration = serde_json::from_str(&text).unwrap();
        let put = self.store.put_integration(tenant, &integration, When::Always).await;
        put.unwrap().unwrap();
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Facts(at, qualities) => self.add(*at, qualities),
            Step::Edit(at, which) => self.edit(*at, *which),
            Step::Start(at) => self.start(*at).await.map(drop)?,
            Step::Pass(secs) => self.store.clock.advance(Duration::from_secs(*secs)),
            Step::Outage(calls) => self.world.state().outage = *calls,
            Step::Deliver(delivery) => self.deliver(delivery).await.map(drop)?,
        }
        self.look().await
    }

    async fn look(&mut self) -> Result<(), String> {
        let delivered = std::mem::take(self.delivered.get_mut().unwrap());
        let logs = self.logs.take();
        self.watch.look((&self.world, &self.store), &delivered, &logs).await
    }

    /// New records, changed a few seconds ago: by less than the overlap.
    fn add(&self, at: usize, qualities: &[Quality]) {
        let now = self.store.clock.now_secs();
        let facts = &mut self.world.state().sides[at].facts;
        for quality in qualities {
            let id = facts.len() as u64;
            let changed = now - i64::try_from(id % 8).unwrap();
            facts.push(Fact { id, version: 1, at: changed, quality: *quality });
        }
    }

    fn edit(&self, at: usize, which: usize) {
        let now = self.store.clock.now_secs();
        let facts = &mut self.world.state().sides[at].facts;
        if let Some(fact) = facts.get_mut(which) {
            fact.version += 1;
            fact.at = now - i64::try_from(which % 3).unwrap();
        }
    }

    /// Asks for a run; a second one is refused by the name of the first.
    async fn start(&self, at: usize) -> Result<Option<ferrule_core::Run>, String> {
        match self.store.start_run(&self.tenants[at], &self.name, "test", false).await {
            Ok(run) => {
                self.world.state().sides[at].handed.clear();
                Ok(Some(run))
            }
            Err(NotStarted::Running(_)) => Ok(None),
            Err(error) => Err(format!("start: {error}")),
        }
    }

    /// Delivers one message, or two at once; `false` when no queue holds any.
    async fn deliver(&mut self, delivery: &Delivery) -> Result<bool, String> {
        let Some(first) = self.take(delivery.queue) else { return Ok(self.wait()) };
        let second = match delivery.beside {
            Some(Beside::Other(lag)) => self.take(delivery.queue + 1).zip(Some(lag)),
            // A queue may hand a message out twice.
            Some(Beside::Twin(lag)) => Some((first.clone(), lag)),
            None => None,
        };
        let is_twin = second.as_ref().is_some_and(|(second, _)| work(second) == work(&first));
        self.world.begin(delivery.trouble, delivery.kill.is_some(), is_twin);
        if let Some(calls) = delivery.kill {
            self.fuse.light(calls);
        }
        if let Some((second, lag)) = second {
            let (one, other) =
                tokio::join!(self.hand_over(&first, 0), self.hand_over(&second, lag));
            // Who is done with a message takes it off the queue.
            let is_same = second.1.id == first.1.id && other == Outcome::Done;
            self.settle(&first, if is_same { other } else { one }, delivery);
            if second.1.id != first.1.id {
                self.settle(&second, other, delivery);
            }
        } else {
            let outcome = self.hand_over(&first, 0).await;
            self.settle(&first, outcome, delivery);
        }
        self.fuse.mend();
        if delivery.kill.is_some() {
            self.stages = Stages::new(&self.world, &self.store, self.bug);
        }
        Ok(true)
    }

    /// Hands a message to its stage, some turns later.
    async fn hand_over(&self, taken: &Taken, lag: u32) -> Outcome {
        let (queue, received) = taken;
        for _ in 0..lag {
            tokio::task::yield_now().await;
        }
        self.delivered.lock().unwrap().extend(work(taken));
        if self.bug == Some(Bug::AckBeforeWrite) {
            self.queues().delete(queue, received.id);
        }
        self.stages.deliver(queue, &received.body).await
    }

    fn queues(&self) -> &memory::Queues {
        let Queues::Memory(queues, _) = &self.store.queues else { unreachable!() };
        queues
    }

    fn take(&self, first: usize) -> Option<Taken> {
        let names = (0..QUEUES.len()).map(|at| QUEUES[(first + at) % QUEUES.len()]);
        names.into_iter().find_map(|name| Some((name, self.queues().receive(name)?)))
    }

    /// Lets time pass until a message shows; `false` when there is none.
    fn wait(&self) -> bool {
        let next = QUEUES.iter().filter_map(|name| self.queues().next_visible_at(name)).min();
        let Some(next) = next else { return false };
        let wait = (next - self.store.clock.now_ms()).max(1);
        self.store.clock.advance(Duration::from_millis(wait.unsigned_abs()));
        true
    }

    /// A queue may deliver again what is done, and delivers again what is not.
    fn settle(&self, (queue, received): &Taken, outcome: Outcome, delivery: &Delivery) {
        match (outcome, delivery.unheard) {
            (Outcome::Done, None) => self.queues().delete(queue, received.id),
            (Outcome::Done, Some(secs)) => {
                self.queues().delay(queue, received.id, Duration::from_secs(secs));
            }
            (Outcome::GiveBack, _) => self.queues().delay(queue, received.id, HIDDEN),
        }
    }

    /// Nothing goes wrong any more: what is under way arrives, and so does the rest with a last run.
    async fn end(&mut self) -> Result<(), String> {
        self.world.state().outage = 0;
        self.deliver_all().await?;
        for (at, tenant) in TENANTS.into_iter().enumerate() {
            let run = self.start(at).await?.ok_or("end: a run goes on without messages")?;
            self.deliver_all().await?;
            let run = self.store.run(&self.tenants[at], &run.run).await.unwrap().unwrap();
            if !matches!(run.state, RunState::Succeeded | RunState::Partial) {
                return Err(format!("end: the last run of {tenant} did not end: {run:?}"));
            }
        }
        self.watch.all_settled(&self.world)
    }

    async fn deliver_all(&mut self) -> Result<(), String> {
        let usual = Delivery::default();
        for _ in 0..PATIENCE {
            if !self.deliver(&usual).await? {
                return Ok(());
            }
            self.look().await?;
        }
        Err("end: messages never end".to_owned())
    }
}

/// What a message asks for.
fn work((_, received): &Taken) -> Option<Delivered> {
    Message::decode(&received.body).ok().as_ref().and_then(Delivered::of)
}
