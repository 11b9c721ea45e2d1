use std::sync::atomic::{AtomicU32, Ordering};

use ferrule_core::{
    Batch, Counts, Digest, Name, Note, Purpose, Run, RunId, Tenant, Timings,
    definition::{Connection, Integration, Urgency},
};
use ferrule_store::{Clock, Queues, When, envelope_of, memory};

use super::*;

/// 2025-10-09T08:53:20Z
const START: i64 = 1_760_000_000_000;

/// A target that fails as it is told, and counts what it is asked for.
struct Target {
    asked: Arc<AtomicU32>,
    failure: Option<Failure>,
}

impl Stage for Target {
    fn name(&self) -> &'static str {
        "crm"
    }

    async fn handle(&self, _: &Message, _: Duration) -> Result<(), Failure> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.failure.clone().map_or(Ok(()), Err)
    }
}

struct Hub {
    store: Store,
    tenant: Tenant,
    runner: Runner<Target>,
    asked: Arc<AtomicU32>,
    run: Run,
    /// How many calls of the store are left.
    fuse: memory::Fuse,
}

/// A hub with a run of an integration, which has the keys `more` too.
async fn hub(failure: Option<Failure>, more: &str) -> Hub {
    let fuse = memory::Fuse::default();
    let store = Store::memory_with(Clock::manual(START), &fuse);
    let tenant = Tenant::new("acme").unwrap();
    let connection = r#"{"apiVersion":"ferrule/v1","kind":"Connection","metadata":{"name":"crm"},
        "connector":"crm"}"#;
    let connection: Connection = serde_json::from_str(connection).unwrap();
    let text = format!(
        r#"{{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{{"name":"copy"}},
        "source":{{"connection":"crm"}},"output":{{"connection":"crm"}}{more}}}"#
    );
    let integration: Integration = serde_json::from_str(&text).unwrap();
    store.put_connection(&tenant, &connection, When::Always).await.unwrap().unwrap();
    store.put_integration(&tenant, &integration, When::Always).await.unwrap().unwrap();
    let name = Name::new("copy").unwrap();
    let run = store.start_run(&tenant, &name, "api", false).await.unwrap();
    let asked = Arc::<AtomicU32>::default();
    let stage = Target { asked: Arc::clone(&asked), failure };
    let definitions = Arc::new(Definitions::new(store.clone()));
    let runner = Runner::new(stage, store.clone(), definitions);
    let hub = Hub { store, tenant, runner, asked, run, fuse };
    let first = hub.queues().receive("crm").expect("the first page is asked for");
    hub.queues().delete("crm", first.id);
    hub
}

impl Hub {
    fn queues(&self) -> &memory::Queues {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        queues
    }

    async fn send(&self, urgency: Urgency) {
        let envelope = ferrule_core::Envelope { urgency, ..envelope_of(&self.tenant, &self.run) };
        self.store.send_task("crm", &envelope, Task::Load(Batch::default())).await.unwrap();
    }

    /// Delivers what is on the queue until nothing is there for now; returns how often it was asked.
    async fn deliver(&self) -> u32 {
        let before = self.asked.load(Ordering::SeqCst);
        for queue in ["crm", "crm-urgent"] {
            while let Some(message) = self.queues().receive(queue) {
                let delivered = self.runner.deliver(&message.body, Duration::from_mins(1)).await;
                assert_eq!(delivered, Delivered::Done);
                self.queues().delete(queue, message.id);
            }
        }
        self.asked.load(Ordering::SeqCst) - before
    }

    /// Tells whether work was given up: the journal hears of it.
    fn gave_up(&self) -> bool {
        self.queues().receive("journal").is_some()
    }
}

#[tokio::test]
async fn trouble_of_aws_uses_up_no_attempt_for_half_a_day() {
    let hub = hub(Some(Failure::own("dynamodb", "throttled")), "").await;
    hub.send(Urgency::Medium).await;
    for minute in 0..11 * 60 {
        assert_eq!(hub.deliver().await, 1, "minute {minute}");
        hub.store.clock.advance(Duration::from_mins(1));
    }
    assert!(!hub.gave_up());
    // Nobody believes in it any more: three more attempts.
    for _ in 0..8 {
        hub.store.clock.advance(Duration::from_mins(30));
        hub.deliver().await;
    }
    assert!(hub.gave_up());
}

#[tokio::test]
async fn a_vendor_that_fails_has_as_many_attempts_as_ever() {
    let hub = hub(Some(Failure::unavailable("crm", "503")), "").await;
    hub.send(Urgency::Medium).await;
    let mut asked = 0;
    for _ in 0..8 {
        asked += hub.deliver().await;
        hub.store.clock.advance(Duration::from_mins(16));
    }
    assert_eq!((asked, hub.gave_up()), (4, true));
}

