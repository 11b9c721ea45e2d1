//! Thousands of real events into a real table and back.

use std::{collections::BTreeMap, path::Path};

use ferrule_connector::{Disposition, Record};
use ferrule_core::definition::Mode;
use serde_json::{Value, json};

use super::{Desk, record};

const EVENTS: &str = "create table events (line int primary key, number text not null, \
    state text not null, active boolean not null, reassignments int not null, \
    updates int not null, made_sla boolean not null, caller text, opened_at timestamptz not null, \
    updated_at timestamptz not null, priority smallint, priority_label text, location text, \
    assigned_to text, resolved_at timestamptz, closed_at timestamptz); \
    create table incidents (like events including all); \
    alter table incidents drop constraint incidents_pkey, add primary key (number)";

/// What a column of the export becomes.
fn time(text: &str) -> Value {
    let Some((day, clock)) = text.split_once(' ') else { return Value::Null };
    let parts: Vec<&str> = day.split('-').collect();
    format!("{}-{}-{}T{clock}:00+00:00", parts[2], parts[1], parts[0]).into()
}

fn known(text: &str) -> Value {
    if text == "?" { Value::Null } else { text.into() }
}

fn number(text: &str) -> Value {
    text.parse::<u32>().unwrap().into()
}

/// Reads the export without any of our own code but the test's.
fn events() -> Option<Vec<Value>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut reader =
        csv::Reader::from_path(root.join("../shared/data/servicenow_incidents.csv")).ok()?;
    let names = reader.headers().unwrap().clone();
    let rows = reader.records().map(Result::unwrap).enumerate().map(|(at, row)| {
        let cell = |name: &str| &row[names.iter().position(|one| one == name).unwrap()];
        let (priority, label) = cell("priority").split_once(" - ").unwrap();
        json!({
            "line": at + 1, "number": cell("number"), "state": cell("incident_state"),
            "active": cell("active") == "TRUE", "reassignments": number(cell("reassignment_count")),
            "updates": number(cell("sys_mod_count")), "made_sla": cell("made_sla") == "TRUE",
            "caller": known(cell("caller_id")), "opened_at": time(cell("opened_at")),
            "updated_at": time(cell("sys_updated_at")), "priority": number(priority),
            "priority_label": label, "location": known(cell("location")),
            "assigned_to": known(cell("assigned_to")), "resolved_at": time(cell("resolved_at")),
            "closed_at": time(cell("closed_at"))
        })
    });
    Some(rows.collect())
}

/// Events in the same shape, made up.
fn sample() -> Vec<Value> {
    let one = |n: usize| {
        json!({
            "line": n + 1, "number": format!("INC{:07}", n / 7), "state": "New", "active": true,
            "reassignments": 0, "updates": n % 7, "made_sla": n.is_multiple_of(2), "caller": null,
            "opened_at": "2016-02-29T01:16:00+00:00", "updated_at": "2016-02-29T01:23:00+00:00",
            "priority": 3, "priority_label": "Moderate", "location": "Oslo  North",
            "assigned_to": null, "resolved_at": null, "closed_at": "2016-03-05T12:00:00+00:00"
        })
    };
    (0..5_998).map(one).collect()
}

#[tokio::test]
async fn six_thousand_events_come_back_equal_by_value_and_type() {
    let Some(desk) = Desk::new("incidents", EVENTS) else { return };
    let events = events().unwrap_or_else(|| {
        println!("skipped: the real export is not there; made-up events stand in");
        sample()
    });
    assert_eq!(events.len(), 5_998);
    let records: Vec<Record> = events.iter().cloned().map(record).collect();
    for batch in records.chunks(500) {
        let outcome = desk.push(json!({"table": "events"}), Mode::Insert, batch).await;
        assert!(outcome.iter().all(|one| *one == Disposition::Created));
    }
    let cursor = json!({"field": ".updated_at", "overlap": "5m", "tie_break": ".number"});
    let (back, pages) = desk.read(json!({"table": "events"}), Some(cursor), None).await;
    assert_eq!((back.len(), pages), (5_998, 6));
    let mut back: Vec<Value> = back
        .iter()
        .map(|record| serde_json::from_str(&record.value.to_string()).unwrap())
        .collect();
    back.sort_by_key(|event| event["line"].as_u64());
    for (there, here) in back.iter().zip(&events) {
        assert_eq!(there, here);
    }
    every_incident_ends_in_its_newest_state(&desk, &events, &records).await;
}

async fn every_incident_ends_in_its_newest_state(desk: &Desk, events: &[Value], all: &[Record]) {
    let target = || json!({"table": "incidents", "version_column": "updates"});
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for batch in all.chunks(500) {
        for outcome in desk.push(target(), Mode::Upsert, batch).await {
            *counts.entry(format!("{outcome:?}")).or_default() += 1;
        }
    }
    let mut newest: BTreeMap<&str, &Value> = BTreeMap::new();
    for event in events {
        let there = newest.entry(event["number"].as_str().unwrap()).or_insert(event);
        if event["updates"].as_u64() >= there["updates"].as_u64() {
            *there = event;
        }
    }
    assert_eq!(counts["Created"], newest.len(), "{counts:?}");
    assert_eq!(counts.values().sum::<usize>(), events.len(), "{counts:?}");
    let (back, _) = desk.read(json!({"table": "incidents"}), None, None).await;
    assert_eq!(back.len(), newest.len());
    for record in &back {
        let there: Value = serde_json::from_str(&record.value.to_string()).unwrap();
        assert_eq!(&there, newest[there["number"].as_str().unwrap()]);
    }
}
