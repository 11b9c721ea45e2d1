use super::*;

fn second(offset_secs: i64) -> Mark {
    Mark::Time((NOW_MS / 1000 + offset_secs) * 1_000_000)
}

fn fill(desk: &Desk, count: usize) -> Vec<String> {
    let insert = |number| {
        let number = format!("INC{number:04}");
        desk.instance.insert("incident", &[("number", &number), ("active", "true")])
    };
    (1..=count).map(insert).collect()
}

fn expected(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("INC{number:04}")).collect()
}

#[tokio::test]
async fn short_and_empty_pages_are_not_the_end() {
    let desk = Desk::new().await;
    let mut ids = fill(&desk, 25);
    let hidden: Vec<String> = {
        ids.sort();
        [&ids[4..14], &ids[24..]].concat()
    };
    for id in &hidden {
        desk.instance.hide("incident", id);
    }
    let records = desk.read_all(json!({"table": "incident", "page_size": 4}), None).await;
    let seen = texts(&records, "sys_id");
    let visible: Vec<String> = ids.into_iter().filter(|id| !hidden.contains(id)).collect();
    assert_eq!(seen, visible, "each record that may be seen, once");
}

#[tokio::test]
async fn a_record_that_changes_while_it_is_read_hides_no_other() {
    let desk = Desk::new().await;
    let mut ids = fill(&desk, 12);
    ids.sort();
    let source = typed(json!({"table": "incident", "page_size": 5, "query": "active=true"}));
    let first = desk.page(&source, &Value::Null, None).await.unwrap();
    desk.store.clock.advance(Duration::from_secs(5));
    desk.instance.change("incident", &ids[0], &[("active", "false")]);
    desk.instance.change("incident", &ids[7], &[("state", "2")]);
    desk.instance.remove("incident", &ids[1]);
    let second = desk.page(&source, &first.next.unwrap(), None).await.unwrap();
    let third = desk.page(&source, &second.next.unwrap(), None).await.unwrap();
    let all = [first.records, second.records, third.records].concat();
    assert_eq!(texts(&all, "sys_id"), ids);
    assert_eq!(third.next, None);
}

#[tokio::test]
async fn an_incremental_run_asks_only_for_what_changed() {
    let desk = Desk::new().await;
    let ids = fill(&desk, 6);
    desk.store.clock.advance(Duration::from_mins(1));
    let user = desk.instance.insert("sys_user", &[("email", "ana@example.com")]);
    desk.instance.change("incident", &ids[2], &[("caller_id", &user)]);
    let source = json!({
        "table": "incident", "fields": ["number", "caller_id", "caller_id.email"],
        "query": "number=INC0003^NQnumber=INC0004"
    });
    let records = desk.read_all(source, Some(second(60))).await;
    assert_eq!(texts(&records, "number"), expected([3]));
    assert_eq!(texts(&records, "caller_id"), [user]);
    assert_eq!(texts(&records, "caller_id.email"), ["ana@example.com"]);
    assert_eq!(texts(&records, "sys_updated_on"), ["2025-01-08 11:13:07"]);
    assert!(records.iter().all(|record| record.line > 0));
}

#[tokio::test]
async fn a_typo_in_the_filter_is_refused_before_anything_is_read() {
    let desk = Desk::new().await;
    fill(&desk, 3);
    for (source, meant) in [
        (json!({"table": "incident", "query": "actve=true"}), "active"),
        (
            json!({"table": "incident", "fields": ["number", "short_descripton"]}),
            "short_description",
        ),
        (json!({"table": "incident", "fields": ["caler_id.email"]}), "caller_id"),
    ] {
        let failure = desk.page(&typed(source), &Value::Null, None).await.unwrap_err();
        assert_eq!(failure.code(), "UNKNOWN_FIELD");
        assert!(failure.to_string().contains(meant), "{failure}");
    }
    let failure = desk.page(&typed(json!({"table": "incdent"})), &Value::Null, None).await;
    assert_eq!(failure.unwrap_err().code(), "UNKNOWN_TABLE");
}

#[tokio::test]
async fn the_dictionary_is_asked_once_for_all_workers() {
    let desk = Desk::new().await;
    fill(&desk, 1);
    let source = json!({"table": "incident"});
    desk.read_all(source.clone(), None).await;
    assert_eq!(desk.instance.stats().calls, 3);
    let other = Desk { connector: ServiceNow::default(), ..desk };
    other.read_all(source, None).await;
    assert_eq!(other.instance.stats().calls, 4);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_never_an_empty_page() {
    let desk = Desk::new().await;
    fill(&desk, 3);
    let source = typed(json!({"table": "incident"}));
    desk.instance.behave(|b| b.faults.cut_json_every = 3);
    assert_eq!(desk.page(&source, &Value::Null, None).await.unwrap_err().code(), "unavailable");
    desk.instance.behave(|b| (b.faults.cut_json_every, b.faults.reset_every) = (0, 1));
    assert_eq!(desk.page(&source, &Value::Null, None).await.unwrap_err().code(), "unavailable");
    desk.instance.behave(|b| b.asleep = true);
    let failure = desk.page(&source, &Value::Null, None).await.unwrap_err();
    assert_eq!(failure.code(), "unavailable");
    assert!(failure.to_string().contains("hibernating"), "{failure}");
}

#[tokio::test]
async fn what_was_deleted_since_comes_after_what_changed() {
    let desk = Desk::new().await;
    let ids = fill(&desk, 3);
    desk.store.clock.advance(Duration::from_mins(1));
    desk.instance.change("incident", &ids[0], &[("state", "7")]);
    desk.instance.remove("incident", &ids[1]);
    let source = json!({"table": "incident", "fields": ["number"], "deletes": true});
    let records = desk.read_all(source.clone(), Some(second(1))).await;
    let gone: Vec<bool> = records.iter().map(|record| record.deleted).collect();
    assert_eq!(gone, [false, true]);
    assert_eq!(records[1].value.get("sys_id").unwrap().as_str(), Some(ids[1].as_str()));
    assert_eq!(texts(&records, "sys_updated_on"), ["2025-01-08 11:13:07"; 2]);
    assert_eq!(desk.read_all(source, None).await.len(), 2, "a full read has no deleted ones");
}

#[tokio::test]
async fn an_empty_table_is_empty_in_both_versions() {
    for version in ["v1", "v2"] {
        let desk = Desk::with(json!({"api_version": version})).await;
        assert_eq!(desk.read_all(json!({"table": "incident"}), None).await, []);
    }
}

#[tokio::test]
async fn an_order_of_ones_own_and_times_in_the_users_zone_are_refused() {
    let desk = Desk::new().await;
    let page = async |source| desk.page(&typed(source), &Value::Null, None).await.unwrap_err();
    let ordered = page(json!({"table": "incident", "query": "active=true^ORDERBYnumber"})).await;
    assert_eq!(ordered.code(), "QUERY_ORDER");
    let shown = page(json!({"table": "incident", "display_value": "shown"})).await;
    assert!(shown.to_string().contains("zone"), "{shown}");
    assert_eq!(desk.instance.stats().violations, Vec::<String>::new());
}
