//! What is written, and what becomes of each record.

use std::{collections::HashSet, sync::Mutex, time::Duration};

use ferrule_connector::Disposition;
use ferrule_core::definition::Mode;
use ferrule_testing::vendor::{Manner, Reply, Request, Vendor};

use super::{Hub, records};

fn last(vendor: &Vendor) -> Request {
    vendor.requests().pop().unwrap()
}

#[tokio::test]
async fn each_mode_has_its_method() {
    let vendor = Vendor::start(|_, _| Reply::json("{}")).await;
    let hub = Hub::new(&vendor, "{}");
    let keyed = r#"{"path": "/items/{key}"}"#;
    for (target, mode, method, path, became) in [
        (keyed, Mode::Upsert, "PUT", "/v1/items/a%2F1", "Updated"),
        (keyed, Mode::Update, "PATCH", "/v1/items/a%2F1", "Updated"),
        (keyed, Mode::Delete, "DELETE", "/v1/items/a%2F1", "Deleted"),
        (r#"{"path": "/items"}"#, Mode::Insert, "POST", "/v1/items", "Created"),
        (
            r#"{"path": "/upserts", "method": "post"}"#,
            Mode::Upsert,
            "POST",
            "/v1/upserts",
            "Updated",
        ),
    ] {
        assert_eq!(hub.write(target, mode, &["a/1"]).await.unwrap(), [became]);
        let asked = last(&vendor);
        assert_eq!((asked.method.as_str(), asked.path.as_str()), (method, path));
        let body = if mode == Mode::Delete { "" } else { r#"{"id":"a/1","n":1.10}"# };
        assert_eq!(asked.text(), body);
    }
}

#[tokio::test]
async fn a_target_that_would_double_records_is_refused() {
    let vendor = Vendor::start(|_, _| Reply::json("{}")).await;
    let hub = Hub::new(&vendor, "{}");
    for (target, mode) in [
        (r#"{"path": "/items"}"#, Mode::Upsert),
        (r#"{"path": "/items"}"#, Mode::Update),
        (r#"{"path": "/items"}"#, Mode::Delete),
        (r#"{"path": "/items", "batch": 10}"#, Mode::Delete),
        (r#"{"path": "/items/{key}", "batch": 10}"#, Mode::Upsert),
    ] {
        let failure = hub.write(target, mode, &["a"]).await.unwrap_err();
        assert_eq!(failure.code(), "SETTINGS", "{target} {mode:?}");
    }
    assert!(vendor.requests().is_empty());
}

#[tokio::test]
async fn a_refused_record_stands_alone_and_its_neighbours_are_written() {
    let vendor = Vendor::start(|request, _| match request.path.as_str() {
        "/v1/items/bad" => Reply::json(r#"{"message": "no such state"}"#).with_status(422),
        "/v1/items/new" => Reply::status(201),
        _ => Reply::status(204),
    })
    .await;
    let hub = Hub::new(&vendor, "{}");
    let became =
        hub.write(r#"{"path": "/items/{key}"}"#, Mode::Upsert, &["new", "bad", "..", "old"]).await;
    assert_eq!(
        became.unwrap(),
        [
            "Created",
            "REJECTED 422 Unprocessable Entity: no such state",
            "KEY \"..\" cannot stand in a path",
            "Updated"
        ]
    );
}

#[tokio::test]
async fn a_target_that_refuses_everything_stops_the_batch() {
    for status in [301, 403, 405, 410] {
        let vendor = Vendor::start(move |_, _| Reply::status(status)).await;
        let hub = Hub::new(&vendor, "{}");
        let outcome = hub.write(r#"{"path": "/items/{key}"}"#, Mode::Upsert, &["a", "b"]).await;
        assert_eq!(outcome.unwrap_err().code(), "rejected", "{status}");
        assert_eq!(vendor.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_rule_parks_or_ignores_a_record_alone() {
    let vendor = Vendor::start(|request, _| match request.path.as_str() {
        "/v1/items/a" => Reply::status(409),
        "/v1/items/b" => Reply::status(422),
        _ => Reply::status(200),
    })
    .await;
    let mut hub = Hub::new(&vendor, "{}");
    hub.rules = serde_json::from_str(
        r#"[{"status": [409], "do": "ignore"}, {"status": [422], "do": "park"}]"#,
    )
    .unwrap();
    let became = hub.write(r#"{"path": "/items/{key}"}"#, Mode::Upsert, &["a", "b", "c"]).await;
    assert_eq!(became.unwrap(), ["Unchanged", "REJECTED 422 Unprocessable Entity", "Updated"]);
}

#[tokio::test]
async fn a_call_that_fails_keeps_nobody_back_and_what_is_done_stays_done() {
    let vendor = Vendor::start(|_, number| match number {
        2 => Reply::json("{}").manner(Manner::CutAfter(1)),
        _ => Reply::json("{}"),
    })
    .await;
    let hub = Hub::new(&vendor, "{}");
    let records = records(&["a", "b", "c", "d"]);
    let mut done = vec![None; 4];
    let target = r#"{"path": "/items/{key}"}"#;
    let failure = hub.load(target, Mode::Upsert, &records, &mut done).await.unwrap_err();
    assert_eq!(failure.code(), "unavailable");
    assert_eq!(done.iter().flatten().count(), 3, "the one behind it went on");
    hub.load(target, Mode::Upsert, &records, &mut done).await.unwrap();
    assert_eq!(vendor.requests().len(), 5);
    assert!(done.iter().all(|one| *one == Some(Disposition::Updated)));
}

#[tokio::test]
async fn a_target_that_is_down_is_not_asked_for_every_record() {
    let vendor = Vendor::start(|_, _| Reply::status(503)).await;
    let hub = Hub::new(&vendor, "{}");
    let keys = ["a", "b", "c", "d", "e", "f"];
    let outcome = hub.write(r#"{"path": "/items/{key}"}"#, Mode::Upsert, &keys).await;
    assert_eq!(outcome.unwrap_err().code(), "unavailable");
    assert_eq!(vendor.requests().len(), 3);
}

#[tokio::test]
async fn with_little_time_left_no_further_call_is_started() {
    let vendor = Vendor::start(|_, _| Reply::json("{}")).await;
    let mut hub = Hub::new(&vendor, "{}");
    hub.time_left = Duration::from_secs(2);
    let outcome = hub.write(r#"{"path": "/items/{key}"}"#, Mode::Upsert, &["a"]).await;
    assert_eq!(outcome.unwrap_err().code(), "deferred");
    assert!(vendor.requests().is_empty());
}

/// A vendor who finds records by an external id and gives them ids of his own.
async fn with_lookup() -> Vendor {
    let there = Mutex::new(HashSet::from(["old".to_owned()]));
    Vendor::start(move |request, _| {
        let mut there = there.lock().unwrap();
        let key = request.param("external").unwrap_or("");
        match (request.method.as_str(), there.contains(key)) {
            ("GET", true) => Reply::json(format!(r#"{{"hits": [{{"id": "id {key}"}}]}}"#)),
            ("GET", false) => Reply::json(r#"{"hits": []}"#),
            ("POST", _) => {
                let new = super::json(&request.text());
                there.insert(new.get("id").unwrap().as_str().unwrap().to_owned());
                Reply::status(201)
            }
            _ => Reply::status(200),
        }
    })
    .await
}

const LOOKUP: &str = r#"{"path": "/items", "lookup": {
    "path": "/items?external={key}", "id": ".hits[0].id", "update": "/items/{id}"}}"#;

#[tokio::test]
async fn looks_before_it_writes_so_that_a_repeat_doubles_nothing() {
    let vendor = with_lookup().await;
    let hub = Hub::new(&vendor, "{}");
    assert_eq!(
        hub.write(LOOKUP, Mode::Upsert, &["old", "new"]).await.unwrap(),
        ["Updated", "Created"]
    );
    assert_eq!(hub.write(LOOKUP, Mode::Upsert, &["new"]).await.unwrap(), ["Updated"]);
    assert_eq!(last(&vendor).path, "/v1/items/id%20new");
    assert_eq!(hub.write(LOOKUP, Mode::Insert, &["new"]).await.unwrap(), ["Unchanged"]);
    let posts = vendor.requests().iter().filter(|request| request.method == "POST").count();
    assert_eq!(posts, 1);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_updated_and_is_deleted_already() {
    let vendor = with_lookup().await;
    let hub = Hub::new(&vendor, "{}");
    let updated = hub.write(LOOKUP, Mode::Update, &["none"]).await.unwrap();
    assert_eq!(updated, ["NOT_FOUND the target has no such record"]);
    assert_eq!(
        hub.write(LOOKUP, Mode::Delete, &["none", "old"]).await.unwrap(),
        ["Deleted", "Deleted"]
    );
    assert_eq!(
        (last(&vendor).method.as_str(), last(&vendor).path.as_str()),
        ("DELETE", "/v1/items/id%20old")
    );
    let gone = Vendor::start(|_, _| Reply::status(404)).await;
    let hub = Hub::new(&gone, "{}");
    let keyed = r#"{"path": "/items/{key}"}"#;
    assert_eq!(hub.write(keyed, Mode::Delete, &["x"]).await.unwrap(), ["Deleted"]);
    assert!(hub.write(keyed, Mode::Update, &["x"]).await.unwrap()[0].starts_with("NOT_FOUND"));
}

#[tokio::test]
async fn a_list_with_bad_records_is_cut_until_they_stand_alone() {
    let vendor = Vendor::start(|request, _| {
        Reply::status(if request.text().contains("bad") { 400 } else { 200 })
    })
    .await;
    let hub = Hub::new(&vendor, "{}");
    let target = r#"{"path": "/bulk", "method": "post", "batch": 4, "wrap": "items",
        "idempotency_header": "Idempotency-Key"}"#;
    let keys = ["a", "b", "bad1", "c", "d", "e", "f", "g", "bad2"];
    let became = hub.write(target, Mode::Upsert, &keys).await.unwrap();
    for (key, became) in keys.iter().zip(&became) {
        assert_eq!(became.starts_with("REJECTED"), key.starts_with("bad"), "{key}: {became}");
    }
    let requests = vendor.requests();
    assert!(requests.iter().all(|r| r.text().starts_with(r#"{"items":[{"#)));
    let names: HashSet<_> =
        requests.iter().map(|r| r.header("idempotency-key").unwrap().to_owned()).collect();
    assert_eq!(names.len(), requests.len(), "another list has another key");
}

#[tokio::test]
async fn a_repeat_has_the_same_idempotency_keys() {
    let vendor = Vendor::start(|_, _| Reply::status(201)).await;
    let hub = Hub::new(&vendor, "{}");
    let target = r#"{"path": "/items", "idempotency_header": "Idempotency-Key"}"#;
    for _ in 0..2 {
        hub.write(target, Mode::Insert, &["a", "b"]).await.unwrap();
    }
    let keys: Vec<String> = vendor
        .requests()
        .iter()
        .map(|request| request.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert!(keys[0].starts_with("run-7-") && keys[0] != keys[1], "{keys:?}");
    assert_eq!(keys[..2], keys[2..]);
}

#[tokio::test]
async fn writes_xml_where_the_vendor_wants_it() {
    let vendor = Vendor::start(|_, _| Reply::status(201)).await;
    let hub = Hub::new(&vendor, "{}");
    let target = r#"{"path": "/items/{key}", "format": "xml", "wrap": "item"}"#;
    let mut records = records(&["a&b", "c"]);
    records[1].value = super::json(r#"{"not a name": 1}"#);
    let mut done = vec![None; 2];
    hub.load(target, Mode::Upsert, &records, &mut done).await.unwrap();
    assert!(matches!(&done[1], Some(Disposition::Refused { code, .. }) if code == "XML"));
    let sent = last(&vendor);
    assert_eq!(sent.header("content-type"), Some("application/xml"));
    assert!(sent.text().ends_with("<item><id>a&amp;b</id><n>1.10</n></item>"), "{}", sent.text());
}

#[tokio::test]
async fn what_was_sent_and_never_answered_may_be_there_twice_where_no_key_tells() {
    let vendor = Vendor::start(|_, number| match number {
        0 => Reply::json("{}").manner(Manner::CutAfter(1)),
        _ => Reply::json("{}"),
    })
    .await;
    let hub = Hub::new(&vendor, "{}");
    let records = records(&["a", "b", "c"]);
    let mut done = vec![None; 3];
    let deaf = r#"{"path": "/items", "batch": 2}"#;
    hub.load(deaf, Mode::Insert, &records, &mut done).await.unwrap_err();
    assert_eq!(done, [Some(Disposition::Unsure), Some(Disposition::Unsure), None]);
}

#[tokio::test]
async fn nothing_is_unsure_where_keys_are_honoured_or_nobody_listens() {
    let vendor = Vendor::start(|_, _| Reply::json("{}").manner(Manner::CutAfter(1))).await;
    let mut hub = Hub::new(&vendor, "{}");
    let keyed = r#"{"path": "/items", "batch": 2, "idempotency_header": "Idempotency-Key"}"#;
    let mut done = vec![None; 2];
    hub.load(keyed, Mode::Insert, &records(&["a", "b"]), &mut done).await.unwrap_err();
    assert_eq!(done, [None, None]);
    drop(vendor);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    hub.settings.base_url = format!("http://{address}");
    let deaf = r#"{"path": "/items", "batch": 2}"#;
    hub.load(deaf, Mode::Insert, &records(&["a", "b"]), &mut done).await.unwrap_err();
    assert_eq!(done, [None, None]);
}

#[tokio::test]
async fn how_far_a_record_has_come_is_in_a_header_whatever_the_definition_says() {
    let vendor = Vendor::start(|_, _| Reply::json("{}")).await;
    let hub = Hub::new(&vendor, "{}");
    let mut records = records(&["a", "b"]);
    records[1].hops = ferrule_core::Hops::new(7);
    for (target, wanted) in [
        (r#"{"path": "/items", "headers": {"Ferrule-Hops": "0"}}"#, vec![Some("0"), Some("7")]),
        (r#"{"path": "/items", "batch": 10}"#, vec![Some("7")]),
    ] {
        let before = vendor.requests().len();
        hub.load(target, Mode::Insert, &records, &mut [None, None]).await.unwrap();
        let seen = vendor.requests().split_off(before);
        let hops: Vec<_> = seen.iter().map(|request| request.header("ferrule-hops")).collect();
        assert_eq!(hops, wanted, "{target}");
    }
}
