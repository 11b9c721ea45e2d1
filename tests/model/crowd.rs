//! Ten workers with one connection, thousands of messages, and a sink that looks at its own clock.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use ferrule_connector::{
    Call, Connector, Context, Disposition, Failure, Handler, Health, Load, Role, url_guard,
};
use ferrule_core::{
    Batch, Envelope, Message, Name, Record, RunId, Task, Tenant, Value,
    definition::{Connection, Integration},
};
use ferrule_lambda::{Delivered, Runner};
use ferrule_store::{Clock, Definitions, Queues, Store, When, hash_of, memory};
use ferrule_testing::vendor::{Reply, Vendor};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::task::JoinSet;

const BEGIN_MS: i64 = 1_760_000_000_000;

/// How long the delivery of ten messages takes, one to each worker.
const ROUND: Duration = Duration::from_millis(100);

/// A target: one call a record.
#[derive(Debug)]
struct Post;

#[derive(Debug, Deserialize, JsonSchema)]
struct Settings {
    url: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Nothing {}

impl Connector for Post {
    const NAME: &'static str = "post";
    const ROLES: &'static [Role] = &[Role::Target];
    type Settings = Settings;
    type Secret = Nothing;
    type Source = Nothing;
    type Target = Nothing;

    async fn load(
        &self,
        load: &Load<'_, Self>,
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        let url = url_guard::parse(&load.context.settings.url, true)?;
        for (record, done) in load.records.iter().zip(done).filter(|(_, done)| done.is_none()) {
            load.context.http.send(Call::post(url.clone()).json(&record.value)).await?;
            *done = Some(Disposition::Created);
        }
        Ok(())
    }

    async fn check(&self, _: &Context<'_, Self>) -> Result<Health, Failure> {
        Ok(Health { message: "fine".into() })
    }
}

/// What the sink saw: when each call came, by its own clock, and how often each record was taken.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) calls: Vec<i64>,
    pub(crate) taken: BTreeMap<i64, u32>,
}

/// How the sink answers a call at this moment; the number of calls so far and the record come with it.
type Answer = fn(i64, usize, i64) -> Reply;

pub(crate) struct Crowd {
    pub(crate) store: Store,
    pub(crate) seen: Arc<Mutex<Seen>>,
    /// Deliveries by the second, from the beginning.
    pub(crate) deliveries: BTreeMap<i64, usize>,
    workers: Vec<Arc<Runner<Handler<Post>>>>,
    envelope: Envelope,
    _sink: Vendor,
}

impl Crowd {
    /// Ten processes, and a connection that may be called `calls` times, such as `60/m`.
    pub(crate) async fn new(calls: &str, answer: Answer) -> Self {
        let clock = Clock::manual(BEGIN_MS);
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let (by, watch) = (clock.clone(), Arc::clone(&seen));
        let sink = Vendor::start(move |request, _| {
            let now = by.now_ms() - BEGIN_MS;
            let mut seen = watch.lock().unwrap();
            seen.calls.push(now);
            let id: i64 = std::str::from_utf8(&request.body).unwrap().parse().unwrap();
            let reply = answer(now, seen.calls.len(), id);
            if reply.code() < 300 {
                *seen.taken.entry(id).or_default() += 1;
            }
            reply
        })
        .await;
        let store = Store::memory(clock);
        let tenant = Tenant::new("acme").unwrap();
        let envelope = define(&store, &tenant, &sink.url("/"), calls).await;
        let workers = (0..10).map(|_| worker(&store)).collect();
        Self { store, seen, deliveries: BTreeMap::new(), workers, envelope, _sink: sink }
    }

    /// Puts that many messages on the queue, each with one record.
    pub(crate) async fn send(&self, count: i64) {
        self.send_batches(count, 1).await;
    }

    /// Puts that many messages on the queue, each with so many records.
    pub(crate) async fn send_batches(&self, count: i64, size: i64) {
        for seq in 0..count {
            let record = |id: i64| Record {
                key: Some(id.to_string()),
                value: id.into(),
                ..Record::default()
            };
            let records = (seq * size..(seq + 1) * size).map(record).collect();
            let batch = Batch { seq: seq.unsigned_abs(), records, ..Batch::default() };
            self.store.send_task("post", &self.envelope, Task::Load(batch)).await.unwrap();
        }
    }

