//! Records into a table.

use ferrule_connector::{Disposition, Record, Value};
use ferrule_core::definition::Mode;
use serde_json::json;

use super::{Desk, exact, record, refusal};

const TICKETS: &str = "create table tickets (number text primary key, state text, \
                       priority int check (priority between 1 and 5), version bigint, \
                       note text not null default 'none')";

fn ticket(n: usize, state: &str) -> Record {
    record(json!({"number": format!("INC{n:04}"), "state": state, "priority": 3}))
}

fn target() -> serde_json::Value {
    json!({"table": "tickets"})
}

#[tokio::test]
async fn a_change_updates_the_same_is_left_alone_and_what_is_not_named_stays() {
    let Some(desk) = Desk::new("upserts", TICKETS) else { return };
    let tickets: Vec<Record> = (0..500).map(|n| ticket(n, "new")).collect();
    let first = desk.push(target(), Mode::Upsert, &tickets).await;
    assert!(first.iter().all(|one| *one == Disposition::Created));
    desk.sql("update tickets set note = 'by hand', priority = null where number = 'INC0007'");
    let mut changed = tickets.clone();
    for at in [3, 499] {
        changed[at] = ticket(at, "closed");
    }
    changed[7] = record(json!({"number": "INC0007", "state": "new"}));
    let second = desk.push(target(), Mode::Upsert, &changed).await;
    let updated: Vec<usize> = (0..500).filter(|at| second[*at] == Disposition::Updated).collect();
    assert_eq!(updated, [3, 499]);
    assert_eq!(second.iter().filter(|one| **one == Disposition::Unchanged).count(), 498);
    assert_eq!(desk.sql("select note, priority from tickets where number = 'INC0007'"), "by hand|");
    assert_eq!(desk.sql("select count(*) from tickets where state = 'closed'"), "2");
}

#[tokio::test]
async fn several_states_of_one_record_in_a_batch_end_in_the_last_one() {
    let Some(desk) = Desk::new("rounds", TICKETS) else { return };
    let batch = [ticket(1, "new"), ticket(2, "new"), ticket(1, "active"), ticket(1, "closed")];
    let outcome = desk.push(target(), Mode::Upsert, &batch).await;
    assert_eq!(
        outcome,
        [Disposition::Created, Disposition::Created, Disposition::Updated, Disposition::Updated]
    );
    assert_eq!(desk.sql("select state from tickets where number = 'INC0001'"), "closed");
}

#[tokio::test]
async fn an_older_version_never_replaces_a_newer_one() {
    let Some(desk) = Desk::new("versions", TICKETS) else { return };
    let push = async |version: i64, state: &str| {
        let ticket = Record { version: Some(version.into()), ..ticket(1, state) };
        let target = json!({"table": "tickets", "version_column": "version"});
        desk.push(target, Mode::Upsert, &[ticket]).await.remove(0)
    };
    assert_eq!(push(9, "nine").await, Disposition::Created);
    assert_eq!(push(10, "ten").await, Disposition::Updated);
    assert_eq!(push(9, "nine").await, Disposition::Stale);
    assert_eq!(push(10, "ten").await, Disposition::Unchanged);
    assert_eq!(desk.sql("select state, version from tickets"), "ten|10");
}

#[tokio::test]
async fn every_mode_keeps_its_word() {
    let Some(desk) = Desk::new("modes", TICKETS) else { return };
    let push = async |mode, state| desk.push(target(), mode, &[ticket(1, state)]).await.remove(0);
    assert_eq!(refusal(&push(Mode::Update, "a").await).0, "NOT_FOUND");
    assert_eq!(push(Mode::Insert, "a").await, Disposition::Created);
    assert_eq!(refusal(&push(Mode::Insert, "a").await).0, "UNIQUE");
    assert_eq!(push(Mode::Update, "b").await, Disposition::Updated);
    assert_eq!(push(Mode::Update, "b").await, Disposition::Unchanged);
    assert_eq!(push(Mode::Delete, "b").await, Disposition::Deleted);
    assert_eq!(push(Mode::Delete, "b").await, Disposition::Unchanged);
    assert_eq!(desk.sql("select count(*) from tickets"), "0");
}

