use ferrule_core::{Counts, Note, RunId, Timings};
use http::StatusCode;

use crate::hub::{Hub, INTEGRATION, tenant};

const SYNC: &str = r#"{"integration": "tickets-in"}"#;

/// A hub whose integration has run and read a hundred records, under a budget of so many dollars.
async fn hub(usd_per_day: &str) -> Hub {
    let hub = Hub::new().await;
    let text = format!("{INTEGRATION}limits: {{budget: {{usd_per_day: {usd_per_day}}}}}\n");
    let put = hub.put("/v1/integrations/tickets-in", &text).await;
    assert!(put.status.is_success(), "{}", put.text);
    let run = RunId::new(hub.sync(SYNC).await.at("/run"));
    let counts = Counts { read: 100, created: 100, ..Counts::default() };
    let timings = Timings { load_ms: 400, ..Timings::default() };
    let note = Note::Batch { seq: 0, others: Vec::new(), counts, timings, failed: None };
    let end = Note::End {
        batches: 1,
        counts: Counts::default(),
        timings: Timings::default(),
        found: None,
    };
    hub.store.note(&tenant("acme"), &run, &[note, end]).await.unwrap();
    hub
}

#[tokio::test]
async fn what_runs_have_cost_is_shown_by_day_and_by_what_is_billed() {
    let hub = hub("0.50").await;
    let cost = hub.get("/v1/cost?integration=tickets-in").await;
    assert_eq!((cost.at("/runs"), cost.at("/records")), ("1".into(), "100".into()));
    assert_eq!(cost.at("/days/0/day"), "2023-11-14");
    assert_eq!(cost.at("/since"), "2023-11-08T00:00:00Z");
    let usd: f64 = cost.at("/usd").parse().unwrap();
    assert!((0.000_001..0.001).contains(&usd), "{usd}");
    assert_eq!(cost.at("/items/0/item"), "function GB-seconds");
    assert_eq!(cost.at("/budget/usd_per_day"), "0.5");
    assert_eq!(hub.get("/v1/cost?integration=nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(hub.get("/v1/cost").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_spent_budget_is_a_reason_to_read_and_no_run() {
    let hub = hub("0.000001").await;
    let refused = hub.sync(SYNC).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("today's budget of $0.000001 is spent"), "{}", refused.text);
    let status = hub.get("/v1/status?integration=tickets-in").await;
    assert!(status.at("/integrations/0/paused").contains("until midnight UTC"), "{}", status.text);
    let cost = hub.get("/v1/cost?integration=tickets-in").await;
    assert!(cost.at("/budget/paused").contains("is spent"), "{}", cost.text);
}
