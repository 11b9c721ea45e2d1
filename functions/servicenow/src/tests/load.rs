use ferrule_testing::servicenow::Faults;

use super::*;

fn target() -> serde_json::Value {
    json!({"table": "incident", "key_field": "correlation_id"})
}

fn tickets(count: usize) -> Vec<Record> {
    let ticket = |number| {
        let key = format!("T{number}");
        record(&key, json!({"short_description": key, "priority": number % 5 + 1, "active": true}))
    };
    (0..count).map(ticket).collect()
}

fn created(dispositions: &[Disposition]) -> usize {
    dispositions.iter().filter(|one| **one == Disposition::Created).count()
}

#[tokio::test]
async fn all_890_arrive_once_whatever_goes_wrong() {
    let desk = Desk::new().await;
    desk.instance.behave(|b| {
        b.faults = Faults {
            too_many_every: 29,
            retry_after_secs: 3,
            error_500_every: 13,
            reset_every: 23,
            cut_json_every: 31,
            lost_ack_every: 9,
            ..Faults::default()
        };
    });
    let records = tickets(890);
    for batch in records.chunks(100) {
        let (_, failures) = desk.push(target(), Mode::Upsert, batch).await;
        let attempts = failures.iter().filter(|f| f.code() == "unavailable").count();
        assert!(attempts <= 3, "the schedule has three retries: {failures:?}");
    }
    let mut keys: Vec<String> =
        desk.instance.rows("incident").iter().map(|row| row["correlation_id"].clone()).collect();
    keys.sort();
    let mut wanted: Vec<String> = (0..890).map(|number| format!("T{number}")).collect();
    wanted.sort();
    assert_eq!(keys, wanted);
    assert!(desk.instance.stats().faults_given > 100);
}

#[tokio::test]
async fn a_second_push_writes_nothing() {
    let desk = Desk::new().await;
    let records = tickets(300);
    let (first, failures) = desk.push(target(), Mode::Upsert, &records).await;
    assert_eq!((created(&first), failures.len()), (300, 0));
    let before = desk.instance.stats().calls;
    let (second, _) = desk.push(target(), Mode::Upsert, &records).await;
    assert!(second.iter().all(|one| *one == Disposition::Unchanged));
    assert_eq!(desk.instance.stats().calls - before, 1, "one look-up finds them all");
}

#[tokio::test]
async fn a_change_is_written_and_null_clears() {
    let desk = Desk::new().await;
    let user = desk.instance.insert("sys_user", &[("name", "Ana")]);
    let value = json!({
        "short_description": "down", "opened_at": "2025-01-08T12:00:00+01:00",
        "assigned_to": user, "active": true, "priority": 3
    });
    desk.push(target(), Mode::Upsert, &[record("a,1", value.clone())]).await;
    let (same, _) = desk.push(target(), Mode::Upsert, &[record("a,1", value.clone())]).await;
    assert_eq!(same, [Disposition::Unchanged]);
    let mut changed = value;
    changed["assigned_to"] = json!(null);
    let (outcome, _) = desk.push(target(), Mode::Upsert, &[record("a,1", changed)]).await;
    assert_eq!(outcome, [Disposition::Updated]);
    let row = desk.instance.rows("incident").remove(0);
    assert_eq!(row["opened_at"], "2025-01-08 11:00:00");
    assert_eq!((row["assigned_to"].as_str(), row["active"].as_str()), ("", "true"));
    assert_eq!(row["sys_mod_count"], "1");
}

#[tokio::test]
async fn a_misspelt_field_changes_nothing_there() {
    let desk = Desk::new().await;
    desk.instance.insert("incident", &[("number", "INC1")]);
    let records = [record("k", json!({"short_desc": "x"}))];
    for (target, field) in [
        (json!({"table": "incident", "key_field": "corelation_id"}), "correlation_id"),
        (target(), "short_desc"),
    ] {
        let failure =
            desk.deliver(&typed(target), Mode::Upsert, &records, &mut [None]).await.unwrap_err();
        assert_eq!(failure.code(), "UNKNOWN_FIELD");
        assert!(failure.to_string().contains(field), "{failure}");
    }
    assert_eq!(desk.instance.rows("incident").len(), 1);
}