#[tokio::test]
async fn what_is_gone_at_the_source_goes_here_only_when_the_target_says_so() {
    let Some(desk) = Desk::new("deletes", TICKETS) else { return };
    desk.push(target(), Mode::Upsert, &[ticket(1, "a"), ticket(2, "a")]).await;
    let key = Some("INC0001".to_owned());
    let gone =
        [Record { key, deleted: true, value: Value::Object(<_>::default()), ..<_>::default() }];
    let refused = desk.push(target(), Mode::Upsert, &gone).await;
    assert_eq!(refusal(&refused[0]).0, "DELETES_OFF");
    let with_deletes = json!({"table": "tickets", "deletes": true});
    assert_eq!(desk.push(with_deletes, Mode::Upsert, &gone).await, [Disposition::Deleted]);
    assert_eq!(desk.sql("select number from tickets"), "INC0002");
}

#[tokio::test]
async fn a_record_that_breaks_a_constraint_is_refused_alone_and_its_499_neighbours_are_there() {
    let Some(desk) = Desk::new("constraints", TICKETS) else { return };
    let mut batch: Vec<Record> = (0..500).map(|n| ticket(n, "new")).collect();
    batch[250] = record(json!({"number": "INC0250", "state": "new", "priority": 9}));
    let outcome = desk.push(target(), Mode::Insert, &batch).await;
    let refused: Vec<usize> = (0..500).filter(|at| outcome[*at] != Disposition::Created).collect();
    assert_eq!(refused, [250]);
    let (code, message) = refusal(&outcome[250]);
    assert_eq!((code, message), ("CHECK", "it breaks a check (tickets_priority_check)"));
    assert_eq!(desk.sql("select count(*) from tickets"), "499");
}

