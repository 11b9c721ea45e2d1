//! The main job on the deployed template: incidents from a CSV into `tickets`.

use std::collections::BTreeMap;

use ferrule_core::Value;

use crate::hub::{Hub, count};

/// The definition that everybody can read.
pub(crate) fn definitions() -> String {
    let root = ferrule_cli::stack::Workspace::find().unwrap();
    std::fs::read_to_string(root.root().join("infra/examples/incidents.yaml")).unwrap()
}

/// The real input, when it is there; else it is said that it is not.
pub(crate) fn real_input() -> Option<String> {
    let root = ferrule_cli::stack::Workspace::find().unwrap();
    let file = root.root().join("../shared/data/servicenow_incidents.csv");
    let text = std::fs::read_to_string(&file).ok();
    if text.is_none() {
        println!("skipped: {} is not there", file.display());
    }
    text
}

/// The newest event of each incident, read without any of our own code but the test's. One incident
/// has two events with its highest count: the later line is the newer one.
fn newest(csv: &str) -> BTreeMap<String, Vec<String>> {
    let mut newest: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in csv.lines().skip(1) {
        let fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        let version = |row: &Vec<String>| row[5].parse::<u64>().unwrap();
        let there = newest.entry(fields[0].clone()).or_insert_with(|| fields.clone());
        if version(&fields) >= version(there) {
            *there = fields;
        }
    }
    newest
}

fn value<'v>(row: &'v Value, key: &str) -> &'v Value {
    let record = row.get("value").unwrap_or(row);
    record.get(key).unwrap_or_else(|| panic!("no {key} in {row}"))
}

/// `29-02-2016 01:16` as the definition wants it.
fn iso(text: &str) -> String {
    let (day, time) = text.split_once(' ').unwrap();
    let parts: Vec<&str> = day.split('-').collect();
    format!("{}-{}-{}T{time}:00Z", parts[2], parts[1], parts[0])
}

fn check_ticket(ticket: &Value, event: &[String]) {
    let text = |key| value(ticket, key).as_str().unwrap_or_default().to_owned();
    assert_eq!(text("state"), event[1]);
    assert_eq!(value(ticket, "active").as_bool(), Some(event[2] == "TRUE"));
    assert_eq!(text("updated_at"), iso(&event[13]));
    let (number, label) = event[22].split_once(" - ").unwrap();
    assert_eq!(value(ticket, "priority").to_string(), number);
    assert_eq!(text("priority_label"), label);
    if event[24] == "?" {
        assert!(value(ticket, "assigned_to").is_null());
    } else {
        let name = event[24].split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text("assigned_to"), name);
    }
    assert_eq!(value(ticket, "updates").to_string(), event[5]);
}

#[tokio::test]
async fn six_thousand_events_become_890_tickets_each_in_its_newest_state() {
    let Some(csv) = real_input() else { return };
    let hub = Hub::of("incidents").await;
    hub.define(&definitions()).await;
    hub.upload("incidents/2016.csv", csv.as_bytes()).await;

    let first = hub.sync("incidents-in", false).await;
    assert_eq!(count(&first, "read"), 5_998, "{first}");
    assert_eq!(count(&first, "refused") + count(&first, "parked"), 0, "{first}");
    let tickets = hub.table("tickets").await;
    let newest = newest(&csv);
    assert_eq!((tickets.len(), newest.len()), (890, 890));
    for ticket in &tickets {
        let number = value(ticket, "number").as_str().unwrap();
        check_ticket(ticket, &newest[number]);
    }

    let second = hub.sync("incidents-in", false).await;
    assert_eq!((count(&second, "created"), count(&second, "updated")), (0, 0), "{second}");
    let full = hub.sync("incidents-in", true).await;
    assert_eq!(count(&full, "unchanged"), 890, "{full}");
    assert_eq!((count(&full, "created"), count(&full, "updated")), (0, 0), "{full}");

    appended(&hub, &csv).await;
}

/// Ten newer events and a broken row: exactly these are touched.
async fn appended(hub: &Hub, csv: &str) {
    let template = csv.lines().nth(1).unwrap();
    let mut longer = csv.trim_end().to_owned();
    let line = csv.trim_end().lines().count() + 1;
    longer.push_str("\r\nINC0000045,New,TRUE");
    for n in 0..10 {
        let newer = template
            .replacen("INC0000045", &format!("INC999000{n}"), 1)
            .replace("29-02-2016 01:23", &format!("01-01-2018 00:0{n}"));
        longer.push_str(&format!("\r\n{newer}"));
    }
    hub.upload("incidents/2016.csv", format!("{longer}\r\n").as_bytes()).await;
    let third = hub.sync("incidents-in", false).await;
    assert_eq!(count(&third, "read"), 6_009, "{third}");
    assert_eq!(count(&third, "created"), 10, "{third}");
    assert_eq!((count(&third, "updated"), count(&third, "refused")), (0, 1), "{third}");
    let errors = hub.errors("incidents-in").await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    let record = errors[0].get("record").unwrap();
    assert_eq!(record.get("line").and_then(Value::as_i64), i64::try_from(line).ok());
    for key in ["at", "code", "message", "stage", "attempt", "trace", "definition"] {
        assert!(errors[0].get(key).is_some(), "the error-log row has no {key}: {}", errors[0]);
    }
    assert_eq!(hub.table("tickets").await.len(), 900);
}
