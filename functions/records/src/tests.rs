use std::{sync::Arc, time::Duration};

use ferrule_connector::Handler;
use ferrule_core::{
    Hops, Message, Note, RunState, Task, Tenant,
    definition::{Connection, Integration},
    json,
};
use ferrule_lambda::{Delivered, Runner};
use ferrule_store::{Clock, Definitions, Queues, Store, When};

use super::*;

mod guard;

const CONNECTION: &str = r#"{"apiVersion":"ferrule/v1","kind":"Connection",
    "metadata":{"name":"hub"},"connector":"records"}"#;
const INTEGRATION: &str = r#"{"apiVersion":"ferrule/v1","kind":"Integration",
    "metadata":{"name":"copy"},"source":{"connection":"hub","table":"a"},
    "output":{"connection":"hub","table":"b","key":".id","version":".v"}}"#;

struct Hub {
    store: Store,
    tenant: Tenant,
    runner: Runner<Handler<Records>>,
}

async fn hub() -> Hub {
    let store = Store::memory(Clock::manual(1_760_000_000_000));
    let tenant = Tenant::new("acme").unwrap();
    let connection: Connection = serde_json::from_str(CONNECTION).unwrap();
    let integration: Integration = serde_json::from_str(INTEGRATION).unwrap();
    store.put_connection(&tenant, &connection, When::Always).await.unwrap().unwrap();
    store.put_integration(&tenant, &integration, When::Always).await.unwrap().unwrap();
    let definitions = Arc::new(Definitions::new(store.clone()));
    let handler = Handler::new(Records, store.clone(), Arc::clone(&definitions), false);
    Hub { runner: Runner::new(handler, store.clone(), definitions), store, tenant }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn change(key: &str, version: i64, text: &str) -> Change {
    let value = json::parse(format!(r#"{{"id":"{key}","text":"{text}"}}"#).as_bytes()).unwrap();
    Change {
        key: key.into(),
        version: Some(version.into()),
        deleted: false,
        hops: Hops::default(),
        value,
    }
}

impl Hub {
    async fn apply(&self, batch: &str, changes: &[Change]) -> Vec<Applied> {
        let mode = ferrule_core::definition::Mode::Upsert;
        self.store.apply(&self.tenant, &name("a"), mode, batch, changes).await.unwrap()
    }

    fn sent(&self, function: &str) -> Option<Message> {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        let message = queues.receive(function)?;
        queues.delete(function, message.id);
        Some(Message::decode(&message.body).unwrap())
    }

    /// Runs the change feed once and returns the keys it brought.
    async fn feed(&self) -> Vec<String> {
        let run = self.store.start_run(&self.tenant, &name("copy"), "test", false).await.unwrap();
        let mut keys = Vec::new();
        while let Some(message) = self.sent("records") {
            let body = message.encode().unwrap();
            assert_eq!(self.runner.deliver(&body, Duration::from_secs(9)).await, Delivered::Done);
        }
        while let Some(message) = self.sent("transform") {
            let Task::Transform(batch) = message.task else { panic!("not a batch") };
            keys.extend(batch.records.iter().map(|r| r.value.get(KEY).unwrap().to_string()));
            let note = Note::Batch {
                seq: batch.seq,
                others: Vec::new(),
                counts: batch.counts,
                timings: batch.timings,
                failed: None,
            };
            self.store.note(&self.tenant, &run.run, &[note]).await.unwrap();
        }
        let Some(Message { task: Task::Note(end), .. }) = self.sent("journal") else {
            panic!("the journal was not told of the end")
        };
        let over = self.store.note(&self.tenant, &run.run, &[end]).await.unwrap().unwrap();
        assert_eq!(over.state, RunState::Succeeded);
        keys
    }
}

#[tokio::test]
async fn older_versions_are_dropped_and_the_same_content_is_not_written() {
    let hub = hub().await;
    assert_eq!(
        hub.apply("b1", &[change("k", 2, "x"), change("k", 1, "old")]).await,
        [Applied::Created, Applied::Stale]
    );
    assert_eq!(hub.apply("b2", &[change("k", 1, "old")]).await, [Applied::Stale]);
    assert_eq!(hub.apply("b3", &[change("k", 3, "x")]).await, [Applied::Unchanged]);
    assert_eq!(hub.apply("b4", &[change("k", 10, "y")]).await, [Applied::Updated]);
    assert_eq!(hub.apply("b5", &[change("k", 9, "z")]).await, [Applied::Stale], "9 < 10");
}

#[tokio::test]
async fn of_equal_versions_the_one_read_later_stays_whichever_is_written_first() {
    let hub = hub().await;
    assert_eq!(hub.apply("run-10", &[change("k", 7, "later")]).await, [Applied::Created]);
    assert_eq!(hub.apply("run-9", &[change("k", 7, "earlier")]).await, [Applied::Stale]);
    assert_eq!(hub.apply("next-0", &[change("k", 7, "mapped anew")]).await, [Applied::Updated]);
}

#[tokio::test]
async fn what_a_table_does_not_take_is_refused_alone() {
    let hub = hub().await;
    let (long, huge) = ("k".repeat(1001), "x".repeat(400 * 1024));
    let changes = [change(&long, 1, "a"), change("huge", 1, &huge), change("k", 1, "x")];
    let applied = hub.apply("b1", &changes).await;
    assert_eq!(applied, [Applied::BadKey, Applied::TooLarge, Applied::Created]);
}

#[tokio::test]
async fn a_row_remembers_how_far_it_has_come() {
    let hub = hub().await;
    let from = |hops, text| Change { hops: Hops::new(hops), ..change("k", 1, text) };
    hub.apply("b1", &[from(3, "x")]).await;
    hub.apply("b2", &[from(5, "x")]).await;
    let row = || async { hub.store.record(&hub.tenant, &name("a"), "k").await.unwrap().unwrap() };
    assert_eq!(row().await.hops, Hops::new(3), "what came back is what is there");
    assert_eq!(record_of(row().await).hops, Hops::new(3));
    hub.apply("b3", &[from(0, "y")]).await;
    assert!(row().await.hops.is_none(), "somebody changed it: it begins anew");
}

#[tokio::test]
async fn a_repeated_batch_counts_the_same() {
    let hub = hub().await;
    let changes = [change("k", 1, "x")];
    assert_eq!(hub.apply("b1", &changes).await, [Applied::Created]);
    assert_eq!(hub.apply("b1", &changes).await, [Applied::Created]);
}

#[tokio::test]
async fn a_deleted_record_leaves_a_tombstone_that_the_feed_tells_of() {
    let hub = hub().await;
    hub.apply("b1", &[change("k", 1, "x")]).await;
    hub.store.clock.advance(Duration::from_mins(1));
    assert_eq!(hub.feed().await, ["\"k\""]);
    let gone = Change { deleted: true, ..change("k", 2, "x") };
    assert_eq!(hub.apply("b2", &[gone]).await, [Applied::Deleted]);
    let (rows, _) = hub.store.records(&hub.tenant, &name("a"), 10, None).await.unwrap();
    assert!(rows.is_empty());
    hub.store.clock.advance(Duration::from_mins(1));
    assert_eq!(hub.feed().await, ["\"k\""]);
    assert_eq!(hub.apply("b3", &[change("k", 3, "back")]).await, [Applied::Created]);
}

#[tokio::test]
async fn the_feed_brings_only_what_changed_since_the_last_run() {
    let hub = hub().await;
    let many: Vec<Change> = (0..2_345).map(|n| change(&format!("k{n:04}"), 1, "x")).collect();
    hub.apply("b1", &many).await;
    hub.store.clock.advance(Duration::from_mins(1));
    assert_eq!(hub.feed().await.len(), 2_345);
    hub.store.clock.advance(Duration::from_mins(1));
    assert!(hub.feed().await.is_empty());
    hub.apply("b2", &[change("k0007", 2, "new")]).await;
    hub.store.clock.advance(Duration::from_mins(1));
    assert_eq!(hub.feed().await, ["\"k0007\""]);
}

#[test]
fn readme_and_schema_are_current() {
    ferrule_testing::generated::<Records>();
}