#[tokio::test]
async fn a_record_that_cannot_be_written_is_refused_alone() {
    let desk = Desk::new().await;
    for _ in 0..2 {
        desk.instance.insert("incident", &[("correlation_id", "twice")]);
    }
    let hidden = desk.instance.insert("incident", &[("correlation_id", "hidden")]);
    desk.instance.hide("incident", &hidden);
    let value = || json!({"short_description": "x"});
    let records = [
        record("twice", value()),
        record("hidden", value()),
        record("a^b", value()),
        Record { key: None, ..record("", value()) },
        record("object", json!({"short_description": {"a": 1}})),
        Record { deleted: true, ..record("gone", value()) },
        record("good", value()),
        record("good", json!({"short_description": "y"})),
    ];
    let (outcome, failures) = desk.push(target(), Mode::Upsert, &records).await;
    let codes: Vec<&str> = outcome[..6].iter().map(refusal).collect();
    assert_eq!(codes, ["KEY_AMBIGUOUS", "HIDDEN", "KEY", "NO_KEY", "NOT_TEXT", "DELETES_OFF"]);
    assert_eq!(outcome[6..], [Disposition::Created, Disposition::Updated]);
    assert_eq!(failures.len(), 0);
}

#[tokio::test]
async fn an_older_version_is_dropped() {
    let desk = Desk::new().await;
    let mut target = target();
    target["version_field"] = json!("correlation_display");
    let push = async |version: i64| {
        let ticket = record("k", json!({"short_description": format!("v{version}")}));
        let ticket = Record { version: Some(version.into()), ..ticket };
        desk.push(target.clone(), Mode::Upsert, &[ticket]).await.0.remove(0)
    };
    assert_eq!(push(9).await, Disposition::Created);
    assert_eq!(push(10).await, Disposition::Updated);
    assert_eq!(push(9).await, Disposition::Stale);
    assert_eq!(desk.instance.rows("incident")[0]["short_description"], "v10");
}

#[tokio::test]
async fn every_mode_keeps_its_word() {
    let desk = Desk::new().await;
    let ticket = |text: &str| record("k", json!({"short_description": text}));
    let push = async |mode, text| desk.push(target(), mode, &[ticket(text)]).await.0.remove(0);
    assert_eq!(refusal(&push(Mode::Update, "a").await), "NOT_FOUND");
    assert_eq!(push(Mode::Insert, "a").await, Disposition::Created);
    assert_eq!(push(Mode::Insert, "a").await, Disposition::Unchanged, "a repeat");
    assert_eq!(refusal(&push(Mode::Insert, "b").await), "EXISTS");
    assert_eq!(push(Mode::Update, "b").await, Disposition::Updated);
    assert_eq!(push(Mode::Delete, "b").await, Disposition::Deleted);
    assert_eq!(push(Mode::Delete, "b").await, Disposition::Unchanged);
    assert!(desk.instance.rows("incident").is_empty());
}

#[tokio::test]
async fn a_rate_limit_stops_the_delivery_at_once_and_keeps_what_is_done() {
    let desk = Desk::new().await;
    desk.instance.behave(|b| (b.faults.too_many_every, b.faults.retry_after_secs) = (7, 21));
    let records = tickets(20);
    let mut done = vec![None; 20];
    let target = typed(target());
    let failure = desk.deliver(&target, Mode::Upsert, &records, &mut done).await.unwrap_err();
    let wait = Some(Duration::from_secs(21));
    assert!(matches!(failure, Failure::Throttled { retry_after, .. } if retry_after == wait));
    assert_eq!(desk.instance.stats().calls, 7);
    assert_eq!(done.iter().flatten().count(), 3, "two names, one look-up, three inserts");
}

#[tokio::test]
async fn a_dead_instance_is_left_in_peace_after_four_tries() {
    let desk = Desk::new().await;
    let records = tickets(50);
    desk.push(target(), Mode::Upsert, &records[..1]).await;
    let before = desk.instance.stats().calls;
    desk.instance.behave(|b| b.faults.lost_ack_every = 1);
    let mut done = vec![None; 50];
    let target = typed(target());
    let failure = desk.deliver(&target, Mode::Upsert, &records, &mut done).await.unwrap_err();
    assert_eq!(failure.code(), "unavailable");
    assert!(desk.instance.stats().calls - before <= 6);
}

#[tokio::test]
async fn a_field_that_does_not_take_the_key_stops_the_batch_after_one_record() {
    let desk = Desk::new().await;
    let target = typed(json!({"table": "incident", "key_field": "sys_mod_count"}));
    let mut done = vec![None; 5];
    let outcome = desk.deliver(&target, Mode::Upsert, &tickets(5), &mut done).await;
    assert_eq!(outcome.unwrap_err().code(), "KEY_NOT_KEPT");
    assert_eq!(refusal(done[0].as_ref().unwrap()), "KEY_NOT_KEPT");
    assert_eq!(desk.instance.rows("incident").len(), 1);
}
