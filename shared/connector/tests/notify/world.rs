//! A bell, those who hear it, and the queues between.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use ferrule_connector::{Connector, Context, Failure, Handler, Health, Notify, Receipt, Role};
use ferrule_core::{
    Batch, Counts, Digest, Message, Note, Notification, Progress, Record, Run, RunId, Task, Tenant,
    Timings, Value,
    definition::{Connection, Integration, ROOM, piece_seq},
};
use ferrule_lambda::{Delivered, Runner};
use ferrule_store::{
    Clock, Definitions, Delivery, ErrorFilter, ErrorRow, Queues, Store, When, envelope_of, memory,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// When everything begins.
pub(crate) const START_MS: i64 = 1_760_000_000_000;

/// One ring: where, which notification, whether it may have been the second one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ring {
    pub(crate) to: String,
    pub(crate) id: String,
    pub(crate) again: bool,
}

/// What the target does, by the title of the notification.
pub(crate) type Answers = Arc<Mutex<BTreeMap<String, Failure>>>;

/// Rings a bell; what is titled like one of the answers fails so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bell {
    pub(crate) rings: Arc<Mutex<Vec<Ring>>>,
    pub(crate) answers: Answers,
    /// Nobody rings without it.
    pub(crate) password: Arc<Mutex<Option<String>>>,
}

impl Bell {
    fn let_in(&self, secret: Option<&Password>) -> Result<(), Failure> {
        let wanted = self.password.lock().unwrap().clone();
        let is_right = secret.map(|secret| &secret.password) == wanted.as_ref();
        if wanted.is_none() || is_right {
            Ok(())
        } else {
            Err(Failure::unauthorized("bell", "the password is wrong"))
        }
    }
}

/// What opens the door to it.
#[derive(Deserialize)]
pub(crate) struct Password {
    password: String,
}

/// Settings: nothing.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Nothing {}

/// Which bell.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Target {
    to: String,
}

impl Connector for Bell {
    const NAME: &'static str = "bell";
    const ROLES: &'static [Role] = &[Role::Notify];
    type Settings = Nothing;
    type Secret = Password;
    type Source = Nothing;
    type Target = Target;

    async fn notify(&self, notify: &Notify<'_, Self>) -> Result<Receipt, Failure> {
        self.let_in(notify.context.secret)?;
        let Notification { id, title, .. } = notify.notification;
        let to = notify.target.to.clone();
        let failure = self.answers.lock().unwrap().get(&format!("{to}/{title}")).cloned();
        if let Some(failure) = failure {
            return Err(failure);
        }
        self.rings.lock().unwrap().push(Ring { to, id: id.clone(), again: notify.again });
        Ok(Receipt::default())
    }

    fn target(&self, _: &Nothing, target: &Target) -> String {
        format!("the bell {}", target.to)
    }

    async fn check(&self, context: &Context<'_, Self>) -> Result<Health, Failure> {
        self.let_in(context.secret)?;
        match self.answers.lock().unwrap().get("check") {
            Some(failure) => Err(failure.clone()),
            None => Ok(Health { message: "it rings".into() }),
        }
    }
}

/// Someone to tell, and someone who stands in.
const RECIPIENTS: &str = r#"[{"connection":"bell","to":"front","useful_for":"2h",
    "else":[{"connection":"bell","to":"back"}]}]"#;

/// The hub with one integration that tells.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) fuse: memory::Fuse,
    pub(crate) bell: Bell,
    pub(crate) tenant: Tenant,
    pub(crate) run: Run,
}

