use ferrule_core::{
    Batch, Counts, Found, Name, Note, Timings,
    definition::{Connection, Integration},
};

use super::*;
use crate::{Clock, Queues, memory::Fuse};

const CONNECTION: &str = r#"{"apiVersion":"ferrule/v1","kind":"Connection",
    "metadata":{"name":"hub"},"connector":"records"}"#;
const INTEGRATION: &str = r#"{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{"name":"copy"},
    "source":{"connection":"hub","table":"a"},"output":{"connection":"hub","table":"b"},
    "guard":{"max_percent":50,"max_records":10}}"#;

struct Hub {
    store: Store,
    tenant: Tenant,
}

async fn hub(fuse: &Fuse) -> Hub {
    let store = Store::memory_with(Clock::manual(1_760_000_000_000), fuse);
    let tenant = Tenant::new("acme").unwrap();
    let connection: Connection = serde_json::from_str(CONNECTION).unwrap();
    let integration: Integration = serde_json::from_str(INTEGRATION).unwrap();
    store.put_connection(&tenant, &connection, When::Always).await.unwrap().unwrap();
    store.put_integration(&tenant, &integration, When::Always).await.unwrap().unwrap();
    Hub { store, tenant }
}

impl Hub {
    async fn start(&self) -> RunId {
        let name = Name::new("copy").unwrap();
        self.store.start_run(&self.tenant, &name, "api", false).await.unwrap().run
    }

    async fn note(&self, run: &RunId, note: Note) -> Result<Option<Run>, Failure> {
        self.store.note(&self.tenant, run, &[note]).await
    }

    /// Three batches are read: two are kept, one is refused as a whole.
    async fn looked(&self, run: &RunId, updated: u64) {
        for seq in [0, 2] {
            self.note(run, looked(seq, updated)).await.unwrap();
        }
        self.note(run, done(1, Counts { refused: 4, ..Counts::default() })).await.unwrap();
        let (counts, timings) = (Counts { read: 24, ..Counts::default() }, Timings::default());
        let end = Note::End { batches: 3, counts, timings, found: None };
        self.note(run, end).await.unwrap();
    }

    async fn run(&self, run: &RunId) -> Run {
        self.store.run(&self.tenant, run).await.unwrap().unwrap()
    }

    fn asked(&self) -> usize {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        let texts = std::iter::from_fn(|| {
            let message = queues.receive("records")?;
            queues.delete("records", message.id);
            Some(message.body)
        });
        texts.filter(|text| text.contains("\"release\"")).count()
    }
}

fn looked(seq: u64, updated: u64) -> Note {
    let counts = Counts { updated, ..Counts::default() };
    Note::Looked { seq, counts, timings: Timings::default(), found: Box::new(Found::default()) }
}

fn done(seq: u64, counts: Counts) -> Note {
    Note::Batch { seq, others: Vec::new(), counts, timings: Timings::default(), failed: None }
}

fn updated(updated: u64) -> Counts {
    Counts { updated, ..Counts::default() }
}

#[tokio::test]
async fn what_is_told_twice_or_too_late_counts_once() {
    let hub = hub(&Fuse::default()).await;
    let run = hub.start().await;
    assert_eq!(hub.asked(), 0);
    hub.looked(&run, 2).await;
    assert_eq!(hub.asked(), 1, "how much does the target hold?");
    hub.note(&run, looked(0, 2)).await.unwrap();
    assert_eq!((hub.asked(), hub.run(&run).await.look.unwrap().would.updated), (1, 4));
    for _ in 0..2 {
        hub.note(&run, Note::Weighed { holds: Some(8), twice: 0 }).await.unwrap();
        assert_eq!(hub.run(&run).await.purpose, Purpose::Deliver);
    }
    hub.note(&run, looked(2, 2)).await.unwrap();
    hub.note(&run, done(1, Counts { refused: 4, ..Counts::default() })).await.unwrap();
    assert_eq!(hub.run(&run).await.progress.done(), (1, Some(3)), "both are still to be written");
    hub.note(&run, done(2, updated(2))).await.unwrap();
    hub.note(&run, done(2, updated(2))).await.unwrap();
    let closed = hub.note(&run, done(0, updated(2))).await.unwrap().unwrap();
    let Counts { read, refused, updated, .. } = closed.counts;
    assert_eq!((closed.state, read, refused, updated), (RunState::Partial, 24, 4, 4));
}

#[tokio::test]
async fn a_run_that_keeps_nothing_just_ends() {
    let hub = hub(&Fuse::default()).await;
    let run = hub.start().await;
    let (counts, timings) = (Counts::default(), Timings::default());
    let end = Note::End { batches: 0, counts, timings, found: None };
    let closed = hub.note(&run, end).await.unwrap().unwrap();
    assert_eq!((closed.state, hub.asked()), (RunState::Succeeded, 0));
}

#[tokio::test]
async fn a_batch_that_fails_the_run_ends_it_before_the_first_write() {
    let hub = hub(&Fuse::default()).await;
    let run = hub.start().await;
    hub.note(&run, looked(0, 2)).await.unwrap();
    let failed = Some("CHECK: no".to_owned());
    let (counts, timings) = (Counts::default(), Timings::default());
    let note = Note::Batch { seq: 1, others: Vec::new(), counts, timings, failed };
    let closed = hub.note(&run, note).await.unwrap().unwrap();
    assert_eq!(closed.state, RunState::Failed);
    hub.note(&run, Note::Weighed { holds: Some(9), twice: 0 }).await.unwrap();
    assert_eq!((hub.asked(), hub.run(&run).await.purpose), (0, Purpose::Guard));
}