#[tokio::test]
async fn a_run_that_was_brought_is_told_to_wait_once_and_any_other_never() {
    let throttled = Failure::Throttled { service: "crm".into(), retry_after: None };
    let hub = hub(Some(throttled), "").await;
    let brought = RunId::of_delivery(START, &Digest::of(&[b"delivery"]));
    for (run, notes) in [(brought, 1), (hub.run.run.clone(), 0)] {
        let envelope = ferrule_core::Envelope { run, ..envelope_of(&hub.tenant, &hub.run) };
        hub.store.send_task("crm", &envelope, Task::Load(Batch::default())).await.unwrap();
        for _ in 0..3 {
            assert_eq!(hub.deliver().await, 1);
            hub.store.clock.advance(Duration::from_mins(2));
        }
        let told = std::iter::from_fn(|| hub.queues().receive("journal"));
        let told: Vec<_> = told.map(|it| Message::decode(&it.body).unwrap().task).collect();
        assert_eq!(told, vec![Task::Note(Note::Waits); notes]);
        while let Some(waiting) = hub.queues().receive("crm") {
            hub.queues().delete("crm", waiting.id);
        }
    }
}

/// A hub whose integration has spent its budget.
async fn spent() -> Hub {
    let hub = hub(None, r#","limits":{"budget":{"usd_per_day":0.000001}}"#).await;
    hub.send(Urgency::Medium).await;
    assert_eq!(hub.deliver().await, 1, "nothing is spent yet");
    let counts = Counts { read: 100, created: 100, ..Counts::default() };
    let timings = Timings::default();
    let note = Note::Batch { seq: 0, others: Vec::new(), counts, timings, failed: None };
    hub.store.note(&hub.tenant, &hub.run.run, &[note]).await.unwrap();
    hub
}

#[tokio::test]
async fn work_waits_for_midnight_when_the_budget_is_spent_and_urgent_work_does_not() {
    let hub = spent().await;
    hub.send(Urgency::Medium).await;
    hub.send(Urgency::High).await;
    assert_eq!(hub.deliver().await, 1, "the urgent one");
    for _ in 0..4 * 14 {
        hub.store.clock.advance(Duration::from_mins(15));
        assert_eq!(hub.deliver().await, 0);
        let reaped = hub.store.reap(&hub.tenant, &hub.run.integration).await.unwrap();
        assert!(reaped.is_none(), "it waits, it is not stuck");
    }
    // The clock began at 08:53.
    for _ in 0..6 {
        hub.store.clock.advance(Duration::from_mins(15));
        hub.deliver().await;
    }
    assert_eq!(hub.asked.load(Ordering::SeqCst), 3, "the other one, after midnight");
    assert!(!hub.gave_up());
}

#[tokio::test]
async fn hundreds_that_wait_ask_the_tables_once_a_minute_and_come_back_one_by_one() {
    const COUNT: u32 = 500;
    let hub = spent().await;
    for _ in 0..COUNT {
        hub.send(Urgency::Medium).await;
    }
    // Each is sent again, and that is all.
    hub.fuse.light(COUNT + 20);
    assert_eq!(hub.deliver().await, 0);
    hub.fuse.mend();
    let waits = || hub.queues().next_visible_at("crm").unwrap() - hub.store.clock.now_ms();
    assert!((600_000..=900_000).contains(&waits()), "{}", waits());

    let mut most = 0;
    hub.store.clock.advance(Duration::from_mins(10));
    for _ in 0..300 {
        hub.store.clock.advance(Duration::from_secs(1));
        let mut came = 0;
        while let Some(message) = hub.queues().receive("crm") {
            hub.queues().delete("crm", message.id);
            came += 1;
        }
        most = most.max(came);
    }
    assert!(most <= COUNT / 20, "{most} in one second");
}

#[tokio::test]
async fn a_raised_budget_counts_within_a_minute_for_what_comes_back() {
    let hub = spent().await;
    hub.send(Urgency::Medium).await;
    assert_eq!(hub.deliver().await, 0);
    let stored = hub.store.integration(&hub.tenant, &hub.run.integration).await.unwrap().unwrap();
    let mut raised = stored.definition;
    raised.limits.as_mut().unwrap().budget.as_mut().unwrap().usd_per_day = 5.0;
    hub.store.put_integration(&hub.tenant, &raised, When::Always).await.unwrap().unwrap();
    hub.store.clock.advance(Duration::from_mins(1));
    hub.send(Urgency::Medium).await;
    assert_eq!(hub.deliver().await, 1, "one that comes a minute later");
    hub.store.clock.advance(Duration::from_mins(15));
    assert_eq!(hub.deliver().await, 1, "the one that waited");
}

/// What could not be looked at was not judged: were it only parked, the rest would be let through.
#[tokio::test]
async fn a_batch_that_a_guard_cannot_look_at_fails_its_run() {
    for (purpose, fails) in [(Purpose::Guard, true), (Purpose::Deliver, false)] {
        let hub = hub(Some(Failure::rejected("crm", "no")), "").await;
        let envelope = ferrule_core::Envelope { purpose, ..envelope_of(&hub.tenant, &hub.run) };
        hub.store.send_task("crm", &envelope, Task::Load(Batch::default())).await.unwrap();
        hub.deliver().await;
        let told = hub.queues().receive("journal").unwrap();
        let told = Message::decode(&told.body).unwrap().task;
        let is_failed = matches!(told, Task::Note(Note::Failed { .. }));
        assert_eq!(is_failed, fails, "{told:?}");
    }
}