impl World {
    pub(crate) async fn new() -> Self {
        let fuse = memory::Fuse::default();
        let store = Store::memory_with(Clock::manual(START_MS), &fuse);
        let tenant = Tenant::new("acme").unwrap();
        let connection = connection("{}");
        store.put_connection(&tenant, &connection, When::Always).await.unwrap().unwrap();
        let text = format!(
            r#"{{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{{"name":"tell"}},
            "output":{{"notify":{RECIPIENTS}}}}}"#
        );
        let integration: Integration = serde_json::from_str(&text).unwrap();
        let stored = store.put_integration(&tenant, &integration, When::Always).await.unwrap();
        let hash = stored.unwrap().hash;
        let mut run = Run::new(
            RunId::new("r1"),
            integration.metadata.name.clone(),
            hash,
            "webhook",
            START_MS,
        );
        let mut progress = Progress::default();
        progress.end(ROOM);
        run.progress = progress;
        let delivery =
            Delivery { integration: integration.metadata.name, id: Digest::of(&[b"d1"]) };
        let run = store.claim_run(&tenant, &delivery, run).await.unwrap().run;
        Self { store, fuse, bell: Bell::default(), tenant, run }
    }

    /// Lets the bell `to` answer so to what has this title.
    pub(crate) fn answer(&self, to: &str, title: &str, failure: Failure) {
        self.bell.answers.lock().unwrap().insert(format!("{to}/{title}"), failure);
    }

    pub(crate) fn message(&self, titles: &[&str]) -> Message {
        let records = titles.iter().map(|title| {
            let id = format!("n-{title}");
            let notification = Notification {
                id,
                title: (*title).into(),
                at: START_MS,
                ..Notification::default()
            };
            Record { value: Value::of(&notification).unwrap(), ..Record::default() }
        });
        let batch = Batch {
            seq: piece_seq(0, 0, 0),
            origin: "test".into(),
            recipient: Some(0),
            records: records.collect(),
            ..Batch::default()
        };
        Message { envelope: envelope_of(&self.tenant, &self.run), task: Task::Load(batch) }
    }

    /// Sends notifications to the first recipient, as `dispatch` does, with its note.
    pub(crate) async fn send(&self, titles: &[&str]) {
        let message = self.message(titles);
        self.store.send("bell", vec![message.clone()], Duration::ZERO).await.unwrap();
        let kept = [piece_seq(0, 0, 0), piece_seq(0, 1, 0)];
        let others = vec![(kept[0] + 1, kept[1] - kept[0] - 1), (kept[1] + 1, ROOM - kept[1] - 1)];
        let (counts, timings) = (Counts::default(), Timings::default());
        let note = Note::Batch { seq: 0, others, counts, timings, failed: None };
        self.store.note(&self.tenant, &self.run.run, &[note]).await.unwrap();
    }

    pub(crate) fn runner(&self) -> Runner<Handler<Bell>> {
        let definitions = Arc::new(Definitions::new(self.store.clone()));
        let (store, bell) = (self.store.clone(), self.bell.clone());
        let handler = Handler::new(bell, store.clone(), Arc::clone(&definitions), true);
        Runner::new(handler, store, definitions)
    }

    /// Delivers one message that is due; says whether there was one.
    pub(crate) async fn deliver(&self, runner: &Runner<Handler<Bell>>) -> bool {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        for queue in ["bell-urgent", "bell"] {
            let Some(received) = queues.receive(queue) else { continue };
            let outcome = runner.deliver(&received.body, Duration::from_secs(30)).await;
            if outcome == Delivered::Done {
                queues.delete(queue, received.id);
            }
            return true;
        }
        self.forward().await
    }

    /// Sends on to those that stand in, as `dispatch` does; says whether there was anything.
    async fn forward(&self) -> bool {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        let mut forwarded = false;
        for received in std::iter::from_fn(|| queues.receive("dispatch")).collect::<Vec<_>>() {
            let message = Message::decode(&received.body).unwrap();
            if matches!(message.task, Task::Load(_)) {
                self.store.send("bell", vec![message], Duration::ZERO).await.unwrap();
                queues.delete("dispatch", received.id);
                forwarded = true;
            } else {
                queues.delay("dispatch", received.id, Duration::ZERO);
            }
        }
        forwarded
    }

    /// Delivers until nothing is left, moving the clock on where everything waits.
    pub(crate) async fn settle(&self) {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        let runner = self.runner();
        for _ in 0..300 {
            if self.deliver(&runner).await {
                continue;
            }
            let next = ["bell-urgent", "bell"].map(|queue| queues.next_visible_at(queue));
            let Some(next) = next.into_iter().flatten().min() else {
                return self.note().await;
            };
            let wait = (next - self.store.clock.now_ms()).max(1);
            self.store.clock.advance(Duration::from_millis(wait.unsigned_abs()));
        }
        panic!("it never ends");
    }

    async fn note(&self) {
        for text in self.sent("journal") {
            let message = self.store.read_message(&text).await.unwrap();
            let Task::Note(note) = message.task else { panic!("not a note") };
            self.store.note(&self.tenant, &message.envelope.run, &[note]).await.unwrap();
        }
    }

    /// Takes everything off a queue.
    pub(crate) fn sent(&self, queue: &str) -> Vec<String> {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        std::iter::from_fn(|| {
            let received = queues.receive(queue)?;
            queues.delete(queue, received.id);
            Some(received.body)
        })
        .collect()
    }

    /// Takes the tasks for `dispatch`: events by type, and digests.
    pub(crate) async fn dispatched(&self) -> Vec<String> {
        let mut all = Vec::new();
        for text in self.sent("dispatch").into_iter().chain(self.sent("dispatch-urgent")) {
            let message = self.store.read_message(&text).await.unwrap();
            all.extend(match message.task {
                Task::Events(batch) => batch
                    .records
                    .iter()
                    .map(|it| it.value.get("type").unwrap().as_str().unwrap().to_owned())
                    .collect(),
                Task::Fold(batch) => vec![format!("fold {}", batch.records.len())],
                other => panic!("{other:?}"),
            });
        }
        all
    }

    pub(crate) async fn ended(&self) -> Run {
        let run = self.store.run(&self.tenant, &self.run.run).await.unwrap().unwrap();
        assert!(run.state.is_over(), "{:?}", run.progress.done());
        run
    }

    pub(crate) async fn errors(&self) -> Vec<ErrorRow> {
        self.store.errors(&self.tenant, &ErrorFilter::default(), 100, None).await.unwrap().0
    }

    /// Who heard which notification, in order.
    pub(crate) fn heard(&self) -> Vec<String> {
        let rings = self.bell.rings.lock().unwrap();
        rings.iter().map(|ring| format!("{}: {}", ring.to, ring.id)).collect()
    }
}

pub(crate) fn connection(settings: &str) -> Connection {
    let text = format!(
        r#"{{"apiVersion":"ferrule/v1","kind":"Connection","metadata":{{"name":"bell"}},
        "connector":"bell","settings":{settings}}}"#
    );
    serde_json::from_str(&text).unwrap()
}
