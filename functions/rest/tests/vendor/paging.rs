//! Every kind of paging, to its end, and the ways in which it must not go on for ever.

use ferrule_testing::vendor::{Manner, Reply, Request, Vendor};

use super::Hub;

/// Five records on pages of two, as a vendor who pages by any means would hand them out.
async fn vendor() -> Vendor {
    Vendor::start(|request, _| {
        let number = |name| request.param(name).and_then(|text| text.parse::<usize>().ok());
        let from = match request.path.as_str() {
            "/v1/pages" => (number("page").unwrap_or(1) - 1) * 2,
            "/v1/keys" => number("after").unwrap_or(0),
            _ => number("at").unwrap_or(0),
        };
        let items: Vec<String> =
            (from + 1..=5).take(2).map(|n| format!(r#"{{"id":{n}}}"#)).collect();
        let next = from + items.len();
        let (link, cursor) = match next {
            5.. => ("null".to_owned(), "null".to_owned()),
            next => (format!(r#""{}?at={next}""#, request.path), format!("\"{next}\"")),
        };
        let reply = Reply::json(format!(
            r#"{{"items": [{}], "total": 5, "next": {link}, "cursor": {cursor}}}"#,
            items.join(",")
        ));
        match next {
            5.. => reply,
            next => reply.header("link", &format!("<?at={next}>; rel=\"next\"")),
        }
    })
    .await
}

#[tokio::test]
async fn every_kind_reads_all_records_once_in_as_many_calls_as_pages() {
    for (paging, path, calls) in [
        (r#"{"cursor": {"from": ".cursor", "param": "at"}}"#, "/cursors", 3),
        (r#""link_header""#, "/links", 3),
        (r#"{"link_in_body": {"from": ".next"}}"#, "/bodies", 3),
        (r#"{"offset": {"param": "at", "total": ".total"}}"#, "/offsets", 3),
        (r#"{"offset": {"param": "at"}}"#, "/offsets", 4),
        (r#"{"page": {"param": "page"}}"#, "/pages", 4),
        (r#"{"keyset": {"field": ".id", "param": "after"}}"#, "/keys", 4),
    ] {
        let vendor = vendor().await;
        let hub = Hub::new(&vendor, &format!(r#"{{"paging": {paging}}}"#));
        let read = hub.read(&format!(r#"{{"path": "{path}", "records": ".items"}}"#)).await;
        let expected: Vec<String> = (1..=5).map(|n| format!(r#"{{"id":{n}}}"#)).collect();
        assert_eq!(read.unwrap(), expected, "{paging}");
        assert_eq!(vendor.requests().len(), calls, "{paging}");
    }
}

async fn failure(
    reply: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    paging: &str,
) -> String {
    let vendor = Vendor::start(move |request, _| reply(request)).await;
    let hub = Hub::new(&vendor, "{}");
    let source = format!(r#"{{"path": "/p", "records": ".items", "paging": {paging}}}"#);
    let failure = Box::pin(hub.read(&source)).await.unwrap_err();
    assert!(vendor.requests().len() <= 3, "{failure}");
    failure.code().to_owned()
}

#[tokio::test]
async fn a_page_that_leads_to_itself_is_an_error() {
    let body = r#"{"items": [{"id": 1}], "next": "/v1/p", "cursor": "same"}"#;
    let page = move |_: &Request| Reply::json(body).header("link", "</v1/p>; rel=next");
    for paging in [
        r#"{"cursor": {"from": ".cursor", "param": "c"}}"#,
        r#"{"link_in_body": {"from": ".next"}}"#,
        r#""link_header""#,
        r#"{"keyset": {"field": ".id", "param": "after"}}"#,
    ] {
        assert_eq!(failure(page, paging).await, "PAGING_LOOP", "{paging}");
    }
}

#[tokio::test]
async fn a_link_to_another_host_is_refused_and_gets_no_credentials() {
    let elsewhere = Vendor::start(|_, _| Reply::json("{}")).await;
    let to = elsewhere.url("/v1/p?page=2");
    let page = move |_: &Request| Reply::json(format!(r#"{{"items": [], "next": "{to}"}}"#));
    let paging = r#"{"link_in_body": {"from": ".next"}}"#;
    assert_eq!(failure(page, paging).await, "URL_REFUSED");
    let inside = |_: &Request| Reply::json(r#"{"items": [], "next": "http://169.254.169.254/"}"#);
    assert_eq!(failure(inside, paging).await, "URL_REFUSED");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_broken_page_is_asked_for_again_and_never_taken_for_an_empty_one() {
    let broken = [
        Reply::json(r#"{"items": [{"id": 1}, {"id""#),
        Reply::json(r#"{"items": [{"id": 1}, {"id": 2}]}"#).manner(Manner::CutAfter(12)),
        Reply::json(""),
        Reply::ok("text/html", "<!doctype html>Sign in"),
        Reply::json(r#"{"error": "none of your business"}"#),
        Reply::json(r#"{"items": "none"}"#),
        Reply::status(204),
    ];
    for reply in broken {
        let shown = format!("{reply:?}");
        let code = failure(move |_| reply.clone(), r#"{"offset": {"param": "at"}}"#).await;
        assert_eq!(code, "unavailable", "{shown}");
    }
}

#[tokio::test]
async fn an_api_key_in_a_link_does_not_stay_in_the_position() {
    let vendor = Vendor::start(|request, _| match request.param("page") {
        None => Reply::json(r#"{"next": "/v1/p?page=2&key=s3cret", "items": []}"#),
        Some(_) => Reply::json(r#"{"items": []}"#),
    })
    .await;
    let hub = Hub::new(&vendor, r#"{"auth": {"api_key": {"query": "key"}}}"#);
    hub.keep_secret(r#"{"api_key": "s3cret"}"#).await;
    let source =
        r#"{"path": "/p", "records": ".items", "paging": {"link_in_body": {"from": ".next"}}}"#;
    let first = hub.page(source, &super::Value::Null).await.unwrap();
    let next = first.next.unwrap();
    assert_eq!(next.to_string(), r#""/v1/p?page=2""#);
    hub.page(source, &next).await.unwrap();
    assert!(vendor.requests().iter().all(|request| request.param("key") == Some("s3cret")));
    assert!(!first.origin.contains('?'));
}
