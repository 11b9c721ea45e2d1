use http::{HeaderValue, header};
use proptest::prop_assert_eq;

use super::*;
use crate::fuzz::{fuzz, spoilt};

fn value(text: &str) -> Value {
    ferrule_core::json::parse(text.as_bytes()).unwrap()
}

fn paging(text: &str) -> Paging {
    serde_json::from_str(text).unwrap()
}

fn base() -> Url {
    "https://api.example.com/v2/items?q=1".parse().unwrap()
}

/// What comes after a page with this body, whose records are at `.items`.
fn next(paging: &Paging, position: &str, body: &str) -> Result<Option<String>, Failure> {
    let (url, position, body) = (base(), value(position), value(body));
    let records = body.get("items").and_then(Value::as_array).unwrap_or_default().to_vec();
    let headers = HeaderMap::new();
    let came =
        Came { url: &url, position: &position, headers: &headers, body: &body, records: &records };
    Ok(paging.next(&came)?.map(|next| next.to_string()))
}

fn next_by_header(lines: &[&str]) -> Result<Option<Value>, Failure> {
    let lines = lines.iter().map(|line| (header::LINK, HeaderValue::from_str(line).unwrap()));
    let headers = lines.collect::<HeaderMap>();
    let (url, nothing) = (base(), Value::Null);
    Paging::LinkHeader.next(&Came {
        url: &url,
        position: &nothing,
        headers: &headers,
        body: &nothing,
        records: &[],
    })
}

fn asked(paging: &Paging, position: &str) -> String {
    match paging.ask(&base(), &value(position), 100).unwrap() {
        Ask::At(url) => url.to_string(),
        Ask::Params(params) => {
            let shown = params.iter().map(|(name, value)| format!("{name}={value}"));
            shown.collect::<Vec<_>>().join("&")
        }
    }
}