    fn queues(&self) -> &memory::Queues {
        let Queues::Memory(queues, _) = &self.store.queues else { unreachable!() };
        queues
    }

    /// Milliseconds since the beginning.
    pub(crate) fn now(&self) -> i64 {
        self.store.clock.now_ms() - BEGIN_MS
    }

    /// Lets the workers work until so much time has passed, or nothing is left.
    pub(crate) async fn work_until(&mut self, end: Duration) {
        let end = i64::try_from(end.as_millis()).unwrap();
        while self.now() < end {
            let taken: Vec<_> =
                std::iter::from_fn(|| self.queues().receive("post")).take(10).collect();
            if taken.is_empty() {
                let Some(next) = self.queues().next_visible_at("post") else { return };
                let wait = (next - self.store.clock.now_ms()).clamp(1, (end - self.now()).max(1));
                self.store.clock.advance(Duration::from_millis(wait.unsigned_abs()));
                continue;
            }
            *self.deliveries.entry(self.now() / 1000).or_default() += taken.len();
            let mut busy = JoinSet::new();
            for (worker, received) in self.workers.iter().zip(taken) {
                let worker = Arc::clone(worker);
                busy.spawn(async move {
                    (worker.deliver(&received.body, Duration::from_secs(30)).await, received.id)
                });
            }
            while let Some(done) = busy.join_next().await {
                let (outcome, id) = done.unwrap();
                assert_eq!(outcome, Delivered::Done);
                self.queues().delete("post", id);
            }
            self.store.clock.advance(ROUND);
        }
    }

    /// How often each message on the queue has failed.
    pub(crate) fn failures(&self) -> Vec<u32> {
        let waiting = self.queues().sent_after(0).into_iter().filter(|(queue, ..)| queue == "post");
        let failures =
            |(.., body): (_, _, String)| Message::decode(&body).unwrap().envelope.failures;
        waiting.map(failures).collect()
    }

    /// What happened to the connection, as it was told.
    pub(crate) async fn events(&self) -> Vec<String> {
        let mut kinds = Vec::new();
        while let Some(received) = self.queues().receive("dispatch") {
            self.queues().delete("dispatch", received.id);
            let message = self.store.read_message(&received.body).await.unwrap();
            let Task::Events(batch) = message.task else { panic!("not an event") };
            let kind =
                |one: &Record| one.value.get("type").and_then(Value::as_str).map(str::to_owned);
            kinds.extend(batch.records.iter().filter_map(kind));
        }
        kinds
    }
}

async fn define(store: &Store, tenant: &Tenant, url: &str, calls: &str) -> Envelope {
    let connection = format!(
        r#"{{"apiVersion":"ferrule/v1","kind":"Connection","metadata":{{"name":"sink"}},
        "connector":"post","settings":{{"url":"{url}"}},"limits":{{"calls":"{calls}"}}}}"#
    );
    let connection: Connection = serde_json::from_str(&connection).unwrap();
    store.put_connection(tenant, &connection, When::Always).await.unwrap().unwrap();
    let integration = r#"{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{"name":"push"},
        "source":{"connection":"sink"},"output":{"connection":"sink","key":"."}}"#;
    let integration: Integration = serde_json::from_str(integration).unwrap();
    store.put_integration(tenant, &integration, When::Always).await.unwrap().unwrap();
    let hash = hash_of(&integration).unwrap();
    Envelope::new(tenant.clone(), Name::new("push").unwrap(), hash, RunId::new("run"))
}

fn worker(store: &Store) -> Arc<Runner<Handler<Post>>> {
    let definitions = Arc::new(Definitions::new(store.clone()));
    let handler = Handler::new(Post, store.clone(), Arc::clone(&definitions), true);
    Arc::new(Runner::new(handler, store.clone(), definitions))
}

/// The most calls that came within any stretch of `window_ms`.
pub(crate) fn most_within(calls: &[i64], window_ms: i64) -> usize {
    let mut calls = calls.to_vec();
    calls.sort_unstable();
    let within = |(at, from): (usize, &i64)| calls.partition_point(|c| c - from < window_ms) - at;
    calls.iter().enumerate().map(within).max().unwrap_or(0)
}
