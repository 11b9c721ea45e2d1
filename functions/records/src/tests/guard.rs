//! Plans and guards, from the change feed of one table into another.

use ferrule_core::{Batch, Counts, Does, Purpose, Run, RunId, Timings};
use ferrule_store::{NotDecided, NotStarted, PlanWish};

use super::*;

/// A hub whose integration copies table `a` to table `b` under a guard.
async fn guarded(guard: &str) -> Hub {
    let hub = hub().await;
    let text = INTEGRATION.replacen('{', &format!("{{\"guard\":{guard},"), 1);
    let integration: Integration = serde_json::from_str(&text).unwrap();
    hub.store.put_integration(&hub.tenant, &integration, When::Always).await.unwrap().unwrap();
    hub
}

impl Hub {
    /// Puts the same text into so many rows of table `a`.
    async fn fill(&self, rows: u32, version: i64, text: &str) {
        let keys = (0..rows).map(|n| format!("k{n:04}"));
        let changes: Vec<Change> = keys.map(|key| change(&key, version, text)).collect();
        self.apply(&format!("fill-{version}"), &changes).await;
        // Further than the feed reads back.
        self.store.clock.advance(Duration::from_secs(10));
    }

    /// Does all work that is due, as the functions do.
    async fn drive(&self) {
        self.drive_within(Duration::from_secs(9)).await;
    }

    /// The same, by functions that have so much time; returns how often one was asked to release.
    async fn drive_within(&self, left: Duration) -> usize {
        let mut releases = 0;
        loop {
            if let Some(message) = self.text("records") {
                releases += usize::from(message.contains("\"release\""));
                assert_eq!(self.runner.deliver(&message, left).await, Delivered::Done);
            } else if let Some(Message { envelope, task: Task::Transform(batch) }) =
                self.sent("transform")
            {
                self.store
                    .send_task("records", &envelope, Task::Load(mapped(batch)))
                    .await
                    .unwrap();
            } else if let Some(Message { envelope, task: Task::Note(note) }) = self.sent("journal")
            {
                self.store.note(&envelope.tenant, &envelope.run, &[note]).await.unwrap();
            } else {
                return releases;
            }
        }
    }

    fn text(&self, function: &str) -> Option<String> {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        let message = queues.receive(function)?;
        queues.delete(function, message.id);
        Some(message.body)
    }

    async fn start(&self) -> RunId {
        let run = self.store.start_run(&self.tenant, &name("copy"), "test", false).await;
        run.unwrap().run
    }

    async fn run_now(&self) -> Run {
        let run = self.start().await;
        self.drive().await;
        self.state_of(&run).await
    }

    async fn plan(&self, sample: u64) -> Run {
        let wish = PlanWish { full: false, sample };
        let run = self.store.start_plan(&self.tenant, &name("copy"), "test", wish).await.unwrap();
        self.drive().await;
        self.state_of(&run.run).await
    }

    async fn state_of(&self, run: &RunId) -> Run {
        self.store.run(&self.tenant, run).await.unwrap().unwrap()
    }

    /// The texts in table `b`.
    async fn copied(&self) -> Vec<String> {
        let (rows, _) = self.store.records(&self.tenant, &name("b"), 9_999, None).await.unwrap();
        let text = |row: &HubRecord| row.value.get("text").unwrap().as_str().unwrap().to_owned();
        rows.iter().map(text).collect()
    }

    async fn decide(&self, run: &Run, approved: bool, by: &str) -> Result<Run, NotDecided> {
        self.store.decide_run(&self.tenant, &run.run, (approved, by)).await
    }

    async fn standing_ms(&self) -> i64 {
        self.store.standing(&self.tenant, &name("copy")).await.unwrap().success_ms
    }

    async fn cursor(&self) -> Option<String> {
        let standing = self.store.standing(&self.tenant, &name("copy")).await.unwrap();
        standing.cursor.and_then(|cursor| cursor.high).map(|high| high.to_string())
    }
}

/// What `transform` makes of the feed.
fn mapped(mut batch: Batch) -> Batch {
    for record in &mut batch.records {
        record.key = record.value.get(KEY).unwrap().as_str().map(str::to_owned);
        record.version = record.value.get(VERSION).cloned();
        let text = record.value.get("text").unwrap().clone();
        record.value = Object::from_iter([("text", text)]).into();
    }
    batch
}