#[tokio::test]
async fn every_kind_of_bad_record_has_its_code_and_names_the_column() {
    let tables = "create table parents (id int primary key); \
        create table t (id int primary key, name varchar(5) unique, parent int references t \
          deferrable initially deferred, due date not null, n int, \
          exclude using gist (box(point(n, n), point(n, n)) with &&))";
    let Some(desk) = Desk::new("bad_records", tables) else { return };
    let batch = [
        exact(r#"{"id":1,"name":"a","due":"2024-02-29","n":1}"#),
        exact(r#"{"id":2,"name":"a","due":"2024-02-29"}"#),
        exact(r#"{"id":3,"due":null}"#),
        exact(r#"{"id":4,"due":"2024-02-29","parent":99}"#),
        exact(r#"{"id":5,"due":"2024-02-30"}"#),
        exact(r#"{"id":6,"due":"2024-02-29","n":"many"}"#),
        exact(r#"{"id":7,"due":"2024-02-29","n":99999999999}"#),
        exact(r#"{"id":8,"due":"2024-02-29","name":"longer"}"#),
        exact(r#"{"id":9,"due":"2024-02-29","name":"a\u0000"}"#),
        exact(r#"{"id":10,"due":"2024-02-29","n":1}"#),
        exact("5"),
        exact(r#"{"due":"2024-02-29"}"#),
        exact(r#"{"id":11,"due":"2024-02-29","parent":12}"#),
        exact(r#"{"id":12,"due":"2024-02-29","parent":1}"#),
    ];
    let outcome = desk.push(json!({"table": "t"}), Mode::Upsert, &batch).await;
    let said: Vec<(&str, &str)> = outcome[1..12].iter().map(refusal).collect();
    let codes: Vec<&str> = said.iter().map(|(code, _)| *code).collect();
    assert_eq!(
        codes,
        [
            "UNIQUE",
            "NOT_NULL",
            "FOREIGN_KEY",
            "BAD_TIME",
            "BAD_VALUE",
            "OUT_OF_RANGE",
            "TOO_LONG",
            "BAD_VALUE",
            "EXCLUSION",
            "NOT_AN_OBJECT",
            "NO_KEY"
        ],
        "{said:?}"
    );
    assert_eq!(said[0].1, "another row has the same value already (t_name_key)");
    assert_eq!(said[1].1, "a value is missing (due)");
    assert!(said[3].1.starts_with("column due: "), "{said:?}");
    assert!(said[4].1.starts_with("column n: "), "{said:?}");
    assert_eq!(outcome[12..], [Disposition::Created, Disposition::Created], "child before parent");
    assert_eq!(desk.sql("select string_agg(id::text, ',' order by id) from t"), "1,11,12");
}

#[tokio::test]
async fn names_and_values_are_never_read_as_sql() {
    let evil = r#"x"; drop table tickets; --"#;
    let table = format!(
        "{TICKETS}; create table \"t'\"\"; drop\" (id text primary key, \"{}\" text)",
        evil.replace('"', "\"\"")
    );
    let Some(desk) = Desk::new("injection", &table) else { return };
    let value = r"'); drop table tickets; --";
    let odd = [record(json!({"id": value, evil: value}))];
    let outcome = desk.push(json!({"table": "t'\"; drop"}), Mode::Upsert, &odd).await;
    assert_eq!(outcome, [Disposition::Created]);
    let (records, _) =
        desk.read(json!({"table": "t'\"; drop", "columns": [evil]}), None, None).await;
    assert_eq!(records[0].value.get(evil).unwrap().as_str(), Some(value));
    for (target, field) in [
        (json!({"table": "tickets; drop table tickets"}), "number"),
        (target(), "number\" = 'x'; drop table tickets; --"),
        (json!({"table": "tickets", "key_columns": ["number) drop table tickets; --"]}), "number"),
        (json!({"table": "tickets", "version_column": "1; drop table tickets"}), "number"),
    ] {
        let batch = [record(json!({field: "x"}))];
        let failure = desk.deliver(target, Mode::Upsert, "b-0", &batch).await.unwrap_err();
        assert!(["UNKNOWN_TABLE", "UNKNOWN_COLUMN"].contains(&failure.code()), "{failure}");
    }
    assert_eq!(desk.sql("select count(*) from tickets"), "0");
}

#[tokio::test]
async fn a_slip_in_a_name_is_answered_with_a_suggestion_and_changes_nothing() {
    let Some(desk) = Desk::new("slips", TICKETS) else { return };
    let batch = [record(json!({"number": "INC1", "stat": "new"}))];
    let failure = desk.deliver(target(), Mode::Upsert, "s-0", &batch).await.unwrap_err();
    assert_eq!(failure.code(), "UNKNOWN_COLUMN");
    assert!(failure.to_string().contains("did you mean state?"), "{failure}");
    let wrong = json!({"table": "tikets"});
    let failure = desk.deliver(wrong, Mode::Upsert, "s-0", &batch).await.unwrap_err();
    assert!(failure.to_string().contains("did you mean tickets?"), "{failure}");
    let no_index = json!({"table": "tickets", "key_columns": ["state"]});
    let batch = [record(json!({"number": "INC1", "state": "new"}))];
    let failure = desk.deliver(no_index, Mode::Upsert, "s-0", &batch).await.unwrap_err();
    assert_eq!(failure.code(), "KEY_NOT_UNIQUE");
    desk.push(target(), Mode::Upsert, &batch).await;
    desk.sql("alter table tickets add column owner text");
    let batch = [record(json!({"number": "INC1", "owner": "ana"}))];
    let outcome = desk.push(target(), Mode::Upsert, &batch).await;
    assert_eq!(outcome, [Disposition::Updated], "a column that is new there is found");
}