#[test]
fn a_cursor_goes_on_until_it_is_gone_or_there_is_no_more() {
    let cursor = paging(r#"{"cursor": {"from": ".next", "param": "after", "more": ".more"}}"#);
    assert_eq!(asked(&cursor, "null"), "");
    assert_eq!(asked(&cursor, "\"abc\""), "after=\"abc\"");
    assert_eq!(next(&cursor, "null", r#"{"next": "b"}"#).unwrap().as_deref(), Some("\"b\""));
    assert_eq!(
        next(&cursor, "\"a\"", r#"{"next": 12345678901234567890123}"#).unwrap().as_deref(),
        Some("12345678901234567890123")
    );
    for end in [r#"{"next": null}"#, r#"{"next": ""}"#, "{}", r#"{"next": "b", "more": false}"#] {
        assert_eq!(next(&cursor, "\"a\"", end).unwrap(), None, "{end}");
    }
    let same = next(&cursor, "\"a\"", r#"{"next": "a"}"#).unwrap_err();
    assert_eq!(same.code(), "PAGING_LOOP");
}

#[test]
fn an_offset_counts_what_came_and_ends_with_nothing_or_the_total() {
    let offset =
        paging(r#"{"offset": {"param": "skip", "size_param": "limit", "total": ".total"}}"#);
    assert_eq!(asked(&offset, "null"), "skip=0&limit=100");
    assert_eq!(asked(&offset, "40"), "skip=40&limit=100");
    let page = |total: &str| format!(r#"{{"items": [1, 2], "total": {total}}}"#);
    assert_eq!(next(&offset, "40", &page("99")).unwrap().as_deref(), Some("42"));
    assert_eq!(next(&offset, "40", &page("\"43\"")).unwrap().as_deref(), Some("42"));
    assert_eq!(next(&offset, "40", &page("42")).unwrap(), None);
    assert_eq!(next(&offset, "40", &page("null")).unwrap().as_deref(), Some("42"));
    assert_eq!(next(&offset, "40", r#"{"items": []}"#).unwrap(), None);
}

#[test]
fn pages_are_counted_from_the_first() {
    let pages = paging(r#"{"page": {"param": "page", "pages": ".pages"}}"#);
    assert_eq!(asked(&pages, "null"), "page=1");
    assert_eq!(next(&pages, "null", r#"{"items": [1]}"#).unwrap().as_deref(), Some("2"));
    assert_eq!(next(&pages, "2", r#"{"items": [1], "pages": 2}"#).unwrap(), None);
    assert_eq!(next(&pages, "2", r#"{"items": []}"#).unwrap(), None);
    let from_zero = paging(r#"{"page": {"param": "p", "first": 0, "pages": ".pages"}}"#);
    assert_eq!(asked(&from_zero, "null"), "p=0");
    assert_eq!(
        next(&from_zero, "0", r#"{"items": [1], "pages": 2}"#).unwrap().as_deref(),
        Some("1")
    );
    assert_eq!(next(&from_zero, "1", r#"{"items": [1], "pages": 2}"#).unwrap(), None);
}

#[test]
fn a_keyset_goes_on_behind_the_last_record() {
    let keyset = paging(r#"{"keyset": {"field": ".id", "param": "after_id"}}"#);
    let page = r#"{"items": [{"id": 3}, {"id": 9}]}"#;
    assert_eq!(next(&keyset, "null", page).unwrap().as_deref(), Some("9"));
    assert_eq!(next(&keyset, "9", r#"{"items": []}"#).unwrap(), None);
    assert_eq!(next(&keyset, "9", page).unwrap_err().code(), "PAGING_LOOP");
    assert_eq!(next(&keyset, "9", r#"{"items": [{}]}"#).unwrap_err().code(), "PAGING");
}

#[test]
fn a_link_in_the_body_stays_on_the_host() {
    let link = paging(r#"{"link_in_body": {"from": ".links.next"}}"#);
    let body = |link: &str| format!(r#"{{"links": {{"next": "{link}"}}}}"#);
    for (to, position) in [
        ("https://api.example.com/v2/items?page=2", "\"/v2/items?page=2\""),
        ("/v2/items?page=2#top", "\"/v2/items?page=2\""),
        ("?page=2", "\"/v2/items?page=2\""),
    ] {
        assert_eq!(next(&link, "null", &body(to)).unwrap().as_deref(), Some(position), "{to}");
    }
    assert_eq!(asked(&link, "\"/v2/items?page=2\""), "https://api.example.com/v2/items?page=2");
    for elsewhere in [
        "https://evil.example.com/v2/items",
        "http://api.example.com/v2/items?page=2",
        "https://api.example.com:8443/v2/items",
        "//evil.example.com/",
        "https://user@api.example.com/",
        "http://169.254.169.254/",
        "file:///etc/passwd",
    ] {
        assert_eq!(next(&link, "null", &body(elsewhere)).unwrap_err().code(), "URL_REFUSED");
        let asked = link.ask(&base(), &Value::from(elsewhere), 100);
        assert_eq!(asked.unwrap_err().code(), "URL_REFUSED", "{elsewhere}");
    }
    assert_eq!(next(&link, "null", r#"{"links": {}}"#).unwrap(), None);
    let itself = next(&link, "null", &body("/v2/items?q=1")).unwrap_err();
    assert_eq!(itself.code(), "PAGING_LOOP");
}

#[test]
fn reads_link_headers_as_the_standard_allows_them() {
    let second = Some(Value::from("/v2/items?page=2"));
    for lines in [
        &["<https://api.example.com/v2/items?page=2>; rel=\"next\""][..],
        &["</v2/items?page=1>; rel=prev, </v2/items?page=2>; rel=next"],
        &["</v2/items?page=1>; rel=\"prev\"", "</v2/items?page=2>; rel=\"last next\""],
        &["<?page=2>;REL=NEXT;title=\"a, <b>; rel=prev\""],
        &["</x>; title=\"say \\\"rel=next\\\", <y>\"; rel=prev, <?page=2> ; rel = \"next\""],
        &["</first,with,commas>; rel=first,<?page=2>;rel=next"],
    ] {
        assert_eq!(next_by_header(lines).unwrap(), second, "{lines:?}");
    }
    for lines in
        [&["</a>; rel=prev"][..], &["<a"], &["rel=next"], &[""], &["</a>; rel=prev; rel=next"]]
    {
        assert_eq!(next_by_header(lines).unwrap(), None, "{lines:?}");
    }
}

/// Found by made-up input: without its host, such an address named another one.
#[test]
fn two_slashes_in_a_link_stay_a_path() {
    for target in ["https://api.example.com//other.example/x?page=2", "/.//other.example/x?page=2"]
    {
        let position = next_by_header(&[&format!("<{target}>; rel=next")]).unwrap().unwrap();
        let asked = asked(&Paging::LinkHeader, &position.to_string());
        assert_eq!(asked, "https://api.example.com//other.example/x?page=2");
    }
}

#[test]
fn numbers_of_pages_that_no_source_has_are_no_end() {
    let numbered = paging(r#"{"page": {"param": "page", "first": 1, "pages": ".pages"}}"#);
    let body = r#"{"pages": 9223372036854775807, "items": [1]}"#;
    assert_eq!(next(&numbered, "1", body).unwrap().as_deref(), Some("2"));
}

#[test]
fn no_link_header_makes_it_panic() {
    let good = [
        "<https://api.example.com/v2/items?page=2>; rel=\"next\"",
        "</x>; title=\"say \\\"rel=next\\\", <y>\"; rel=prev, <?page=2> ; rel = \"next\"",
    ];
    let good = good.map(|text| text.as_bytes().to_vec()).to_vec();
    let pieces = "<¦>¦;¦,¦=¦\"¦\\¦ ¦rel¦next¦prev¦http://169.254.169.254/¦//¦?page=3¦\t¦é";
    fuzz("Link", spoilt(good, pieces), |line| {
        let Ok(line) = String::from_utf8(line) else { return Ok(()) };
        if HeaderValue::from_str(&line).is_err() {
            return Ok(());
        }
        if let Ok(Some(position)) = next_by_header(&[&line]) {
            let asked = Paging::LinkHeader.ask(&base(), &position, 100).unwrap();
            let Ask::At(url) = asked else { panic!("{asked:?}") };
            prop_assert_eq!(url.host_str(), Some("api.example.com"), "{}", line);
        }
        Ok(())
    });
}

#[test]
fn the_first_link_to_the_next_page_is_found_among_any_others() {
    let target = "[a-z,;=\"]{1,8}";
    let rel =
        proptest::sample::select(vec!["prev", "next", "\"last next\"", "first", "NEXT", "nextish"]);
    let links = proptest::collection::vec((target, rel, "[a-z ,;<>]{0,6}"), 1..5);
    fuzz("Links", links, |links| {
        let line: Vec<_> = links
            .iter()
            .map(|(target, rel, title)| format!("</{target}>; title=\"{title}\"; rel={rel}"))
            .collect();
        let wanted = links.iter().find(|(_, rel, _)| {
            rel.trim_matches('"').split(' ').any(|word| word.eq_ignore_ascii_case("next"))
        });
        let url = wanted.map(|(target, ..)| base().join(&format!("/{target}")).unwrap());
        let found = next_by_header(&[&line.join(", ")]).unwrap();
        prop_assert_eq!(found.as_ref().and_then(Value::as_str), url.as_ref().map(Url::path));
        Ok(())
    });
}