#[tokio::test]
async fn a_first_load_passes_and_so_does_what_is_little() {
    let hub = guarded(r#"{"max_percent":20,"max_records":50}"#).await;
    hub.fill(200, 1, "first").await;
    let first = hub.run_now().await;
    assert_eq!((first.state, first.counts.created), (RunState::Succeeded, 200));
    assert_eq!(first.purpose, Purpose::Deliver);
    hub.fill(40, 2, "second").await;
    let second = hub.run_now().await;
    assert_eq!((second.state, second.counts.updated), (RunState::Succeeded, 40), "{second:?}");
    assert_eq!(second.look.unwrap().holds, Some(200));
    hub.fill(41, 3, "third").await;
    let third = hub.run_now().await;
    assert_eq!(third.state, RunState::WaitingForApproval);
}

#[tokio::test]
async fn a_run_that_would_change_too_much_writes_nothing_until_it_is_approved_and_then_once() {
    let hub = guarded(r#"{"max_percent":20}"#).await;
    hub.fill(3000, 1, "old").await;
    hub.run_now().await;
    let before = hub.cursor().await;
    hub.fill(2700, 2, "new").await;
    let waits = hub.run_now().await;
    assert_eq!(waits.state, RunState::WaitingForApproval);
    let look = waits.look.as_deref().unwrap();
    assert_eq!((look.would.updated, look.holds), (2700, Some(3000)));
    let why = "it would change 2700 records of 3000; guard.max_percent is 20";
    assert_eq!(look.why.as_deref(), Some(why));
    let sample = &look.found.samples[0];
    assert_eq!((sample.does, &*sample.fields[0].field), (Does::Update, "text"));
    assert_eq!(sample.fields[0].old.as_deref(), Some("\"old\""));
    assert!(hub.copied().await.iter().all(|text| text == "old"));
    assert_eq!((hub.cursor().await, waits.ended_at), (before, None));
    // Whoever comes next waits, too.
    let next = hub.store.start_run(&hub.tenant, &name("copy"), "test", false).await;
    assert!(matches!(next, Err(NotStarted::Running(run)) if run == waits.run));

    let approved = hub.decide(&waits, true, "ann").await.unwrap();
    assert_eq!(approved.state, RunState::Running);
    hub.decide(&waits, true, "ann").await.expect("a second click");
    hub.drive().await;
    let over = hub.state_of(&waits.run).await;
    assert_eq!((over.state, over.counts.updated), (RunState::Succeeded, 2700));
    assert_eq!(over.counts.read - over.counts.skipped, 2700, "counted once");
    assert_eq!(over.look.unwrap().decision.unwrap().by, "ann");
    let copied = hub.copied().await;
    assert_eq!(copied.iter().filter(|text| *text == "new").count(), 2700);
    assert!(matches!(hub.decide(&waits, true, "ann").await, Err(NotDecided::Over(_))));
    let next = hub.run_now().await.counts;
    assert_eq!((next.updated, next.read), (0, next.skipped), "the cursor moved on");
}

#[tokio::test]
async fn what_a_large_table_holds_is_counted_in_as_many_messages_as_it_takes() {
    let hub = guarded(r#"{"max_percent":50}"#).await;
    hub.fill(400, 1, &"x".repeat(10_000)).await;
    hub.run_now().await;
    hub.fill(150, 2, "new").await;
    let run = hub.start().await;
    let releases = hub.drive_within(Duration::from_nanos(1)).await;
    let over = hub.state_of(&run).await;
    assert_eq!((over.state, over.counts.updated), (RunState::Succeeded, 150), "{over:?}");
    assert_eq!(over.look.unwrap().holds, Some(300), "as many as matter");
    assert!(releases > 3, "a page each: {releases}");
}

#[tokio::test]
async fn a_record_that_comes_in_two_batches_is_one_change() {
    for (most, state) in [(10, RunState::Succeeded), (9, RunState::WaitingForApproval)] {
        let hub = guarded(&format!(r#"{{"max_records":{most}}}"#)).await;
        hub.fill(10, 1, "old").await;
        hub.run_now().await;
        let run = hub.state_of(&hub.start().await).await;
        hub.text("records").expect("what it would read is brought here");
        let envelope = ferrule_store::envelope_of(&hub.tenant, &run);
        for (seq, text) in [(0, "new"), (1, "newer")] {
            let record = |n| ferrule_connector::Record {
                key: Some(format!("k{n:04}")),
                value: Object::from_iter([("text", Value::from(text))]).into(),
                ..ferrule_connector::Record::default()
            };
            let batch = Batch { seq, records: (0..10).map(record).collect(), ..Batch::default() };
            hub.store.send_task("records", &envelope, Task::Load(batch)).await.unwrap();
        }
        let (counts, timings) = (Counts::default(), Timings::default());
        let end = Note::End { batches: 2, counts, timings, found: None };
        hub.store.send_task("journal", &envelope, Task::Note(end)).await.unwrap();
        hub.drive().await;
        let after = hub.state_of(&run.run).await;
        let look = after.look.unwrap();
        assert_eq!(
            (after.state, look.would.updated),
            (state, 10),
            "{:?} {:?}",
            look.why,
            after.reason
        );
        let is_new = |text: &String| text == "newer";
        assert_eq!(hub.copied().await.iter().all(is_new), state == RunState::Succeeded);
    }
}

#[tokio::test]
async fn what_is_rejected_writes_nothing_and_the_next_run_reads_it_again() {
    let hub = guarded(r#"{"max_records":5}"#).await;
    hub.fill(10, 1, "old").await;
    hub.run_now().await;
    hub.fill(9, 2, "new").await;
    let waits = hub.run_now().await;
    let before = hub.cursor().await;
    let rejected = hub.decide(&waits, false, "bob").await.unwrap();
    hub.drive().await;
    assert_eq!(rejected.state, RunState::Failed);
    assert!(rejected.reason.unwrap().starts_with("REJECTED: bob"));
    assert!(hub.copied().await.iter().all(|text| text == "old"));
    assert_eq!(hub.cursor().await, before);
    assert!(matches!(hub.decide(&waits, true, "ann").await, Err(NotDecided::Over(_))));
    let again = hub.run_now().await;
    assert_eq!(again.look.as_ref().unwrap().would.updated, 9, "it reads the same again, and asks");
    assert_eq!(again.state, RunState::WaitingForApproval);
}

#[tokio::test]
async fn of_two_who_decide_one_is_first_and_who_is_not_asked_is_told_so() {
    let hub = guarded(r#"{"max_records":0}"#).await;
    hub.fill(3, 1, "old").await;
    let passed = hub.run_now().await;
    assert!(matches!(hub.decide(&passed, true, "ann").await, Err(NotDecided::Over(_))));
    hub.fill(3, 2, "new").await;
    let waits = hub.run_now().await;
    let (ann, bob) = tokio::join!(hub.decide(&waits, true, "ann"), hub.decide(&waits, true, "bob"));
    let [first, second] = if ann.is_ok() { [ann, bob] } else { [bob, ann] };
    assert!(first.is_ok());
    assert!(matches!(second, Err(NotDecided::Decided(_))), "{second:?}");
    assert!(matches!(hub.decide(&waits, false, "ann").await, Err(NotDecided::Decided(_))));
    hub.drive().await;
    assert_eq!(hub.state_of(&waits.run).await.counts.updated, 3);
    hub.fill(3, 3, "newer").await;
    let started = hub.start().await;
    let early = hub.state_of(&started).await;
    assert!(matches!(hub.decide(&early, true, "ann").await, Err(NotDecided::NotWaiting(_))));
    let unknown = hub.store.decide_run(&hub.tenant, &RunId::new("r0"), (true, "ann")).await;
    assert!(matches!(unknown, Err(NotDecided::Unknown(_))));
}

#[tokio::test]
async fn nobody_waits_for_longer_than_a_day() {
    let hub = guarded(r#"{"max_records":0}"#).await;
    hub.fill(3, 1, "old").await;
    hub.run_now().await;
    hub.fill(3, 2, "new").await;
    let waits = hub.run_now().await;
    for _ in 0..23 * 6 {
        hub.store.clock.advance(Duration::from_mins(10));
        hub.drive().await;
    }
    assert_eq!(hub.state_of(&waits.run).await.state, RunState::WaitingForApproval);
    assert!(hub.store.reap(&hub.tenant, &name("copy")).await.unwrap().is_none());
    for _ in 0..9 {
        hub.store.clock.advance(Duration::from_mins(10));
        hub.drive().await;
    }
    let over = hub.state_of(&waits.run).await;
    assert_eq!(over.state, RunState::Failed);
    assert!(over.reason.unwrap().starts_with("NOT_APPROVED"));
    let late = hub.decide(&waits, true, "ann").await;
    assert!(matches!(late, Err(NotDecided::Over(_))));
    assert!(hub.copied().await.iter().all(|text| text == "old"));
    assert_eq!(hub.run_now().await.look.unwrap().would.updated, 3);
}

#[tokio::test]
async fn an_approval_holds_though_nobody_could_say_so() {
    let hub = guarded(r#"{"max_records":0}"#).await;
    hub.fill(3, 1, "old").await;
    hub.run_now().await;
    hub.fill(3, 2, "new").await;
    let waits = hub.run_now().await;
    hub.decide(&waits, true, "ann").await.unwrap();
    assert!(hub.text("records").is_some(), "the word that is lost here");
    hub.drive().await;
    assert_eq!(hub.state_of(&waits.run).await.state, RunState::Running);
    hub.store.clock.advance(Duration::from_mins(10));
    hub.drive().await;
    let over = hub.state_of(&waits.run).await;
    assert_eq!((over.state, over.counts.updated), (RunState::Succeeded, 3));
}

#[tokio::test]
async fn a_plan_says_what_the_run_then_does_and_moves_nothing() {
    let hub = hub().await;
    hub.fill(30, 1, "old").await;
    hub.run_now().await;
    let before = hub.cursor().await;
    hub.fill(40, 2, "new").await;
    let standing = hub.standing_ms().await;
    let plan = hub.plan(1_000).await;
    assert_eq!((plan.state, plan.purpose, plan.token), (RunState::Succeeded, Purpose::Plan, 0));
    assert_eq!((plan.counts.updated, plan.counts.created, plan.counts.read), (30, 10, 40));
    assert_eq!((hub.cursor().await, hub.standing_ms().await), (before, standing));
    assert!(hub.copied().await.iter().all(|text| text == "old"));
    let run = hub.run_now().await;
    assert_eq!((run.state, run.counts), (RunState::Succeeded, plan.counts));
    let found = &plan.look.as_ref().unwrap().found;
    let shown = |does| found.samples.iter().filter(|one| one.does == does).count();
    assert_eq!((shown(Does::Create), shown(Does::Update), found.more), (5, 5, false));
}

#[tokio::test]
async fn a_plan_takes_its_sample_beside_a_run_that_is_going_on() {
    let hub = hub().await;
    hub.fill(40, 1, "old").await;
    let started = hub.start().await;
    let plan = hub.plan(15).await;
    assert_eq!(plan.counts.read, 15);
    assert!(plan.look.unwrap().found.more);
    let run = hub.state_of(&started).await;
    assert_eq!((run.state, run.counts.created), (RunState::Succeeded, 40), "it hinders none");
}

#[tokio::test]
async fn a_plan_counts_a_record_that_comes_in_two_batches_as_the_run_does() {
    let hub = hub().await;
    let store = &hub.store;
    let mode = ferrule_core::definition::Mode::Upsert;
    let plan = RunId::new("p1");
    let look = async |batch: &str, changes: &[Change]| {
        let how = (mode, batch);
        let seen = store.foresee(&hub.tenant, &name("a"), how, changes, Some(&plan)).await;
        seen.unwrap().into_iter().map(|one| one.applied).collect::<Vec<_>>()
    };
    hub.apply("r0-0", &[change("there", 1, "x")]).await;
    let first = [change("new", 2, "a"), change("there", 2, "y")];
    let then = [change("new", 3, "b"), change("there", 1, "z"), change("new", 1, "c")];
    let planned = [look("p1-0", &first).await, look("p1-1", &then).await];
    let applied = [hub.apply("r1-0", &first).await, hub.apply("r1-1", &then).await];
    assert_eq!(planned, applied);
}