#[tokio::test]
async fn whoever_dies_over_a_decision_leaves_one_that_can_be_gone_on_with() {
    for approved in [true, false] {
        for calls in 0..14 {
            let fuse = Fuse::default();
            let hub = hub(&fuse).await;
            let run = hub.start().await;
            hub.looked(&run, 9).await;
            fuse.light(calls);
            hub.note(&run, Note::Weighed { holds: None, twice: 0 }).await.ok();
            fuse.mend();
            hub.note(&run, Note::Weighed { holds: None, twice: 0 }).await.unwrap();
            let waits = hub.run(&run).await;
            assert_eq!(waits.state, RunState::WaitingForApproval, "{calls}");
            fuse.light(calls);
            hub.store.decide_run(&hub.tenant, &run, (approved, "ann")).await.ok();
            fuse.mend();
            let again = hub.store.decide_run(&hub.tenant, &run, (approved, "ann")).await;
            let after = hub.run(&run).await;
            assert_eq!(after.look.as_ref().unwrap().decision.as_ref().unwrap().approved, approved);
            if approved {
                assert_eq!(after.purpose, Purpose::Deliver, "{calls}");
                assert!(again.is_ok() && hub.asked() > 0, "{calls}");
            } else {
                assert_eq!(after.state, RunState::Failed, "{calls}");
                let name = Name::new("copy").unwrap();
                let next = hub.store.start_run(&hub.tenant, &name, "api", false).await;
                assert!(next.is_ok(), "its lease is free: {calls}");
            }
        }
    }
}

#[tokio::test]
async fn a_run_that_has_lost_its_lease_writes_nothing() {
    let hub = hub(&Fuse::default()).await;
    let run = hub.start().await;
    hub.looked(&run, 9).await;
    hub.store.clock.advance(Duration::from_hours(3));
    let other = hub.start().await;
    hub.note(&run, Note::Weighed { holds: Some(99), twice: 0 }).await.unwrap();
    let over = hub.run(&run).await;
    assert_eq!((over.state, over.reason.unwrap().starts_with("LEASE")), (RunState::Failed, true));
    assert_eq!(hub.run(&other).await.state, RunState::Running);
}

#[tokio::test]
async fn what_is_kept_is_sent_as_it_was() {
    let hub = hub(&Fuse::default()).await;
    let run = hub.run(&hub.start().await).await;
    hub.asked();
    let envelope = envelope_of(&hub.tenant, &run);
    let counts = Counts { ignored: 3, ..Counts::default() };
    let batch = Batch { seq: 7, origin: "a.csv".into(), counts, ..Batch::default() };
    for _ in 0..2 {
        hub.store.keep_batch(&envelope, batch.clone()).await.unwrap();
    }
    let own = Envelope { purpose: Purpose::Deliver, ..envelope };
    hub.store.send_kept("records", &own, &[7]).await.unwrap();
    let Queues::Memory(queues, _) = &hub.store.queues else { panic!("not in memory") };
    let sent = queues.receive("records").unwrap();
    let message = hub.store.read_message(&sent.body).await.unwrap();
    assert_eq!(message, Message { envelope: own, task: Task::Load(batch) });
}

/// A page whose process died is read again, and its source may have changed.
#[tokio::test]
async fn another_batch_of_a_number_that_is_kept_is_refused() {
    let hub = hub(&Fuse::default()).await;
    let run = hub.start().await;
    let envelope = envelope_of(&hub.tenant, &hub.run(&run).await);
    let batch = |values: &[&str]| {
        let records = values.iter().map(|value| ferrule_core::Record {
            value: Value::from(*value),
            ..ferrule_core::Record::default()
        });
        Batch { seq: 3, records: records.collect(), ..Batch::default() }
    };
    for (values, is_kept) in [(["a", "b"], true), (["a", "b"], true), (["a", "c"], false)] {
        let kept = hub.store.keep_batch(&envelope, batch(&values)).await;
        assert_eq!(kept.is_ok(), is_kept, "{values:?}: {kept:?}");
    }
}

#[tokio::test]
async fn what_was_counted_twice_is_taken_back_and_what_is_marked_counts() {
    for (second, twice) in [(3, 3), (0, 0), (1, 1)] {
        let hub = hub(&Fuse::default()).await;
        let run = hub.start().await;
        let envelope = envelope_of(&hub.tenant, &hub.run(&run).await);
        for (seq, updated) in [(0, 3), (1, second)] {
            let found = Some(Box::new(Found { marks: vec![7, 8, 9], ..Found::default() }));
            let batch = Batch { seq, found, ..Batch::default() };
            hub.store.keep_batch(&envelope, batch).await.unwrap();
            hub.note(&run, looked(seq, updated)).await.unwrap();
        }
        let run = hub.run(&run).await;
        let counted = hub.store.counted_twice(&hub.tenant, &run).await.unwrap();
        assert_eq!(counted, twice, "{second}");
        assert_eq!(run.look.unwrap().would.without_changes(counted).changes(), 3, "three records");
    }
}
