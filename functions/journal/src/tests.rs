use std::sync::Arc;

use ferrule_core::{
    Checkpoint, Counts, CursorState, Mark, Note, RunState, Tenant, Timings,
    definition::{Connection, Integration},
};
use ferrule_store::{Clock, Table, When, envelope_of, memory::Fuse};
use tokio::task::JoinSet;

use super::*;

const CONNECTION: &str = r#"{"apiVersion":"ferrule/v1","kind":"Connection",
    "metadata":{"name":"hub"},"connector":"records"}"#;
const INTEGRATION: &str = r#"{"apiVersion":"ferrule/v1","kind":"Integration",
    "metadata":{"name":"copy"},"source":{"connection":"hub","table":"a"},
    "output":{"connection":"hub","table":"b"}}"#;

fn clock() -> Clock {
    Clock::manual(1_760_000_000_000)
}

async fn started() -> (Store, Tenant, Run, Journal) {
    started_in(Store::memory(clock())).await
}

async fn started_in(store: Store) -> (Store, Tenant, Run, Journal) {
    let tenant = Tenant::new("acme").unwrap();
    let connection: Connection = serde_json::from_str(CONNECTION).unwrap();
    let integration: Integration = serde_json::from_str(INTEGRATION).unwrap();
    store.put_connection(&tenant, &connection, When::Always).await.unwrap().unwrap();
    store.put_integration(&tenant, &integration, When::Always).await.unwrap().unwrap();
    let name = &integration.metadata.name;
    let run = store.start_run(&tenant, name, "api", false).await.unwrap();
    let cursor = CursorState { high: Some(Mark::Time(5_000_000)), ..CursorState::default() };
    let checkpoint = Checkpoint { cursor: Some(cursor), ..Checkpoint::default() };
    assert!(store.put_checkpoint(&tenant, &run.run, &checkpoint, None).await.unwrap());
    (store.clone(), tenant, run, Journal::new(store))
}

fn batch(seq: u64, counts: Counts) -> Note {
    Note::Batch { seq, others: Vec::new(), counts, timings: Timings::default(), failed: None }
}

fn end(batches: u64) -> Note {
    Note::End {
        batches,
        counts: Counts { read: 3, ..Counts::default() },
        timings: Timings::default(),
        found: None,
    }
}

async fn note(journal: &Journal, tenant: &Tenant, run: &Run, note: Note) {
    let message = Message { envelope: envelope_of(tenant, run), task: Task::Note(note) };
    journal.handle(&message, Duration::from_secs(9)).await.unwrap();
}

#[tokio::test]
async fn a_run_ends_once_everything_is_accounted_for_and_only_then_moves_the_cursor() {
    let (store, tenant, run, journal) = started().await;
    let created = Counts { created: 1, ..Counts::default() };
    note(&journal, &tenant, &run, end(2)).await;
    note(&journal, &tenant, &run, batch(1, created)).await;
    note(&journal, &tenant, &run, batch(1, created)).await;
    assert!(store.standing(&tenant, &run.integration).await.unwrap().cursor.is_none());
    note(&journal, &tenant, &run, batch(0, created)).await;
    let now = store.run(&tenant, &run.run).await.unwrap().unwrap();
    assert_eq!((now.state, now.counts.created, now.counts.read), (RunState::Succeeded, 2, 3));
    assert_eq!(now.cursor_after.as_deref(), Some("1970-01-01T00:00:05Z"));
    assert!(store.standing(&tenant, &run.integration).await.unwrap().cursor.is_some());
    assert!(store.start_run(&tenant, &run.integration, "api", false).await.is_ok());
}

#[tokio::test]
async fn a_failed_run_leaves_the_cursor_and_lets_the_next_one_start() {
    let (store, tenant, run, journal) = started().await;
    let failed = Note::Failed { code: "unavailable".into(), message: "the source is down".into() };
    note(&journal, &tenant, &run, failed).await;
    let now = store.run(&tenant, &run.run).await.unwrap().unwrap();
    assert_eq!(now.state, RunState::Failed);
    assert!(now.reason.unwrap().contains("the source is down"));
    assert!(store.standing(&tenant, &run.integration).await.unwrap().cursor.is_none());
    assert!(store.start_run(&tenant, &run.integration, "api", false).await.is_ok());
}

#[tokio::test]
async fn a_run_that_lost_its_lease_does_not_move_the_cursor() {
    let (store, tenant, run, journal) = started().await;
    store.clock.advance(Duration::from_hours(3));
    let next = store.start_run(&tenant, &run.integration, "api", false).await.unwrap();
    assert!(next.token > run.token);
    note(&journal, &tenant, &run, end(0)).await;
    let late = store.run(&tenant, &run.run).await.unwrap().unwrap();
    assert_eq!(late.state, RunState::Failed);
    assert!(store.standing(&tenant, &run.integration).await.unwrap().cursor.is_none());
}

#[tokio::test]
async fn notes_that_come_together_are_written_at_once_and_none_is_lost() {
    let fuse = Fuse::default();
    let (store, tenant, run, journal) = started_in(Store::memory_with(clock(), &fuse)).await;
    fuse.interleave();
    let journal = Arc::new(journal);
    let mut notes = JoinSet::new();
    for seq in 0..40 {
        let (journal, tenant, run) = (Arc::clone(&journal), tenant.clone(), run.clone());
        notes.spawn(async move {
            note(&journal, &tenant, &run, batch(seq, Counts { created: 1, ..Counts::default() }))
                .await;
        });
    }
    notes.join_all().await;
    let row = store.tables.get(Table::SyncLog, "acme", run.run.as_str()).await.unwrap().unwrap();
    assert!(row.rev <= 3, "{} writes of forty notes", row.rev);
    note(&journal, &tenant, &run, end(40)).await;
    let now = store.run(&tenant, &run.run).await.unwrap().unwrap();
    assert_eq!((now.state, now.counts.created), (RunState::Succeeded, 40));
}
