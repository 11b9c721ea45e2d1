//! Users, groups and memberships of an organisation in the hub's own tables, on the deployed
//! template: everything once through rate limits, then only what changed.

use std::collections::BTreeMap;

use ferrule_core::Value;
use ferrule_testing::okta::{Org, TOKEN, crowded, entry, group, limited, user};

use crate::hub::{Hub, count};

const USERS: usize = 1203;

const DEFINITIONS: &str = r#"apiVersion: ferrule/v1
kind: Connection
metadata: {name: hub}
connector: records
settings: {}
---
apiVersion: ferrule/v1
kind: Connection
metadata: {name: directory}
connector: okta
settings: {org_url: ORG}
limits: {calls: 360000/h}
---
apiVersion: ferrule/v1
kind: Integration
metadata: {name: users-in}
source: {connection: directory, read: users}
map:
  id:       {from: .id, required: true}
  login:    {from: .profile.login, lower: true}
  status:   {from: .status, lower: true}
  active:   {expr: '.status == "ACTIVE"'}
  changed:  {from: .lastUpdated, type: datetime}
output: {connection: hub, table: users, key: .id, version: .changed}
---
apiVersion: ferrule/v1
kind: Integration
metadata: {name: groups-in}
source: {connection: directory, read: groups}
map: {id: .id, name: .profile.name}
output: {connection: hub, table: groups, key: .id}
---
apiVersion: ferrule/v1
kind: Integration
metadata: {name: memberships-in}
source: {connection: directory, read: memberships}
map:
  id:       {from: .id, required: true}
  user:     .user_id
  group:    .group_id
  role:     {from: .group, lookup: {Platform Team: admin, Support: agent}, default: member}
output: {connection: hub, table: memberships, key: .id}"#;

async fn hub(org: &Org) -> Hub {
    let hub = Hub::of("directory").await;
    let definitions = DEFINITIONS.replace("ORG", &org.vendor.url(""));
    hub.define(&definitions).await;
    hub.secret("okta", "directory", &format!(r#"{{"api_key":"{TOKEN}"}}"#)).await;
    hub
}

/// 1,203 users, twelve of them deactivated; 253 members of a page and more, 200 of just one, three.
fn fill(org: &Org) {
    org.change(|content| {
        let status = |at| if at % 100 == 7 { "DEPROVISIONED" } else { "ACTIVE" };
        let changed = |at| format!("2026-02-{:02}T10:00:00.000Z", at % 27 + 1);
        content.users = (0..USERS).map(|at| user(at, status(at), &changed(at))).collect();
        content.groups = vec![
            group("g1", "Platform Team", "2026-02-10T00:00:00.000Z"),
            group("g2", "Support", "2026-02-11T00:00:00.000Z"),
            group("g3", "Sales", "2026-02-20T00:00:00.000Z"),
        ];
        let members = [("g1", 0..253), ("g2", 300..500), ("g3", 600..603)];
        let members = members.into_iter().flat_map(|(group, users)| {
            users.map(move |at| (group.to_owned(), format!("00u{at:05}")))
        });
        content.members = members.collect();
    });
}

/// One changed, one came, one was deleted; one left a group, and one joined it.
fn change(org: &Org) {
    org.change(|content| {
        content.users[5] = user(5, "DEPROVISIONED", "2026-03-01T00:10:00.000Z");
        content.users.push(user(2000, "ACTIVE", "2026-03-01T00:11:00.000Z"));
        content.users.retain(|user| user["id"] != "00u01042");
        content.groups[2] = group("g3", "Sales", "2026-03-01T00:12:00.000Z");
        content.members.retain(|(group, user)| group != "g3" || user != "00u00601");
        content.members.push(("g3".to_owned(), "00u02000".to_owned()));
        let at = "2026-03-01T00:12:00.000Z";
        content.log = vec![
            entry("user.lifecycle.delete.completed", at, &[("User", "00u01042")]),
            entry("group.user_membership.remove", at, &[("User", "00u00601"), ("UserGroup", "g3")]),
        ];
    });
}

/// Rows of a table by their id.
async fn rows(hub: &Hub, table: &str) -> BTreeMap<String, Value> {
    let rows = hub.table(table).await;
    let record = |row: &Value| row.get("value").unwrap_or(row).clone();
    let all: Vec<Value> = rows.iter().map(record).collect();
    let by_id: BTreeMap<String, Value> =
        all.iter().map(|row| (text(row, "id"), row.clone())).collect();
    assert_eq!(by_id.len(), all.len(), "each once");
    by_id
}

fn text(row: &Value, key: &str) -> String {
    row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// How many there are of each.
fn tally(rows: &BTreeMap<String, Value>, key: &str) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for row in rows.values() {
        *tally.entry(text(row, key)).or_default() += 1;
    }
    tally
}

fn tallied<const N: usize>(tally: [(&str, usize); N]) -> BTreeMap<String, usize> {
    tally.map(|(name, count)| (name.to_owned(), count)).into()
}

fn assert_succeeded(run: &Value) {
    assert_eq!(run.get("state").and_then(Value::as_str), Some("succeeded"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_user_of_a_directory_is_there_once_with_a_role_and_then_only_what_changed_is_read() {
    let org = Org::start().await;
    let hub = hub(&org).await;
    fill(&org);
    org.change(|content| {
        content.instead = vec![(1, limited(20)), (3, limited(30)), (5, crowded())];
    });
    let run = hub.sync("users-in", false).await;
    assert_succeeded(&run);
    assert_eq!((count(&run, "read"), count(&run, "created")), (1203, 1203), "{run}");
    let pages = org.asked().iter().filter(|ask| ask.contains("limit=200")).count();
    assert_eq!(pages, 7 + 3, "seven pages of 200, and three refusals");
    let users = rows(&hub, "users").await;
    assert_eq!(tally(&users, "status"), tallied([("active", 1191), ("deprovisioned", 12)]));
    let is_active = |row: &&Value| row.get("active").and_then(Value::as_bool) == Some(true);
    assert_eq!(users.values().filter(is_active).count(), 1191);
    for name in ["groups-in", "memberships-in"] {
        assert_succeeded(&hub.sync(name, false).await);
    }
    assert_eq!(rows(&hub, "groups").await.len(), 3);
    let roles = tally(&rows(&hub, "memberships").await, "role");
    assert_eq!(roles, tallied([("admin", 253), ("agent", 200), ("member", 3)]));

    change(&org);
    let before = org.asked().len();
    let again = hub.sync("users-in", false).await;
    assert_succeeded(&again);
    // Okta's filter brings those again who were the last to change then: 44, who are skipped.
    let counts = ["read", "skipped", "created", "updated", "deleted", "unchanged"];
    assert_eq!(counts.map(|name| count(&again, name)), [47, 44, 1, 1, 1, 0], "{again}");
    let users = rows(&hub, "users").await;
    assert_eq!(users.len(), USERS, "one came, one is gone");
    assert_eq!(text(&users["00u00005"], "status"), "deprovisioned");
    assert!(users.contains_key("00u02000") && !users.contains_key("00u01042"));
    assert_succeeded(&hub.sync("memberships-in", false).await);
    let memberships = rows(&hub, "memberships").await;
    assert_eq!(tally(&memberships, "role")["member"], 3);
    assert!(memberships.contains_key("g3:00u02000") && !memberships.contains_key("g3:00u00601"));
    let asked = org.asked().split_off(before);
    let is_other = |ask: &&String| ask.contains("/groups/g1") || ask.contains("/groups/g2");
    assert_eq!(asked.iter().find(is_other), None, "their members did not change");
}
