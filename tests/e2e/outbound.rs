//! Out and back: hub tickets to a ServiceNow that misbehaves, and changes there back in.

use std::{collections::BTreeSet, time::Duration};

use ferrule_core::Value;
use ferrule_testing::servicenow::Instance;

use crate::{
    hub::{Hub, count},
    incidents::{definitions, real_input},
    sample::small_csv,
};

fn snow(url: &str) -> String {
    format!(
        r"apiVersion: ferrule/v1
kind: Connection
metadata: {{name: snow}}
connector: servicenow
settings: {{instance_url: {url}, auth: basic}}
limits: {{calls: 60/m}}
---
apiVersion: ferrule/v1
kind: Integration
metadata: {{name: tickets-out}}
source: {{connection: hub, table: tickets}}
map:
  correlation_id: .number
  short_description: {{concat: ['Ticket ', .number]}}
  state: .state
  priority: .priority
output: {{connection: snow, table: incident, key_field: correlation_id, key: .correlation_id}}
---
apiVersion: ferrule/v1
kind: Integration
metadata: {{name: incidents-back}}
source:
  connection: snow
  table: incident
  cursor: {{field: .sys_updated_on, overlap: 5m, tie_break: .sys_id}}
map:
  number: {{from: .correlation_id, required: true}}
  state: .state
output: {{connection: hub, table: came_back, key: .number, version: .sys_mod_count}}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_ticket_reaches_a_misbehaving_servicenow_once_and_changes_come_back() {
    let csv = real_input().unwrap_or_else(small_csv);
    let hub = Hub::of("outbound").await;
    let instance = Instance::start();
    let login = instance.login();
    let secret = format!(r#"{{"username":"{}","password":"{}"}}"#, login.username, login.password);
    hub.define(&definitions()).await;
    hub.secret("servicenow", "snow", &secret).await;
    hub.define(&snow(instance.url())).await;
    hub.upload("incidents/2016.csv", csv.as_bytes()).await;
    hub.sync("incidents-in", false).await;
    let tickets: BTreeSet<String> = hub.table("tickets").await.iter().map(number).collect();

    instance.behave(|behaviour| {
        behaviour.faults.too_many_every = 97;
        behaviour.faults.retry_after_secs = 1;
        behaviour.faults.error_500_every = 53;
        behaviour.faults.reset_every = 61;
        behaviour.faults.lost_ack_every = 71;
    });
    let out = hub.sync("tickets-out", false).await;
    instance.behave(|behaviour| *behaviour = ferrule_testing::servicenow::Behaviour::default());
    let there: BTreeSet<String> =
        instance.rows("incident").iter().map(|row| row["correlation_id"].clone()).collect();
    assert_eq!(there, tickets, "{out}");
    assert!(instance.doubles("incident", "correlation_id").is_empty());
    assert_eq!(count(&out, "read"), i64::try_from(tickets.len()).unwrap(), "{out}");
    assert_eq!(count(&out, "parked") + count(&out, "refused"), 0, "{out}");
    let stats = instance.stats();
    assert!(stats.faults_given > 0, "nothing went wrong, so nothing was shown");
    assert!(stats.violations.is_empty(), "{:?}", stats.violations);
    // 60 calls a minute, at the tests' pace: the window is a hundredth of a minute.
    assert!(instance.most_within(Duration::from_millis(600)) <= 60);

    came_back(&hub, &instance, tickets.len()).await;
}

async fn came_back(hub: &Hub, instance: &Instance, all: usize) {
    let first = hub.sync("incidents-back", false).await;
    assert_eq!(count(&first, "created"), i64::try_from(all).unwrap(), "{first}");
    for row in instance.rows("incident").iter().take(25) {
        instance.change("incident", &row["sys_id"], &[("state", "7")]);
    }
    let second = hub.sync("incidents-back", false).await;
    assert_eq!((count(&second, "created"), count(&second, "updated")), (0, 25), "{second}");
    let closed = |row: &&Value| row.to_string().contains("\"state\":\"7\"");
    assert_eq!(hub.table("came_back").await.iter().filter(closed).count(), 25);
}

fn number(row: &Value) -> String {
    let record = row.get("value").unwrap_or(row);
    record.get("number").and_then(Value::as_str).unwrap().to_owned()
}
