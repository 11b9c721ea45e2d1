//! What a definition may not say, found when it is saved and where it stands.

use std::collections::BTreeMap;

use ferrule_core::document::{Catalog, ConnectorSchema, load};

/// What is wrong with a connection and an integration that uses it: path and message.
fn problems(profile: &str, source: &str, output: &str) -> BTreeMap<String, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json");
    let schema: ConnectorSchema =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = format!(
        r#"{{"apiVersion": "ferrule/v1", "kind": "Connection", "metadata": {{"name": "api"}}, "connector": "rest",
            "settings": {{"base_url": "https://example.com", "profile": {{{profile}}}}}}}
--- {{"apiVersion": "ferrule/v1", "kind": "Integration", "metadata": {{"name": "x"}},
  "source": {{"connection": "api", "path": "/a"{source}}},
  "output": {{"connection": "api", "path": "/b", "mode": "insert"{output}}}}}"#
    );
    let catalog = Catalog::new().connectors([("rest", schema)]);
    let found = load(&text, &catalog).err().unwrap_or_default();
    found.into_iter().map(|problem| (problem.path, problem.message)).collect()
}

/// Case 30: a header that would end early never gets as far as a call.
#[test]
fn a_header_that_is_none_is_refused_where_it_stands() {
    assert_eq!(problems(r#""headers": {"X-A": "b"}"#, "", ""), BTreeMap::new());
    assert_eq!(problems("", r#", "headers": {"X-A": "caf\u00e9\tb"}"#, ""), BTreeMap::new());
    for value in ["a\\r\\nX-B: c", "a\\nb", "a\\r", "\\u0000", "\\u007f", "a\\u000bb"] {
        let headers = format!(r#""headers": {{"X-A": "{value}"}}"#);
        for (found, place) in [
            (problems(&headers, "", ""), "settings.profile.headers.X-A"),
            (problems("", &format!(", {headers}"), ""), "source.headers.X-A"),
            (problems("", "", &format!(", {headers}")), "output.headers.X-A"),
        ] {
            assert!(found.contains_key(place), "{value}: {found:?}");
        }
    }
    for name in ["X A", "X:A", "X\\r\\nY", "", "\\u00e9"] {
        let found = problems("", &format!(r#", "headers": {{"{name}": "b"}}"#), "");
        assert!(!found.is_empty(), "{name}");
        let found = problems("", "", &format!(r#", "idempotency_header": "{name}""#));
        assert!(found.contains_key("output.idempotency_header"), "{name}: {found:?}");
    }
}

/// Case 32: nobody can ask for an answer that fills the memory.
#[test]
fn an_answer_has_a_size() {
    let found = problems(r#""max_bytes": 4294967295"#, "", "");
    assert!(found.contains_key("settings.profile.max_bytes"), "{found:?}");
}
