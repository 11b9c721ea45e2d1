use ferrule_core::{Counts, Note, Timings};

use super::*;
use crate::{Clock, Queues, memory::Fuse};

struct Hub {
    store: Store,
    fuse: Fuse,
    tenant: Tenant,
    integration: Integration,
}

fn hub(output: &str) -> Hub {
    let fuse = Fuse::default();
    let store = Store::memory_with(Clock::manual(1_760_000_000_000), &fuse);
    let text = format!(
        r#"{{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{{"name":"orders"}},
        "trigger":{{"webhook":{{"recipe":"github"}}}},"output":{output}}}"#
    );
    let integration = serde_json::from_str(&text).unwrap();
    Hub { store, fuse, tenant: Tenant::new("acme").unwrap(), integration }
}

const TABLE: &str = r#"{"connection":"hub","table":"orders"}"#;
const PEOPLE: &str = r#"{"notify":[{"connection":"chat"},{"connection":"mail"}]}"#;

impl Hub {
    /// Brings a record; it takes a moment.
    async fn bring(&self, id: &str) -> Result<RunId, Failure> {
        self.store.clock.advance(Duration::from_millis(1));
        let records = vec![Record::default()];
        let (urgency, origin) = (Urgency::Medium, "webhook".to_owned());
        let arrival = Arrival { trigger: "webhook", urgency, alert: false, origin, records };
        let of = (&self.integration, &Digest::of(&[b"definition"]));
        self.store.deliver(&self.tenant, of, Digest::of(&[id.as_bytes()]), arrival).await
    }

    /// The same hub as a process sees it that has brought nothing yet.
    fn elsewhere(self) -> Self {
        let arrivals = Arrivals::default();
        Self { store: Store { arrivals, ..self.store }, ..self }
    }

    async fn note(&self, run: &RunId, notes: &[Note]) -> Option<Run> {
        self.store.clock.advance(Duration::from_millis(1));
        self.store.note(&self.tenant, run, notes).await.unwrap()
    }

    async fn logged(&self) -> Vec<Run> {
        self.store.runs(&self.tenant, None, 10, None).await.unwrap().0
    }

    fn sent(&self) -> usize {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        std::iter::from_fn(|| queues.receive("transform")).count()
    }
}

fn done(seq: u64) -> Note {
    let counts = Counts { created: 1, ..Counts::default() };
    Note::Batch { seq, others: Vec::new(), counts, timings: Timings::default(), failed: None }
}

#[tokio::test]
async fn a_run_that_ends_with_its_first_note_is_written_once_and_found_all_the_time() {
    let hub = hub(TABLE);
    let run = hub.bring("d1").await.unwrap();
    assert!(hub.logged().await.is_empty());
    let found = hub.store.run(&hub.tenant, &run).await.unwrap().unwrap();
    assert_eq!((found.counts.read, found.started_at), (1, 1_760_000_000_001));
    let closed = hub.note(&run, &[done(0)]).await.unwrap();
    assert_eq!(closed.counts.created, 1);
    let row = hub.store.tables.get(Table::SyncLog, "acme", run.as_str()).await.unwrap().unwrap();
    assert_eq!(row.rev, 1);
    assert_eq!(hub.note(&run, &[done(0)]).await, None, "a note that comes twice");
    assert_eq!(hub.logged().await, [closed]);
}

#[tokio::test]
async fn a_run_whose_work_waits_is_in_the_sync_log_and_ends_as_others_do() {
    let hub = hub(TABLE);
    let run = hub.bring("d1").await.unwrap();
    for _ in 0..2 {
        assert_eq!(hub.note(&run, &[Note::Waits]).await, None);
        let [waits] = &hub.logged().await[..] else { panic!("it is not there") };
        assert!(!waits.state.is_over());
    }
    let hub = hub.elsewhere();
    assert_eq!(hub.bring("d1").await.unwrap(), run);
    assert_eq!(hub.sent(), 1, "its message was there: it waits");
    assert!(hub.note(&run, &[done(0)]).await.is_some());
    assert_eq!(hub.note(&run, &[Note::Waits]).await, None, "news that come late");
    assert_eq!(hub.logged().await[0].counts.created, 1);
}

#[tokio::test]
async fn a_run_of_several_parts_ends_with_the_last() {
    let hub = hub(PEOPLE);
    let run = hub.bring("d1").await.unwrap();
    let room = hub.integration.batch_room();
    assert!(room > 1);
    assert_eq!(hub.note(&run, &[done(1)]).await, None);
    let rest = Note::Batch {
        seq: 0,
        others: vec![(0, room)],
        counts: Counts::default(),
        timings: Timings::default(),
        failed: None,
    };
    assert_eq!(hub.note(&run, &[rest]).await.unwrap().counts.created, 1);
}

#[tokio::test]
async fn a_repeat_is_sent_again_only_where_nobody_knows_that_it_was() {
    let hub = hub(TABLE);
    let run = hub.bring("d1").await.unwrap();
    assert_eq!(hub.bring("d1").await.unwrap(), run);
    assert_eq!(hub.sent(), 1, "the process that sent it remembers");
    let hub = hub.elsewhere();
    assert_eq!(hub.bring("d1").await.unwrap(), run);
    assert_eq!(hub.sent(), 1, "the same batch of the same run, which its receiver recognises");
    assert!(hub.note(&run, &[done(0)]).await.is_some());
    assert_eq!(hub.elsewhere().bring("d1").await.unwrap(), run);
}

#[tokio::test]
async fn whoever_dies_on_the_way_to_the_queue_is_gone_on_from() {
    for calls in 0..4 {
        let hub = hub(TABLE);
        hub.fuse.light(calls);
        let died = hub.bring("d1").await.is_err();
        hub.fuse.mend();
        let run = hub.bring("d1").await.unwrap();
        assert!(hub.sent() >= 1, "after {calls} calls");
        assert!(hub.note(&run, &[done(0)]).await.is_some());
        let hub = hub.elsewhere();
        assert_eq!(hub.bring("d1").await.unwrap(), run);
        assert_eq!((hub.sent(), hub.logged().await.len()), (0, 1), "after {calls} calls");
        assert!(died || calls > 1);
    }
}

#[tokio::test]
async fn a_run_that_was_given_up_is_sent_once_more_when_it_comes_again() {
    let hub = hub(TABLE);
    let run = hub.bring("d1").await.unwrap();
    hub.note(&run, &[Note::Waits]).await;
    assert_eq!(hub.sent(), 1);
    hub.note(&run, &[crate::sweep::stalled("nobody works on it")]).await.unwrap();
    let hub = hub.elsewhere();
    assert_eq!(hub.bring("d1").await.unwrap(), run);
    assert_eq!(hub.sent(), 1);
    assert_eq!(hub.note(&run, &[done(0)]).await.unwrap().counts.created, 1);
}
