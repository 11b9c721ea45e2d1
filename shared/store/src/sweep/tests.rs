use ferrule_core::{
    Counts, Digest, Name, Timings,
    definition::{Budget, Connection, Integration, Limits, Urgency},
};

use super::*;
use crate::{Arrival, Claimed, Clock, DefinitionKind, Delivery, Queues, memory::Fuse};

const CONNECTION: &str = r#"{"apiVersion":"ferrule/v1","kind":"Connection",
    "metadata":{"name":"hub"},"connector":"records"}"#;

struct Hub {
    store: Store,
    tenant: Tenant,
    integration: Integration,
}

async fn hub() -> Hub {
    hub_with(&Fuse::default()).await
}

async fn hub_with(fuse: &Fuse) -> Hub {
    let store = Store::memory_with(Clock::manual(1_760_000_000_000), fuse);
    let tenant = Tenant::new("acme").unwrap();
    let connection: Connection = serde_json::from_str(CONNECTION).unwrap();
    let text = r#"{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{"name":"copy"},
        "source":{"connection":"hub","table":"a"},"output":{"connection":"hub","table":"b"}}"#;
    let integration: Integration = serde_json::from_str(text).unwrap();
    store.put_connection(&tenant, &connection, When::Always).await.unwrap().unwrap();
    store.put_integration(&tenant, &integration, When::Always).await.unwrap().unwrap();
    Hub { store, tenant, integration }
}

impl Hub {
    /// Has a delivery claimed, as whoever dies before sending does.
    async fn claim(&self, id: &str) -> Claimed {
        let (trigger, origin) = ("event", "events".to_owned());
        let (urgency, alert, records) = (Urgency::Medium, false, Vec::new());
        let arrival = Arrival { trigger, urgency, alert, origin, records };
        let run = self.store.run_of(&self.integration, &Digest::of(&[b"h"]), &arrival);
        let name = self.integration.metadata.name.clone();
        let delivery = Delivery { integration: name, id: Digest::of(&[id.as_bytes()]) };
        self.store.claim_run(&self.tenant, &delivery, run).await.unwrap()
    }

    /// Limits what the integration may cost.
    async fn define(&mut self, usd_per_day: f64) {
        let budget = Some(Budget { usd_per_day });
        self.integration.limits = Some(Limits { budget, ..Limits::default() });
        let put = self.store.put_integration(&self.tenant, &self.integration, When::Always).await;
        put.unwrap().unwrap();
    }

    async fn given_up(&self) -> usize {
        self.store.sweep_runs().await.unwrap().len()
    }

    async fn run(&self, run: &RunId) -> Run {
        self.store.run(&self.tenant, run).await.unwrap().unwrap()
    }

    fn hours(&self, hours: u64) {
        self.store.clock.advance(Duration::from_hours(hours));
    }

    async fn done(&self, run: &RunId) {
        let (counts, timings) = (Counts { told: 1, ..Counts::default() }, Timings::default());
        let note = Note::Batch { seq: 0, others: Vec::new(), counts, timings, failed: None };
        self.store.note(&self.tenant, run, &[note]).await.unwrap();
    }
}

#[tokio::test]
async fn a_run_that_nobody_works_on_ends_and_is_told_once() {
    let hub = hub().await;
    let claimed = hub.claim("d1").await;
    hub.hours(23);
    assert_eq!(hub.given_up().await, 0);
    hub.hours(2);
    let later = hub.claim("d2").await;
    assert_eq!(hub.given_up().await, 1);
    let run = hub.run(&claimed.run.run).await;
    assert_eq!(run.state, RunState::Failed);
    assert!(run.reason.unwrap().starts_with("STALLED: "));
    let Queues::Memory(queues, _) = &hub.store.queues else { panic!("not in memory") };
    assert!(queues.receive("dispatch").unwrap().body.contains("run-failed-"));
    assert_eq!(hub.given_up().await, 0);
    hub.hours(25);
    assert_eq!(hub.given_up().await, 1);
    assert!(hub.run(&later.run.run).await.state.is_over());
}

