use proptest::prelude::*;

use super::*;
use crate::json;

fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

fn said(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

const PORT: &str = r#"{"type": "object", "properties": {"port": {"type": "integer"}},
    "required": ["port"], "additionalProperties": false}"#;

#[test]
fn says_where_a_value_does_not_fit() {
    let fit = Fit::new(&value(PORT)).unwrap();
    assert!(fit.problems(&value(r#"{"port": 5432}"#), "value").is_empty());
    let found = said(&fit.problems(&value(r#"{"port": "s3cret", "prt": 1}"#), "value"));
    assert!(found.contains("value.port: ") && found.contains("did you mean port?"), "{found}");
    assert!(!found.contains("s3cret"), "{found}");
}

#[test]
fn says_nothing_of_a_secret() {
    let fit = Fit::new(&value(PORT)).unwrap();
    let found = fit.hidden_problems(&value(r#"{"port": "s3cret", "s3cret": 1}"#), "value");
    assert_eq!(found.len(), 2);
    assert!(!said(&found).contains("s3cret"), "{found:?}");
    assert!(said(&found).contains("/properties/port/type"), "{found:?}");
}

#[test]
fn refuses_what_is_no_schema_and_what_it_would_have_to_fetch() {
    for wrong in [
        "true",
        r#"{"type": "strng"}"#,
        r#"{"pattern": "("}"#,
        r#"{"$ref": "http://127.0.0.1:1/schema.json"}"#,
        r#"{"$ref": "file:///etc/passwd"}"#,
        r##"{"$ref": "#/$defs/absent"}"##,
    ] {
        let error = Fit::new(&value(wrong)).unwrap_err();
        assert!(!error.contains('\n') && !error.contains("schema.invalid"), "{error}");
    }
}

#[test]
fn says_of_every_rule_what_it_wants_and_nothing_of_the_value() {
    for (schema, wrong, says) in [
        (r#"{"type": ["string", "null"]}"#, "424242", "this is none of the types 'null', 'string'"),
        (r#"{"enum": ["a", 2]}"#, "424242", "this is not one of 'a', 2"),
        (r#"{"const": "a"}"#, "424242", "this is not 'a'"),
        (r#"{"minimum": 424243}"#, "424242", "this is less than 424243"),
        (r#"{"exclusiveMaximum": 424241}"#, "424242", "this is not less than 424241"),
        (r#"{"multipleOf": 4}"#, "424242", "this is no multiple of 4"),
        (r#"{"maxLength": 3}"#, "\"s3cret\"", "this is longer than 3 characters"),
        (r#"{"pattern": "^x"}"#, "\"s3cret\"", "this does not match ^x"),
        (r#"{"maxItems": 1}"#, "[1, 2]", "this has more than 1 elements"),
        (r#"{"uniqueItems": true}"#, "[7, 7]", "elements 0 and 1 of this are the same"),
        (r#"{"dependentRequired": {"a": ["b"]}}"#, r#"{"a": 1}"#, "the key a needs the key b"),
        (
            r#"{"anyOf": [{"type": "null"}, false]}"#,
            "1",
            "this fits none of the forms that it may have",
        ),
        (r#"{"not": {"type": "integer"}}"#, "1", "this has a form that it may not have"),
        (r#"{"properties": {"a": false}}"#, r#"{"a": 1}"#, "value.a: this may not be here"),
        (
            r#"{"propertyNames": {"maxLength": 1}}"#,
            r#"{"abc": 1}"#,
            "this is longer than 1 characters",
        ),
        (
            r#"{"properties": {"a": true}, "unevaluatedProperties": false}"#,
            r#"{"b": 1}"#,
            "there is no key \"b\" here; there is a",
        ),
    ] {
        let found = said(&Fit::new(&value(schema)).unwrap().problems(&value(wrong), "value"));
        assert!(found.contains(says), "{schema}\n  wanted {says}\n  found  {found}");
        assert!(!found.contains("s3cret") && !found.contains("424242"), "{found}");
    }
}

#[test]
fn however_much_is_wrong_it_says_no_more_than_somebody_reads() {
    let keys = |name: &str| {
        let keys = (0..2000).map(|n| format!(r#""{name}{n}":{{}}"#));
        keys.collect::<Vec<_>>().join(",")
    };
    let schema =
        format!(r#"{{"properties": {{{}}}, "additionalProperties": false}}"#, keys("known"));
    let wrong = format!("{{{}}}", keys("wrong"));
    let found = Fit::new(&value(&schema)).unwrap().problems(&value(&wrong), "value");
    assert_eq!(found.len(), MOST_PROBLEMS);
    assert!(said(&found).contains("and 1980 more"), "{}", found[0]);
    assert!(said(&found).len() < 50_000);
}

#[test]
fn comes_to_an_end_whatever_the_schema_says() {
    for (schema, text) in [
        (r##"{"$ref": "#"}"##, "1".to_owned()),
        (r##"{"anyOf": [{"$ref": "#"}, {"type": "null"}]}"##, "1".to_owned()),
        (r#"{"pattern": "^(a+)+$"}"#, format!("\"{}b\"", "a".repeat(10_000))),
    ] {
        if let Ok(fit) = Fit::new(&value(schema)) {
            fit.problems(&value(&text), "value");
        }
    }
}

/// Thirty parts that each need the next one twice are a thousand million comparisons.
fn doubling(levels: usize, of: &str) -> String {
    let part = |n: usize| {
        let next = format!("#/$defs/p{}", n + 1);
        format!(r#""p{n}": {}"#, of.replace("NEXT", &format!(r#"{{"$ref": "{next}"}}"#)))
    };
    let parts: Vec<String> = (0..levels).map(part).collect();
    let last = format!(r#""p{levels}": {{"type": "string"}}"#);
    format!(r##"{{"$ref": "#/$defs/p0", "$defs": {{{}, {last}}}}}"##, parts.join(","))
}

#[test]
fn a_schema_whose_parts_refer_to_each_other_again_and_again_is_refused() {
    let chain = doubling(1_400, "NEXT");
    for hostile in [
        doubling(30, r#"{"allOf": [NEXT, NEXT]}"#),
        doubling(30, r#"{"anyOf": [NEXT, NEXT]}"#),
        doubling(30, r#"{"not": NEXT, "if": NEXT, "then": NEXT}"#),
        doubling(30, r#"{"dependentSchemas": {"a": NEXT, "b": NEXT}}"#),
        format!(r#"{{"properties": {{"a": {}}}}}"#, doubling(30, r#"{"allOf": [NEXT, NEXT]}"#))
            .replace("#/$defs", "#/properties/a/$defs"),
        r##"{"anyOf": [{"$ref": "#"}, {"type": "null"}]}"##.to_owned(),
        chain,
    ] {
        let error = Fit::new(&value(&hostile)).unwrap_err();
        assert!(error.contains("refer to each other so often"), "{error}");
    }
    let standard = r#"{"$ref": "https://json-schema.org/draft/2020-12/schema"}"#;
    let error = Fit::new(&value(standard)).unwrap_err();
    assert!(error.contains("none of its own parts"), "{error}");
}

#[test]
fn a_value_that_leads_through_a_schema_again_and_again_is_refused() {
    for (schema, deep) in [
        (r##"{"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}"##, r#"{"a":"#),
        (r##"{"items": {"oneOf": [{"$ref": "#"}, {"$ref": "#"}]}}"##, "["),
        (
            r##"{"$dynamicAnchor": "n", "additionalProperties":
                {"allOf": [{"$dynamicRef": "#n"}, {"$dynamicRef": "#n"}]}}"##,
            r#"{"a":"#,
        ),
    ] {
        let fit = Fit::new(&value(schema)).unwrap();
        let nested = |depth: usize| {
            let end = if deep == "[" { "]" } else { "}" };
            value(&format!("{}1{}", deep.repeat(depth), end.repeat(depth)))
        };
        fit.problems(&nested(8), "value");
        let found = said(&fit.problems(&nested(60), "value"));
        assert!(found.contains("refer to each other so often"), "{schema}: {found}");
        assert_eq!(fit.hidden_problems(&nested(60), "value").len(), 1);
    }
}

#[test]
fn a_tree_is_compared_with_its_schema_however_it_is_written() {
    for schema in [
        r##"{"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"type": "array"}}}"##,
        r#"{"$id": "https://example.com/tree.json", "properties": {"a": {"$ref": "tree.json#"}}}"#,
        r##"{"$schema": "https://json-schema.org/draft/2019-09/schema",
            "properties": {"a": {"$recursiveRef": "#"}}}"##,
        r##"{"properties": {"a": {"$ref": "#/$defs/a%20b"}},
            "$defs": {"a b": {"properties": {"a": {"$ref": "#"}}}}}"##,
        r##"{"$schema": "http://json-schema.org/draft-04/schema#", "id": "http://example.com/t",
            "properties": {"a": {"$ref": "#"}}}"##,
    ] {
        let fit = Fit::new(&value(schema)).unwrap_or_else(|error| panic!("{schema}: {error}"));
        let deep = format!("{}{{}}{}", r#"{"a":"#.repeat(70), "}".repeat(70));
        let found = fit.problems(&value(&deep), "value");
        assert!(found.is_empty(), "{schema}: {}", said(&found));
    }
    let many = format!("[{}]", vec!["[1,2]"; 10_000].join(","));
    let fit = Fit::new(&value(r#"{"items": {"items": {"type": "integer"}}}"#)).unwrap();
    assert!(fit.problems(&value(&many), "value").is_empty());
}

#[test]
fn what_is_not_refused_is_judged_in_time_and_on_a_small_stack() {
    let just_so = doubling(12, r#"{"allOf": [NEXT, NEXT]}"#);
    let long = doubling(140, "NEXT");
    let judge = move || {
        for schema in [just_so, long] {
            let begun = std::time::Instant::now();
            let fit = Fit::new(&value(&schema)).unwrap();
            assert!(!fit.problems(&value("1"), "value").is_empty());
            assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        }
        let tree = Fit::new(&value(r##"{"items": {"$ref": "#"}}"##)).unwrap();
        for (levels, fits) in [(70, true), (128, false)] {
            let deep = value(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
            assert_eq!(tree.problems(&deep, "value").is_empty(), fits, "{levels}");
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(judge).unwrap().join().unwrap();
}

const WORDS: &[&str] = &[
    "$ref",
    "$id",
    "$defs",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "$schema",
    "type",
    "items",
    "prefixItems",
    "properties",
    "patternProperties",
    "additionalProperties",
    "required",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "minContains",
    "enum",
    "const",
    "format",
    "pattern",
    "multipleOf",
    "minimum",
    "maxLength",
    "uniqueItems",
    "propertyNames",
    "dependencies",
    "dependentSchemas",
    "unevaluatedItems",
    "unevaluatedProperties",
    "a",
];

/// Schemas of words that mean something, mostly in places where they mean nothing.
fn soup() -> impl Strategy<Value = serde_json::Value> {
    let word = prop::sample::select(WORDS);
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "string",
            "object",
            "#",
            "#a",
            "#/$defs/a",
            "",
            "\\",
            "^a",
            "a/b",
            "uri"
        ])
        .prop_map(serde_json::Value::from),
        any::<i8>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::vec((word.clone(), inner), 0..5).prop_map(|entries| {
                entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_called_a_schema_is_refused_or_judges(schema in soup(), wrong in soup()) {
        let (schema, wrong) = (value(&schema.to_string()), value(&wrong.to_string()));
        if let Ok(fit) = Fit::new(&schema) {
            let shown = fit.problems(&wrong, "value");
            prop_assert_eq!(shown.is_empty(), fit.hidden_problems(&wrong, "value").is_empty());
        }
    }
}
