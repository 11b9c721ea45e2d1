use std::time::Duration;

use ferrule_core::{Counts, Note, Timings, definition::Connection, definition::Urgency};

use super::*;
use crate::{Arrival, Clock, Delivery, Queues};

/// 2025-10-09T08:53:20Z
const START: i64 = 1_760_000_000_000;

const CONNECTION: &str = r#"{"apiVersion":"ferrule/v1","kind":"Connection",
    "metadata":{"name":"hub"},"connector":"records"}"#;

struct Hub {
    store: Store,
    tenant: Tenant,
    name: Name,
}

fn copy(usd_per_day: f64) -> Integration {
    let text = format!(
        r#"{{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{{"name":"copy"}},
        "source":{{"connection":"hub","table":"a"}},"output":{{"connection":"hub","table":"b"}},
        "limits":{{"budget":{{"usd_per_day":{usd_per_day}}}}}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

async fn hub(usd_per_day: f64) -> Hub {
    let store = Store::memory(Clock::manual(START));
    let (tenant, name) = (Tenant::new("acme").unwrap(), Name::new("copy").unwrap());
    let connection: Connection = serde_json::from_str(CONNECTION).unwrap();
    store.put_connection(&tenant, &connection, When::Always).await.unwrap().unwrap();
    let hub = Hub { store, tenant, name };
    hub.define(usd_per_day).await;
    hub
}

impl Hub {
    async fn define(&self, usd_per_day: f64) -> Integration {
        let integration = copy(usd_per_day);
        let put = self.store.put_integration(&self.tenant, &integration, When::Always).await;
        put.unwrap().unwrap();
        integration
    }

    async fn start(&self) -> Result<Run, NotStarted> {
        self.store.start_run(&self.tenant, &self.name, "api", false).await
    }

    /// Notes a batch of a hundred records.
    async fn note(&self, run: &RunId, seq: u64) {
        let counts = Counts { read: 100, created: 100, ..Counts::default() };
        let timings = Timings::default();
        let note = Note::Batch { seq, others: Vec::new(), counts, timings, failed: None };
        self.store.note(&self.tenant, run, &[note]).await.unwrap();
    }

    async fn spent(&self) -> f64 {
        self.store.spent(&self.tenant, &self.name).await.unwrap().usd
    }

    async fn is_paused(&self, integration: &Integration) -> bool {
        self.store.pause(&self.tenant, integration).await.unwrap().is_some()
    }

    /// How often somebody is told that a budget is spent.
    fn told(&self) -> usize {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        std::iter::from_fn(|| queues.receive("dispatch"))
            .filter(|message| message.body.contains(BUDGET_SPENT))
            .count()
    }
}

#[tokio::test]
async fn a_spent_budget_is_told_once_and_there_is_a_new_one_at_midnight() {
    let hub = hub(0.000_02).await;
    let integration = copy(0.000_02);
    let run = hub.start().await.unwrap().run;
    assert!(!hub.is_paused(&integration).await);
    for seq in 0..4 {
        hub.note(&run, seq).await;
        hub.note(&run, seq).await;
    }
    let after = hub.store.run(&hub.tenant, &run).await.unwrap().unwrap();
    let estimate = cost::of_run(&after).usd();
    assert!((hub.spent().await - estimate).abs() < 1e-9, "repeats cost nothing: {estimate}");
    assert!(hub.is_paused(&integration).await);
    assert_eq!(hub.told(), 1);

    hub.store.clock.advance(Duration::from_hours(16));
    assert!(!hub.is_paused(&integration).await);
    assert!(hub.spent().await.abs() < 1e-9);
}

#[tokio::test]
async fn what_is_asked_for_is_refused_and_a_tick_is_skipped_with_the_reason() {
    let hub = hub(0.000_001).await;
    let run = hub.start().await.unwrap();
    hub.note(&run.run, 0).await;
    let refused = hub.start().await.unwrap_err();
    assert!(matches!(refused, NotStarted::Spent(_)), "{refused}");
    assert!(refused.to_string().contains("budget of $0.000001 is spent"), "{refused}");

    for _ in 0..2 {
        // The second time it is there already.
        drop(hub.store.start_tick(&hub.tenant, &hub.name, START).await);
    }
    let (runs, _) = hub.store.runs(&hub.tenant, Some(&hub.name), 10, None).await.unwrap();
    let skipped: Vec<_> = runs.iter().filter(|run| run.state == RunState::Skipped).collect();
    assert_eq!((runs.len(), skipped.len()), (2, 1));
    assert!(skipped[0].reason.as_ref().unwrap().contains("until midnight UTC"));
    let last = hub.store.run(&hub.tenant, &run.run).await.unwrap().unwrap();
    assert_eq!(last.state, RunState::Running, "what is under way is not ended");
}

#[tokio::test]
async fn a_budget_that_was_raised_counts_at_once() {
    let hub = hub(0.000_001).await;
    let run = hub.start().await.unwrap().run;
    hub.note(&run, 0).await;
    let known = copy(0.000_001);
    assert!(hub.is_paused(&known).await);
    hub.define(5.0).await;
    assert!(!hub.is_paused(&known).await, "also for messages under the definition of before");
}

#[tokio::test]
async fn thousands_of_cheap_runs_are_charged_by_a_few_of_them_and_about_right() {
    let hub = hub(0.1).await;
    let integration = copy(0.1);
    let (mut estimate, mut writes) = (0.0, 0);
    for at in 0..1_000_u32 {
        let (trigger, origin) = ("webhook", "webhooks".to_owned());
        let (urgency, alert, records) = (Urgency::Medium, false, Vec::new());
        let arrival = Arrival { trigger, urgency, alert, origin, records };
        let run = hub.store.run_of(&integration, &Digest::of(&[b"h"]), &arrival);
        // By its name it is decided whether it stands for others: the same ones each time.
        let run = Run { run: RunId::new(format!("{at:032x}")), ..run };
        let delivery =
            Delivery { integration: hub.name.clone(), id: Digest::of(&[&at.to_be_bytes()]) };
        hub.store.claim_run(&hub.tenant, &delivery, run.clone()).await.unwrap();
        let before = hub.spent().await;
        hub.note(&run.run, 0).await;
        writes += i32::from(hub.spent().await > before);
        let after = hub.store.run(&hub.tenant, &run.run).await.unwrap().unwrap();
        estimate += cost::of_run(&after).usd();
    }
    let spent = hub.spent().await;
    assert!((50..200).contains(&writes), "{writes}");
    assert!((0.7 * estimate..1.4 * estimate).contains(&spent), "{spent} of {estimate}");
}

#[tokio::test]
async fn a_run_whose_work_waits_first_is_charged_once() {
    let hub = hub(0.000_001).await;
    let (trigger, origin) = ("webhook", "webhooks".to_owned());
    let (urgency, alert, records) = (Urgency::Medium, false, Vec::new());
    let arrival = Arrival { trigger, urgency, alert, origin, records };
    let (integration, hash) = (copy(0.000_001), Digest::of(&[b"h"]));
    let of = (&integration, &hash);
    let run = hub.store.deliver(&hub.tenant, of, Digest::of(&[b"d"]), arrival).await.unwrap();
    hub.store.note(&hub.tenant, &run, &[Note::Waits]).await.unwrap();
    assert!(hub.spent().await.abs() < 1e-12);
    hub.note(&run, 0).await;
    let ended = hub.store.run(&hub.tenant, &run).await.unwrap().unwrap();
    assert!((hub.spent().await - cost::of_run(&ended).usd()).abs() < 1e-12);
}