#[tokio::test]
async fn news_that_come_after_all_make_a_run_what_it_is() {
    let hub = hub().await;
    let run = hub.claim("d1").await.run.run;
    hub.hours(25);
    assert_eq!(hub.given_up().await, 1);
    hub.done(&run).await;
    let after = hub.run(&run).await;
    assert_eq!((after.state, after.counts.told, after.reason), (RunState::Succeeded, 1, None));
}

#[tokio::test]
async fn a_delivery_whose_run_was_given_up_is_not_taken_for_sent() {
    let hub = hub().await;
    let first = hub.claim("d1").await;
    hub.hours(25);
    assert_eq!(hub.given_up().await, 1);
    let again = hub.claim("d1").await;
    assert_eq!((again.run.run, again.is_sent), (first.run.run.clone(), false));
    hub.done(&first.run.run).await;
    assert!(hub.claim("d1").await.is_sent);
}

#[tokio::test]
async fn a_run_that_holds_its_lease_goes_on_and_ends_when_it_has_lost_it() {
    let hub = hub().await;
    let name = &hub.integration.metadata.name;
    let run = hub.store.start_run(&hub.tenant, name, "api", false).await.unwrap();
    let half = |seq| Note::Batch {
        seq,
        others: Vec::new(),
        counts: Counts::default(),
        timings: Timings::default(),
        failed: None,
    };
    for seq in 0..25 {
        hub.hours(1);
        hub.store.note(&hub.tenant, &run.run, &[half(seq)]).await.unwrap();
    }
    assert_eq!(hub.given_up().await, 0);
    assert!(!hub.run(&run.run).await.state.is_over());
    hub.hours(3);
    assert_eq!(hub.given_up().await, 1, "an integration that nobody schedules is not reaped");
    assert!(hub.store.start_run(&hub.tenant, name, "api", false).await.is_ok());
}

#[tokio::test]
async fn runs_of_a_removed_integration_end_too() {
    let hub = hub().await;
    let run = hub.claim("d1").await.run.run;
    let (kind, name) = (DefinitionKind::Integration, &hub.integration.metadata.name);
    assert!(hub.store.delete_definition(&hub.tenant, kind, name, When::Always).await.unwrap());
    let connection = Name::new("hub").unwrap();
    let kind = DefinitionKind::Connection;
    assert!(
        hub.store.delete_definition(&hub.tenant, kind, &connection, When::Always).await.unwrap()
    );
    hub.hours(25);
    assert_eq!(hub.given_up().await, 1);
    assert!(hub.run(&run).await.state.is_over());
}

#[tokio::test]
async fn a_tenant_by_the_name_of_one_of_the_hubs_partitions_disturbs_nobody() {
    for partition in [
        "tenants",
        "schedules",
        "connections",
        "connectors",
        "keys",
        "outbox",
        "digests",
        "parked",
        "replays",
        "schedule",
    ] {
        assert!(Tenant::new(format!("#{partition}")).is_err());
        let hub = hub().await;
        let tenant = Tenant::new(partition).unwrap();
        let store = &hub.store;
        let run = {
            let connection: Connection = serde_json::from_str(CONNECTION).unwrap();
            store.put_connection(&tenant, &connection, When::Always).await.unwrap().unwrap();
            store.put_integration(&tenant, &hub.integration, When::Always).await.unwrap().unwrap();
            store.start_run(&tenant, &hub.integration.metadata.name, "api", false).await.unwrap()
        };
        assert_eq!(store.checkable().await.unwrap().len(), 2, "{partition}");
        assert!(store.scheduled().await.unwrap().is_empty(), "{partition}");
        assert!(store.connectors().await.unwrap().is_empty(), "{partition}");
        assert_eq!(store.drain_outbox().await.unwrap(), 0, "{partition}");
        assert_eq!(store.flush_overdue().await.unwrap(), 0, "{partition}");
        hub.hours(25);
        assert_eq!(hub.given_up().await, 1, "{partition}");
        assert!(store.run(&tenant, &run.run).await.unwrap().unwrap().state.is_over());
    }
}

