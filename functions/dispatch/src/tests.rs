//! A hub in memory: dispatch does its work, and the journal keeps the books; connectors are played.

mod crashes;
mod digests;
mod failures;
mod routing;
mod samples;

use std::collections::BTreeMap;

use ferrule_core::{
    Batch, Counts, Event, Name, Note, Notification, Object, Run, Timings, Value,
    definition::{Connection, Integration, same_piece},
};
use ferrule_lambda::{Delivered, Runner};
use ferrule_store::{Clock, Posted, Queues, When, memory::Fuse};

use super::*;

/// 2025-10-09T08:53:20Z
pub(super) const START: i64 = 1_760_000_000_000;

/// Connections of the test hub; each has a connector of the same name.
const CONNECTIONS: [&str; 4] = ["chat", "ops", "mail", "hub"];

pub(super) struct Hub {
    pub(super) store: Store,
    pub(super) tenant: Tenant,
    runner: Runner<Dispatch>,
    /// What connectors were given, by connector.
    pub(super) told: BTreeMap<String, Vec<Notification>>,
    /// What they were given, by run and number: they do nothing twice.
    pieces: BTreeMap<(String, u64), Digest>,
    /// Connectors that are down: what they get fails for good.
    pub(super) down: Vec<&'static str>,
}

/// A hub with these integrations, each given as `name` and the rest of its definition.
pub(super) async fn hub(integrations: &[(&str, &str)]) -> Hub {
    hub_with(integrations, &Fuse::default()).await
}

pub(super) async fn hub_with(integrations: &[(&str, &str)], fuse: &Fuse) -> Hub {
    let store = Store::memory_with(Clock::manual(START), fuse);
    let tenant = Tenant::new("acme").unwrap();
    for name in CONNECTIONS {
        let text = format!(
            r#"{{"apiVersion":"ferrule/v1","kind":"Connection","metadata":{{"name":"{name}"}},
            "connector":"{name}"}}"#
        );
        let connection: Connection = serde_json::from_str(&text).unwrap();
        store.put_connection(&tenant, &connection, When::Always).await.unwrap().unwrap();
    }
    for (name, rest) in integrations {
        let text = format!(
            r#"{{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{{"name":"{name}"}},{rest}}}"#
        );
        let integration: Integration = serde_json::from_str(&text).unwrap();
        store.put_integration(&tenant, &integration, When::Always).await.unwrap().unwrap();
    }
    let definitions = Arc::new(Definitions::new(store.clone()));
    let stage = Dispatch::new(store.clone(), Arc::clone(&definitions));
    let runner = Runner::new(stage, store.clone(), definitions);
    Hub { store, tenant, runner, told: BTreeMap::new(), pieces: BTreeMap::new(), down: Vec::new() }
}

/// A change of a key, as the configuration service tells it.
pub(super) fn change(id: &str, key: &str) -> Event {
    let data = Object::from_iter([
        ("key", Value::from(key)),
        ("environment", Value::from("prod")),
        ("old", Value::from("a")),
        ("new", Value::from("b")),
        ("by", Value::from("ann")),
    ]);
    Event { id: id.into(), kind: "config.changed".into(), at: START, subject: key.into(), data }
}

impl Hub {
    pub(super) fn queues(&self) -> &ferrule_store::memory::Queues {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        queues
    }

    pub(super) async fn happens(&self, event: Event) {
        self.store.tell(&self.tenant, &Posted::one(event)).await.unwrap();
    }

    /// Lets everything be done that can be done now.
    pub(super) async fn settle(&mut self) {
        while self.step().await {}
    }

    /// Deals with one message of any queue.
    pub(super) async fn step(&mut self) -> bool {
        for function in self.queues().functions() {
            let Some(message) = self.queues().receive(&function) else { continue };
            let done = match function.trim_end_matches("-urgent") {
                "dispatch" => {
                    let left = Duration::from_secs(30);
                    self.runner.deliver(&message.body, left).await == Delivered::Done
                }
                "journal" => self.keep_books(&message.body).await,
                connector => self.play(connector, &message.body).await,
            };
            if done {
                self.queues().delete(&function, message.id);
            } else {
                self.queues().delay(&function, message.id, Duration::ZERO);
            }
            return true;
        }
        false
    }

    async fn keep_books(&self, body: &str) -> bool {
        let Message { envelope, task: Task::Note(note) } = Message::decode(body).unwrap() else {
            panic!("the journal takes notes")
        };
        self.store.note(&self.tenant, &envelope.run, &[note]).await.is_ok()
    }

    /// Does what a connector does with a batch.
    async fn play(&mut self, connector: &str, body: &str) -> bool {
        let message = Message::decode(body).unwrap();
        let Task::Load(batch) = message.task.clone() else { panic!("connectors get loads") };
        if self.down.contains(&connector) {
            let failure = Failure::unavailable(connector, "down");
            let definitions = Definitions::new(self.store.clone());
            ferrule_lambda::give_up(&self.store, &definitions, connector, message, &failure)
                .await
                .unwrap();
            return true;
        }
        let piece = (message.envelope.run.to_string(), batch.seq);
        let earlier = self.pieces.insert(piece, batch.digest());
        if let Some(earlier) = earlier {
            assert_eq!(earlier, batch.digest(), "a repeat says the same");
        } else {
            let notifications = batch.records.iter().map(|record| record.value.to().unwrap());
            self.told.entry(connector.to_owned()).or_default().extend(notifications);
        }
        self.account(&message.envelope, &batch).await
    }

    async fn account(&self, envelope: &Envelope, batch: &Batch) -> bool {
        let definitions = Definitions::new(self.store.clone());
        let integration = definitions.of(envelope).await.unwrap();
        let to = integration.recipient(batch.recipient.unwrap()).unwrap();
        let others = to.fallback.map(|at| (same_piece(batch.seq, at), 1)).collect();
        let counts = Counts { told: batch.records.len() as u64, ..Counts::default() };
        let timings = Timings::default();
        let note = Note::Batch { seq: batch.seq, others, counts, timings, failed: None };
        self.store.note(&self.tenant, &envelope.run, &[note]).await.is_ok()
    }

    /// Titles of what a connector was given; of digests those of their members.
    pub(super) fn titles(&self, connector: &str) -> Vec<String> {
        let told = self.told.get(connector).map(Vec::as_slice).unwrap_or_default();
        let titles = told.iter().flat_map(|one| match one.digest.as_slice() {
            [] => vec![one.title.clone()],
            members => members.iter().map(|member| member.title.clone()).collect(),
        });
        titles.collect()
    }

    /// The runs of an integration, oldest first.
    pub(super) async fn runs(&self, name: &str) -> Vec<Run> {
        let name = Name::new(name).unwrap();
        let mut runs = self.store.runs(&self.tenant, Some(&name), 1000, None).await.unwrap().0;
        runs.reverse();
        runs
    }
}
