use std::time::Duration;

use ferrule_core::{
    Message, Task,
    definition::{Connection, Integration},
};
use ferrule_store::{Clock, ErrorFilter, memory::Fuse};

use super::*;

const CONNECTION: &str = r#"{"apiVersion":"ferrule/v1","kind":"Connection",
    "metadata":{"name":"hub"},"connector":"records"}"#;

fn integration(more: &str) -> Integration {
    let text = format!(
        r#"{{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{{"name":"copy"}},
        "source":{{"connection":"hub","table":"a"}},"output":{{"connection":"hub","table":"b"}},{more}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

const DUE: &str = r#""trigger":{"schedule":{"every":"15m"}}"#;

async fn hub(more: &str) -> (Store, Tenant, Schedule) {
    hub_with(more, &Fuse::default()).await
}

async fn hub_with(more: &str, fuse: &Fuse) -> (Store, Tenant, Schedule) {
    let store = Store::memory_with(Clock::manual(1_760_000_000_000), fuse);
    let tenant = Tenant::new("acme").unwrap();
    let connection: Connection = serde_json::from_str(CONNECTION).unwrap();
    store.put_connection(&tenant, &connection, When::Always).await.unwrap().unwrap();
    store.put_integration(&tenant, &integration(more), When::Always).await.unwrap().unwrap();
    (store.clone(), tenant, Schedule::new(store))
}

async fn runs(store: &Store, tenant: &Tenant) -> usize {
    store.runs(tenant, None, 100, None).await.unwrap().0.len()
}

#[tokio::test]
async fn starts_what_is_due_and_never_two_runs_at_a_time() {
    let (store, tenant, schedule) = hub(r#""trigger":{"schedule":{"every":"15m"}}"#).await;
    schedule.tick().await.unwrap();
    assert_eq!(runs(&store, &tenant).await, 1);
    store.clock.advance(Duration::from_mins(16));
    schedule.tick().await.unwrap();
    assert_eq!(runs(&store, &tenant).await, 1, "the first run is still going on");
    let ferrule_store::Queues::Memory(queues, _) = &store.queues else { panic!("not in memory") };
    let sent = queues.receive("records").unwrap();
    assert!(matches!(Message::decode(&sent.body).unwrap().task, Task::Extract(_)));
}

#[tokio::test]
async fn gives_up_a_run_without_news_and_starts_the_next() {
    let (store, tenant, schedule) = hub(r#""trigger":{"schedule":{"every":"15m"}}"#).await;
    schedule.tick().await.unwrap();
    store.clock.advance(Duration::from_hours(3));
    schedule.tick().await.unwrap();
    let (runs, _) = store.runs(&tenant, None, 10, None).await.unwrap();
    assert_eq!(runs.len(), 2);
    let given_up = runs.iter().find(|run| run.reason.is_some()).unwrap();
    assert!(given_up.reason.as_ref().unwrap().starts_with("STALLED"));
}

#[tokio::test]
async fn tells_of_a_silence_once() {
    let (store, tenant, schedule) = hub(r#""expect":{"success_every":"1h"}"#).await;
    schedule.tick().await.unwrap();
    for _ in 0..3 {
        store.clock.advance(Duration::from_hours(1));
        schedule.tick().await.unwrap();
    }
    let (rows, _) = store.errors(&tenant, &ErrorFilter::default(), 10, None).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].code, "SILENCE");
    assert_eq!(events(&store), ["integration.silent"]);
}

/// The types of the events that were sent.
fn events(store: &Store) -> Vec<String> {
    let ferrule_store::Queues::Memory(queues, _) = &store.queues else { panic!("not in memory") };
    let sent = std::iter::from_fn(|| queues.receive("dispatch"));
    let tasks = sent.map(|sent| Message::decode(&sent.body).unwrap().task);
    let kinds = tasks.flat_map(|task| match task {
        Task::Events(batch) => batch.records,
        _ => Vec::new(),
    });
    kinds.map(|record| record.value.get("type").unwrap().as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn sends_events_that_whoever_wrote_them_down_could_not_send() {
    let (store, tenant, schedule) = hub(r#""retry":{"schedule":["1m"]}"#).await;
    let data = ferrule_core::Object::new();
    let (id, subject) = ("c1".to_owned(), "app.x".to_owned());
    let event = ferrule_core::Event { id, kind: "config.changed".into(), at: 1, subject, data };
    let write = post(&tenant, &Posted::one(event)).unwrap();
    assert!(store.tables.transact(vec![write]).await.unwrap());
    schedule.tick().await.unwrap();
    assert_eq!(events(&store), ["config.changed"]);
    schedule.tick().await.unwrap();
    assert!(events(&store).is_empty(), "once it is sent, the row is gone");
}

#[tokio::test]
async fn a_tick_is_not_lost_whenever_the_process_dies() {
    // The next call comes before the next tick, with it, and too late for a tick that may be missed.
    for (more, minutes) in [
        (DUE, 1),
        (r#""trigger":{"schedule":{"every":"1m"}}"#, 1),
        (r#""trigger":{"schedule":{"every":"1d","missed":"skip"}}"#, 5),
    ] {
        let mut missed = 0;
        for calls in 0..40 {
            let fuse = Fuse::default();
            let (store, tenant, schedule) = hub_with(more, &fuse).await;
            fuse.light(calls);
            schedule.tick().await.ok();
            fuse.mend();
            store.clock.advance(Duration::from_mins(minutes));
            schedule.tick().await.unwrap();
            let after = format!("{more} after {calls} calls");
            let ferrule_store::Queues::Memory(queues, _) = &store.queues else {
                panic!("not in memory")
            };
            let (runs, is_sent) =
                (runs(&store, &tenant).await, queues.receive("records").is_some());
            // Who may be missed may be missed; what has begun goes on.
            let is_missed = more.contains("skip") && runs == 0;
            assert!(is_missed || runs == 1, "{after}");
            assert_eq!(is_sent, runs == 1, "{after}");
            missed += usize::from(is_missed);
        }
        assert!(missed < 20, "{more}: {missed} of 40");
    }
}

#[tokio::test]
async fn notices_silence_also_while_nothing_can_be_started() {
    let fuse = Fuse::default();
    let more = r#""trigger":{"schedule":{"every":"1m"}},"expect":{"success_every":"1h"}"#;
    let (store, tenant, schedule) = hub_with(more, &fuse).await;
    schedule.tick().await.unwrap();
    for _ in 0..3 {
        store.clock.advance(Duration::from_mins(30));
        schedule.tick().await.unwrap();
    }
    let (rows, _) = store.errors(&tenant, &ErrorFilter::default(), 10, None).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.code == "SILENCE").count(), 1);
}

#[tokio::test]
async fn a_tick_whose_run_is_over_is_not_started_again() {
    let fuse = Fuse::default();
    let (store, tenant, schedule) = hub_with(DUE, &fuse).await;
    schedule.tick().await.unwrap();
    let (all, _) = store.runs(&tenant, None, 10, None).await.unwrap();
    let (counts, timings) = (ferrule_core::Counts::default(), ferrule_core::Timings::default());
    let note = ferrule_core::Note::End { batches: 0, counts, timings, found: None };
    store.note(&tenant, &all[0].run, &[note]).await.unwrap().unwrap();
    // The note of the tick was lost.
    let name = Name::new("copy").unwrap();
    let mut known = schedule.known(&tenant, &name).await.unwrap().unwrap();
    let forgotten = Ticked { last_ms: 0, ..known.ticked.clone() };
    assert!(schedule.put(&tenant, &name, forgotten, &mut known).await.unwrap());
    schedule.tick().await.unwrap();
    assert_eq!(runs(&store, &tenant).await, 1);
    assert_ne!(schedule.known(&tenant, &name).await.unwrap().unwrap().ticked.last_ms, 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_definition_is_found_once_a_tick_not_once_a_minute() {
    let (store, tenant, schedule) = hub(DUE).await;
    let name = Name::new("hub").unwrap();
    let kind = ferrule_store::DefinitionKind::Connection;
    assert!(store.delete_definition(&tenant, kind, &name, When::Always).await.unwrap());
    schedule.tick().await.unwrap();
    let name = Name::new("copy").unwrap();
    assert_ne!(schedule.known(&tenant, &name).await.unwrap().unwrap().ticked.last_ms, 0);
    assert_eq!(runs(&store, &tenant).await, 0);
}

#[tokio::test]
async fn ends_runs_that_nobody_works_on() {
    let (store, tenant, schedule) = hub(r#""retry":{"schedule":["1m"]}"#).await;
    let name = Name::new("copy").unwrap();
    let run = store.start_run(&tenant, &name, "api", false).await.unwrap();
    for hours in [23, 2] {
        assert!(!store.run(&tenant, &run.run).await.unwrap().unwrap().state.is_over());
        store.clock.advance(Duration::from_hours(hours));
        schedule.tick().await.unwrap();
    }
    assert!(store.run(&tenant, &run.run).await.unwrap().unwrap().state.is_over());
}