#[tokio::test]
async fn a_tick_is_one_run_whoever_dies_while_it_starts() {
    let fuse = Fuse::default();
    for calls in 0..12 {
        let hub = hub_with(&fuse).await;
        let name = &hub.integration.metadata.name;
        fuse.light(calls);
        let died = hub.store.start_tick(&hub.tenant, name, 1_760_000_000_000).await.is_err();
        fuse.mend();
        hub.store.start_tick(&hub.tenant, name, 1_760_000_000_000).await.unwrap();
        let (runs, _) = hub.store.runs(&hub.tenant, None, 10, None).await.unwrap();
        assert_eq!(runs.len(), 1, "after {calls} calls");
        assert_eq!(runs[0].run.began_ms(), Some(1_760_000_000_000), "its id says when");
        let Queues::Memory(queues, _) = &hub.store.queues else { panic!("not in memory") };
        let pages = std::iter::from_fn(|| queues.receive("records")).count();
        assert!(pages >= 1, "after {calls} calls");
        assert!(died || calls > 6);
    }
}

/// A run whose messages wait for a budget gives no news, for days.
#[tokio::test]
async fn runs_that_wait_for_a_budget_are_not_given_up_until_it_has_not_been_spent_for_a_day() {
    let mut hub = hub().await;
    hub.define(0.000_001).await;
    let mut waiting = Vec::new();
    // The clock began at 08:53. The budget is spent each day, first of all.
    for day in 0..4 {
        let first = hub.claim(&format!("first{day}")).await.run.run;
        hub.done(&first).await;
        for at in 0..3 {
            waiting.push(hub.claim(&format!("d{day}-{at}")).await.run.run);
        }
        for _ in 0..24 {
            hub.hours(1);
            assert_eq!(hub.given_up().await, 0, "day {day}");
        }
    }
    // The budget is new, and most of what waited is done.
    for run in &waiting[1..] {
        hub.done(run).await;
        assert_eq!(hub.run(run).await.state, RunState::Succeeded);
    }
    hub.define(5.0).await;
    for _ in 0..30 {
        hub.hours(1);
        assert_eq!(hub.given_up().await, 0, "it was spent yesterday");
    }
    hub.hours(24 * 2);
    assert_eq!(hub.given_up().await, 1, "nobody works on the one that is left");
    assert!(hub.run(&waiting[0]).await.reason.unwrap().starts_with("STALLED: "));
}

#[tokio::test]
async fn a_tick_that_died_with_the_lease_and_is_left_out_gives_it_back() {
    const TICK: i64 = 1_760_000_000_000;
    let fuse = Fuse::default();
    let mut was_taken = false;
    for calls in 0..12 {
        let mut hub = hub_with(&fuse).await;
        hub.define(0.000_001).await;
        let name = &hub.integration.metadata.name;
        fuse.light(calls);
        drop(hub.store.start_tick(&hub.tenant, name, TICK).await);
        fuse.mend();
        let spends = hub.claim("d1").await.run.run;
        hub.done(&spends).await;
        let Err(skipped) = hub.store.start_tick(&hub.tenant, name, TICK).await else { continue };
        assert!(matches!(skipped, crate::NotStarted::Spent(_)), "{skipped}");
        let key = crate::lease::lease_key(name);
        let row = hub.store.tables.get(Table::State, "acme", &key).await.unwrap();
        let lease = row.map(|row| row.read::<crate::lease::Lease>().unwrap());
        was_taken |= lease.is_some();
        assert!(lease.is_none_or(|lease| lease.run.is_none()), "after {calls} calls");
    }
    assert!(was_taken, "one of them died with it");
}
