//! What is asked for, and how answers become records.

use ferrule_connector::Mark;
use ferrule_testing::vendor::{Reply, Vendor};

use super::{Failure, Hub, Value};

#[tokio::test]
async fn asks_with_what_settings_and_source_say() {
    let vendor = Vendor::start(|_, _| Reply::json("[]")).await;
    let mut hub = Hub::new(&vendor, r#"{"headers": {"X-Version": "2"}}"#);
    hub.since = Some(Mark::Time(1_700_000_000_500_000));
    for (since, expected) in [
        (r#"{"param": "since"}"#, "2023-11-14T22:13:20.5Z"),
        (r#"{"param": "since", "format": "unix"}"#, "1700000000"),
        (r#"{"param": "since", "format": "unix_ms"}"#, "1700000000500"),
        (r#"{"param": "since", "format": "%Y-%m-%d %H:%M"}"#, "2023-11-14 22:13"),
        (r#"{"param": "since", "format": "unix", "template": "at>={since}"}"#, "at>=1700000000"),
    ] {
        let source = format!(
            r#"{{"path": "/items", "query": {{"a": "1&2"}}, "headers": {{"X-More": "y"}},
                 "since": {since}}}"#
        );
        hub.read(&source).await.unwrap();
        let asked = vendor.requests().pop().unwrap();
        assert_eq!(asked.param("since"), Some(expected));
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/v1/items"));
        assert_eq!(asked.param("a"), Some("1&2"));
        assert_eq!((asked.header("x-version"), asked.header("x-more")), (Some("2"), Some("y")));
        assert_eq!(asked.header("accept"), Some("application/json"));
    }
    hub.since = None;
    hub.read(r#"{"path": "/items", "since": {"param": "since"}}"#).await.unwrap();
    assert_eq!(vendor.requests().pop().unwrap().param("since"), None);
}

#[tokio::test]
async fn a_search_takes_its_parameters_in_the_body() {
    let vendor = Vendor::start(|_, _| Reply::json(r#"{"hits": [{"n": 1.10}]}"#)).await;
    let hub = Hub::new(&vendor, "{}");
    let source = r#"{"path": "/search", "method": "post", "records": ".hits",
        "body": {"filter": {"big": 12345678901234567890123}},
        "paging": {"offset": {"param": "skip", "size_param": "take"}}}"#;
    let page = hub.page(source, &Value::from(4)).await.unwrap();
    assert_eq!(page.records[0].value.to_string(), r#"{"n":1.10}"#);
    let asked = &vendor.requests()[0];
    let body = r#"{"filter":{"big":12345678901234567890123},"skip":4,"take":2}"#;
    assert_eq!((asked.method.as_str(), asked.text().as_str()), ("POST", body));
}

#[tokio::test]
async fn reads_xml_and_json_lines_too() {
    let vendor = Vendor::start(|request, _| match request.path.as_str() {
        "/v1/xml" => Reply::ok(
            "application/xml",
            "<list><item id='1'><name>ä</name></item><item id='2'/></list>",
        ),
        "/v1/bomb" => Reply::ok("text/xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"),
        _ => Reply::ok("application/x-ndjson", "{\"n\": 1}\r\n\n{\"n\": 2}\n"),
    })
    .await;
    let hub = Hub::new(&vendor, "{}");
    let xml = r#"{"path": "/xml", "format": "xml", "records": ".list.item"}"#;
    assert_eq!(hub.read(xml).await.unwrap(), [r#"{"@id":"1","name":"ä"}"#, r#"{"@id":"2"}"#]);
    let lines = r#"{"path": "/lines", "format": "json_lines"}"#;
    assert_eq!(hub.read(lines).await.unwrap(), [r#"{"n":1}"#, r#"{"n":2}"#]);
    let bomb = hub.read(r#"{"path": "/bomb", "format": "xml"}"#).await.unwrap_err();
    assert!(bomb.to_string().contains("DOCTYPE"), "{bomb}");
}

#[tokio::test]
async fn an_unchanged_page_gives_its_records_and_not_none() {
    let vendor = Vendor::start(|request, _| match request.header("if-none-match") {
        Some("\"v1\"") => Reply::status(304),
        _ => Reply::json(r#"[{"id": 1}]"#).header("etag", "\"v1\""),
    })
    .await;
    let hub = Hub::new(&vendor, "{}");
    let source = r#"{"path": "/items", "conditional": true}"#;
    for _ in 0..3 {
        assert_eq!(hub.read(source).await.unwrap(), [r#"{"id":1}"#]);
    }
    let conditional = |r: &&ferrule_testing::vendor::Request| r.header("if-none-match").is_some();
    assert_eq!(vendor.requests().iter().filter(conditional).count(), 2);
    let asked_plainly = r#"{"path": "/items"}"#;
    hub.read(asked_plainly).await.unwrap();
    assert!(vendor.requests().pop().unwrap().header("if-none-match").is_none());
}

#[tokio::test]
async fn what_records_name_is_looked_up_once() {
    let vendor = Vendor::start(|request, _| match request.path.as_str() {
        "/v1/items" => Reply::json(
            r#"[{"by": "u/1"}, {"by": "u/1"}, {"by": "gone"}, {"by": null}, {"by": "u/1"}]"#,
        ),
        "/v1/users/u%2F1" => Reply::json(r#"{"name": "Ada"}"#),
        _ => Reply::status(404),
    })
    .await;
    let hub = Hub::new(&vendor, "{}");
    let source = r#"{"path": "/items",
        "lookups": [{"path": "/users/{.by}", "into": "name", "take": ".name"}]}"#;
    for _ in 0..2 {
        let read = hub.read(source).await.unwrap();
        let names: Vec<bool> = read.iter().map(|record| record.contains("Ada")).collect();
        assert_eq!(names, [true, true, false, false, true]);
        assert!(read[2].contains(r#""name":null"#));
    }
    assert_eq!((vendor.count("/v1/users/u%2F1"), vendor.count("/v1/users/gone")), (1, 1));
}

#[tokio::test]
async fn a_record_says_where_it_was_read() {
    let vendor = Vendor::start(|_, _| Reply::json(r#"[{"a": 1}, {"a": 2}]"#)).await;
    let hub = Hub::new(&vendor, "{}");
    let page = hub.page(r#"{"path": "/items?token=x"}"#, &Value::Null).await.unwrap();
    assert_eq!(page.origin, vendor.url("/v1/items"));
    assert_eq!(page.records.iter().map(|record| record.line).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn a_profile_says_what_this_vendors_answers_mean() {
    let vendor =
        Vendor::start(|_, _| Reply::json(r#"{"ok": false, "error": "ratelimited"}"#)).await;
    let rules = r#"{"errors": [
        {"status": [200], "when": ".ok == false and .error == \"ratelimited\"", "do": "rate_limited"}]}"#;
    let failure = Hub::new(&vendor, rules).read(r#"{"path": "/items"}"#).await.unwrap_err();
    assert_eq!(failure.code(), "throttled");
}

#[tokio::test]
async fn a_vendor_may_say_in_its_own_headers_when_calls_are_taken_again() {
    let profile = r#"{"rate_headers": {"remaining": "X-Left", "reset": "X-Again", "reset_is": "text",
        "retry_after": "X-Backoff"}}"#;
    for (status, header, text, wait_ms) in [
        (429, "x-again", "2023-11-14T22:14:00Z", 40_000),
        (429, "x-backoff", "1.5", 1_500),
        (403, "x-backoff", "9", 9_000),
    ] {
        let vendor = Vendor::start(move |_, _| Reply::status(status).header(header, text)).await;
        let hub = Hub::new(&vendor, profile);
        match hub.read(r#"{"path": "/items"}"#).await.unwrap_err() {
            Failure::Throttled { retry_after: Some(wait), .. } => {
                assert_eq!(wait.as_millis(), wait_ms, "{header}");
            }
            other => panic!("{header}: {other}"),
        }
    }
}

#[tokio::test]
async fn a_name_that_no_header_can_have_is_refused_before_a_call() {
    let vendor = Vendor::start(|_, _| Reply::json("[]")).await;
    let hub = Hub::new(&vendor, r#"{"rate_headers": {"reset": "X Again"}}"#);
    let failure = hub.read(r#"{"path": "/items"}"#).await.unwrap_err();
    assert!(failure.to_string().contains("X Again"), "{failure}");
    assert!(vendor.requests().is_empty());
}
