//! The connector in its runner, against an organisation that answers like Okta.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ferrule_connector::{Handler, Name, Tenant, Value};
use ferrule_core::{
    Counts, Message, Note, RunState, Task, Timings,
    definition::{Connection, Integration},
};
use ferrule_lambda::{Delivered, Runner};
use ferrule_store::{Clock, Definitions, Queues, Store, When};
use ferrule_testing::okta::{Org, TOKEN, crowded, entry, group, limited, user};
use serde_json::json;

use crate::Okta;

/// 2026-03-01 00:00:00 UTC.
const NOW_MS: i64 = 1_772_323_200_000;

struct Hub {
    org: Org,
    store: Store,
    tenant: Tenant,
    runner: Runner<Handler<Okta>>,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

async fn hub(source: serde_json::Value) -> Hub {
    let org = Org::start().await;
    let store = Store::memory(Clock::manual(NOW_MS));
    let tenant = Tenant::new("acme").unwrap();
    for (connector, connection, settings) in [
        ("okta", "directory", json!({"org_url": org.vendor.url("")})),
        ("records", "hub", json!({})),
    ] {
        let connection: Connection = serde_json::from_value(json!({
            "apiVersion": "ferrule/v1", "kind": "Connection", "metadata": {"name": connection},
            "connector": connector, "settings": settings, "limits": {"calls": "600/m"},
        }))
        .unwrap();
        store.put_connection(&tenant, &connection, When::Always).await.unwrap().unwrap();
    }
    let integration: Integration = serde_json::from_str(
        &json!({
            "apiVersion": "ferrule/v1", "kind": "Integration", "metadata": {"name": "in"},
            "source": source, "output": {"connection": "hub", "table": "t", "key": ".id"},
        })
        .to_string(),
    )
    .unwrap();
    store.put_integration(&tenant, &integration, When::Always).await.unwrap().unwrap();
    let secret = json!({"api_key": TOKEN}).to_string();
    let owner = name("okta");
    store.secrets.write(&owner, &tenant, &name("directory"), &secret, None).await.unwrap();
    let definitions = Arc::new(Definitions::new(store.clone()));
    let handler = Handler::new(Okta, store.clone(), Arc::clone(&definitions), true);
    Hub { runner: Runner::new(handler, store.clone(), definitions), org, store, tenant }
}

impl Hub {
    /// Runs once, with success; returns the records and how long was waited, in seconds.
    async fn sync(&self) -> (Vec<ferrule_core::Record>, u64) {
        let run = self.store.start_run(&self.tenant, &name("in"), "test", false).await.unwrap();
        let started = self.store.clock.now_ms();
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        loop {
            if let Some(message) = queues.receive("okta") {
                queues.delete("okta", message.id);
                let delivered = self.runner.deliver(&message.body, Duration::from_secs(50)).await;
                assert_eq!(delivered, Delivered::Done);
            } else if let Some(due) = queues.next_visible_at("okta") {
                let wait = due - self.store.clock.now_ms();
                self.store.clock.advance(Duration::from_millis(wait.max(1).unsigned_abs()));
            } else {
                break;
            }
        }
        let waited = u64::try_from(self.store.clock.now_ms() - started).unwrap() / 1000;
        let (mut records, mut notes) = (Vec::new(), Vec::new());
        while let Some(message) = queues.receive("transform") {
            queues.delete("transform", message.id);
            let Task::Transform(batch) = Message::decode(&message.body).unwrap().task else {
                panic!("not a batch")
            };
            notes.push(note(batch.seq));
            records.extend(batch.records);
        }
        while let Some(message) = queues.receive("journal") {
            queues.delete("journal", message.id);
            let Task::Note(end) = Message::decode(&message.body).unwrap().task else {
                panic!("not a note")
            };
            notes.push(end);
        }
        let over = self.store.note(&self.tenant, &run.run, &notes).await.unwrap();
        let run = over.expect("the run is over");
        assert_eq!(run.state, RunState::Succeeded, "{run:?}");
        (records, waited)
    }
}

fn note(seq: u64) -> Note {
    let (counts, timings) = (Counts::default(), Timings::default());
    Note::Batch { seq, others: Vec::new(), counts, timings, failed: None }
}

fn ids(records: &[ferrule_core::Record]) -> BTreeSet<String> {
    let id = |value: &Value| value.get("id").and_then(Value::as_str).unwrap().to_owned();
    records.iter().map(|record| id(&record.value)).collect()
}

#[test]
fn what_is_generated_from_the_types_is_current() {
    ferrule_testing::generated::<Okta>();
}

#[tokio::test]
async fn every_user_comes_once_through_rate_limits_of_both_kinds_and_then_only_what_changed() {
    let hub = hub(json!({"connection": "directory", "read": "users"})).await;
    hub.org.change(|content| {
        content.users = (0..1203)
            .map(|at| {
                let status = if at % 100 == 7 { "DEPROVISIONED" } else { "ACTIVE" };
                user(at, status, &format!("2026-02-{:02}T10:00:00.000Z", at % 27 + 1))
            })
            .collect();
        // Okta's clock is an hour ahead of ours: 20 s to wait, not an hour.
        content.instead = vec![(1, limited(20)), (3, limited(30)), (5, crowded())];
    });
    let (records, waited) = hub.sync().await;
    assert_eq!((records.len(), ids(&records).len()), (1203, 1203));
    assert!((50..120).contains(&waited), "20 + 30 + a few seconds, not {waited}");
    let gone = records.iter().filter(|record| {
        record.value.get("status").and_then(Value::as_str) == Some("DEPROVISIONED")
    });
    assert_eq!(gone.count(), 12, "deactivated users are seen as such");
    assert_eq!(hub.org.asked().len(), 7 + 3, "1,203 users are seven pages of 200");

    hub.org.change(|content| {
        content.instead.clear();
        content.users[5] = user(5, "DEPROVISIONED", "2026-03-01T00:10:00.000Z");
        content.users.push(user(2000, "ACTIVE", "2026-03-01T00:11:00.000Z"));
        content.users.retain(|user| user["id"] != "00u00042");
        let at = "2026-03-01T00:12:00.000Z";
        content.log = vec![entry("user.lifecycle.delete.completed", at, &[("User", "00u00042")])];
    });
    hub.store.clock.advance(Duration::from_mins(15));
    let (changed, _) = hub.sync().await;
    let expected = ["00u00005", "00u00042", "00u02000"].map(str::to_owned);
    assert_eq!(ids(&changed), BTreeSet::from(expected));
    let gone: Vec<_> = changed.iter().filter(|record| record.deleted).cloned().collect();
    assert_eq!(ids(&gone), BTreeSet::from(["00u00042".to_owned()]));
}

#[tokio::test]
async fn memberships_are_read_of_groups_that_changed_and_who_left_is_found() {
    let hub = hub(json!({"connection": "directory", "read": "memberships"})).await;
    hub.org.change(|content| {
        content.users = (0..450).map(|at| user(at, "ACTIVE", "2026-02-01T00:00:00.000Z")).collect();
        content.groups = vec![
            group("g1", "Platform Team", "2026-02-02T00:00:00.000Z"),
            group("g2", "Everyone", "2026-02-01T00:00:00.000Z"),
        ];
        let everyone = (0..450).map(|at| ("g2".to_owned(), format!("00u{at:05}")));
        content.members =
            [("g1".to_owned(), "00u00001".to_owned())].into_iter().chain(everyone).collect();
    });
    let (records, _) = hub.sync().await;
    assert_eq!((records.len(), ids(&records).len()), (451, 451));
    let first =
        records.iter().find(|r| r.value.get("group_id") == Some(&Value::from("g1"))).unwrap();
    assert_eq!(first.value.get("group").and_then(Value::as_str), Some("Platform Team"));
    assert_eq!(first.value.get("login").and_then(Value::as_str), Some("u1@example.com"));

    let before = hub.org.asked().len();
    hub.org.change(|content| {
        content.groups[0] = group("g1", "Platform Team", "2026-03-01T00:10:00.000Z");
        content.members[0].1 = "00u00002".to_owned();
        let at = "2026-03-01T00:09:00.000Z";
        let left = |user: &'static str| {
            let targets = [("User", user), ("UserGroup", "g1")];
            entry("group.user_membership.remove", at, &targets)
        };
        // The second one left and came back.
        content.log = vec![left("00u00001"), left("00u00002")];
    });
    hub.store.clock.advance(Duration::from_mins(15));
    let (changed, _) = hub.sync().await;
    assert_eq!(ids(&changed), BTreeSet::from(["g1:00u00001".into(), "g1:00u00002".into()]));
    let deleted: Vec<_> = changed.iter().filter(|record| record.deleted).cloned().collect();
    assert_eq!(ids(&deleted), BTreeSet::from(["g1:00u00001".into()]));
    let asked = hub.org.asked().split_off(before);
    assert!(!asked.iter().any(|ask| ask.contains("/groups/g2/users")), "{asked:#?}");
}

#[tokio::test]
async fn only_the_groups_that_are_named_are_read() {
    let source = json!({"connection": "directory", "read": "groups", "groups": ["Platform Team"]});
    let hub = hub(source).await;
    hub.org.change(|content| {
        content.groups = vec![
            group("g1", "Platform Team", "2026-02-02T00:00:00.000Z"),
            group("g2", "Everyone", "2026-02-03T00:00:00.000Z"),
        ];
    });
    let (records, _) = hub.sync().await;
    assert_eq!(ids(&records), BTreeSet::from(["g1".into()]));
}
