//! What a mapping makes of records, and how it refuses them.

use proptest::prelude::*;

use super::*;
use crate::json;

fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A definition with these `map`, `validate` and `output` keys.
fn integration(body: &str) -> Integration {
    let text = format!(
        r#"{{"apiVersion": "ferrule/v1", "kind": "Integration", "metadata": {{"name": "t"}},
            "output": {{"connection": "hub"}} {body}}}"#
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn engine(body: &str) -> Engine {
    Engine::compile(&integration(body)).unwrap_or_else(|problems| panic!("{body}: {problems:?}"))
}

/// What the column `c` with this rule becomes, or code and message of the refusal.
fn column(rule: &str, record: &str) -> String {
    match engine(&format!(r#", "map": {{"c": {rule}}}"#)).apply(&value(record)) {
        Verdict::Mapped(row) => row.value.get("c").unwrap().to_string(),
        Verdict::Refused(refusal) => format!("{} {}", refusal.code, refusal.message),
        Verdict::Ignored => "ignored".to_owned(),
    }
}

fn problems(body: &str) -> Vec<String> {
    Engine::compile(&integration(body)).unwrap_err().iter().map(ToString::to_string).collect()
}

/// Checks a table of rule, value of `.x` and outcome; `...` stands for the rest of a message.
fn table(cases: &[(&str, &str, &str)]) {
    for (rule, x, expected) in cases {
        let rule = format!(r#"{{"from": ".x", {rule}}}"#).replace(", }", "}");
        let actual = column(&rule, &format!(r#"{{"x": {x}}}"#));
        match expected.strip_suffix("...") {
            Some(start) => assert!(actual.starts_with(start), "{rule} of {x}: {actual}"),
            None => assert_eq!(actual, *expected, "{rule} of {x}"),
        }
    }
}

#[test]
fn text_steps_run_in_the_documented_order() {
    table(&[
        (r#""trim": true"#, r#""  Opened by  8 \t""#, r#""Opened by 8""#),
        (r#""trim": true"#, "7", "7"),
        (r#""trim": true, "empty": [""]"#, r#""   ""#, "null"),
        (r#""empty": ["?"]"#, r#""?""#, "null"),
        (r#""empty": ["?"], "default": "none""#, r#""?""#, r#""none""#),
        (r#""split": " - ", "take": 0, "type": "int""#, r#""3 - Moderate""#, "3"),
        (r#""split": " - ", "take": -1"#, r#""3 - Moderate""#, r#""Moderate""#),
        (r#""split": " - ", "take": 5"#, r#""3 - Moderate""#, "null"),
        (r#""split": ",", "upper": true"#, r#""a,b""#, r#"["A","B"]"#),
        (r#""split": ",""#, "7", "TYPE c: expected text to split, found 7"),
        (r#""lower": true"#, r#""ÄPFEL""#, r#""äpfel""#),
        (r#""upper": true, "trim": true"#, r#"" de ""#, r#""DE""#),
        (r#""lower": true"#, "null", "null"),
    ]);
}

#[test]
fn looks_values_up() {
    table(&[
        (r#""lookup": {"a": 1}"#, r#""a""#, "1"),
        (r#""lookup": {"1": "one"}"#, "1", r#""one""#),
        (
            r#""lookup": {"a": 1}"#,
            r#""b""#,
            "LOOKUP c: expected a value of the lookup table, found text...",
        ),
        (r#""lookup": {"a": 1}, "default": 9"#, r#""b""#, "9"),
        (r#""lookup": {"a": 1}"#, "null", "null"),
        (r#""lookup": {"a": 1}"#, "[]", "TYPE ..."),
    ]);
}

#[test]
fn numbers_stay_exact() {
    table(&[
        (r#""type": "int""#, r#""42""#, "42"),
        (r#""type": "int""#, r#""+007""#, "7"),
        (r#""type": "int""#, "12345678901234567890123", "12345678901234567890123"),
        (r#""type": "int""#, r#""12345678901234567890123""#, "12345678901234567890123"),
        (r#""type": "int""#, "3.0", "3"),
        (r#""type": "int""#, "3.5", "TYPE c: expected a whole number, found 3.5"),
        (r#""type": "int""#, r#""12a""#, "TYPE c: expected a whole number, found text \"12a\""),
        (r#""type": "int""#, r#""""#, "TYPE ..."),
        (r#""type": "int""#, "true", "TYPE c: expected a whole number, found true"),
        (r#""type": "int", "scale": 2"#, r#""123.45""#, "12345"),
        (r#""type": "int", "scale": 2"#, r#""-0.5""#, "-50"),
        (r#""type": "int", "scale": 2"#, "19.990", "1999"),
        (r#""type": "int", "scale": 2"#, r#""99999999999999999999.99""#, "9999999999999999999999"),
        (
            r#""type": "int", "scale": 2"#,
            r#""1.005""#,
            "TYPE c: expected a number with at most 2 ...",
        ),
        (r#""type": "decimal""#, r#""1.50""#, "1.50"),
        (r#""type": "decimal""#, r#""+00.50""#, "0.50"),
        (r#""type": "decimal""#, "0.10000000000000000000000001", "0.10000000000000000000000001"),
        (r#""type": "decimal""#, r#""1,5""#, "TYPE c: expected a decimal number..."),
        (r#""type": "decimal""#, r#""0x1F""#, "TYPE ..."),
        (r#""type": "decimal""#, r#""NaN""#, "TYPE ..."),
    ]);
}

#[test]
fn booleans_come_in_many_spellings() {
    for (x, truth) in [
        ("true", true),
        ("\"TRUE\"", true),
        ("\"Yes\"", true),
        ("\"y\"", true),
        ("\"on\"", true),
        ("1", true),
        ("\"1\"", true),
        ("false", false),
        ("\"no\"", false),
        ("\"N\"", false),
        ("\"OFF\"", false),
        ("0", false),
        ("\"0\"", false),
    ] {
        table(&[(r#""type": "bool""#, x, if truth { "true" } else { "false" })]);
    }
    table(&[(r#""type": "bool""#, r#""maybe""#, "TYPE c: expected true or false, ...")]);
    table(&[(r#""type": "bool""#, "2", "TYPE ...")]);
}

#[test]
fn times_become_rfc_3339_in_utc() {
    table(&[
        (
            r#""type": "datetime", "format": "%d-%m-%Y %H:%M""#,
            r#""29-02-2016 01:16""#,
            r#""2016-02-29T01:16:00Z""#,
        ),
        (
            r#""type": "datetime", "format": "%d-%m-%Y %H:%M", "zone": "Europe/Berlin""#,
            r#""29-07-2016 01:16""#,
            r#""2016-07-28T23:16:00Z""#,
        ),
        (r#""type": "datetime", "format": "%Y%m%d""#, r#""20160229""#, r#""2016-02-29T00:00:00Z""#),
        (r#""type": "datetime""#, r#""2016-02-29T01:16:00+02:00""#, r#""2016-02-28T23:16:00Z""#),
        (r#""type": "datetime""#, r#""2016-02-29T01:16:00.250Z""#, r#""2016-02-29T01:16:00.25Z""#),
        (r#""type": "datetime""#, r#""2016-02-29 01:16:00""#, r#""2016-02-29T01:16:00Z""#),
        (
            r#""type": "datetime", "zone": "America/New_York""#,
            r#""2016-02-29T01:16:00""#,
            r#""2016-02-29T06:16:00Z""#,
        ),
        (r#""type": "datetime""#, "1456708560", r#""2016-02-29T01:16:00Z""#),
        (
            r#""type": "datetime", "format": "%d-%m-%Y %H:%M""#,
            r#""30-02-2016 01:16""#,
            "FORMAT c: expected a point in time written as %d-%m-%Y %H:%M, found text \"30-02-2016 01:16\"",
        ),
        (
            r#""type": "datetime""#,
            "true",
            "TYPE c: expected a point in time in ISO 8601, found true",
        ),
        (r#""type": "epoch""#, r#""2016-02-29T01:16:00+05:30""#, "1456688760"),
        (r#""type": "date""#, r#""2016-02-29T23:16:00-05:00""#, r#""2016-03-01""#),
        (r#""type": "date""#, r#""2016-02-29""#, r#""2016-02-29""#),
        (r#""type": "date", "format": "%d.%m.%Y""#, r#""29.02.2016""#, r#""2016-02-29""#),
        (
            r#""type": "date""#,
            r#""soon""#,
            "FORMAT c: expected a day in ISO 8601, found text \"soon\"",
        ),
    ]);
}

#[test]
fn other_types_convert_or_refuse() {
    table(&[
        (r#""type": "text""#, "1.50", r#""1.50""#),
        (r#""type": "text""#, "false", r#""false""#),
        (r#""type": "text""#, "[1]", "TYPE c: expected text, found a list of 1"),
        (
            r#""type": "json""#,
            r#""{\"a\": 12345678901234567890123}""#,
            r#"{"a":12345678901234567890123}"#,
        ),
        (r#""type": "json""#, r#""{""#, "FORMAT c: expected JSON, found text \"{\": ..."),
        (r#""type": "json""#, "[1]", "[1]"),
        (r#""type": "int""#, "null", "null"),
    ]);
}

#[test]
fn limits_refuse_what_is_outside() {
    table(&[
        (r#""required": true"#, "null", "REQUIRED c: expected a value, found nothing"),
        (r#""required": true, "default": 1"#, "null", "1"),
        (r#""type": "int", "min": 1, "max": 10"#, "10", "10"),
        (r#""type": "int", "min": 1, "max": 10"#, "11", "RANGE c: expected at most 10, found 11"),
        (
            r#""min": 1"#,
            "0.9999999999999999999999999",
            "RANGE c: expected at least 1, found 0.999...",
        ),
        (r#""max": 3"#, r#""äöü""#, r#""äöü""#),
        (r#""max": 3"#, r#""äöüß""#, "RANGE c: expected at most 3 characters, ..."),
        (r#""max": 3"#, "true", "TYPE c: expected a number, found true"),
        (r#""one_of": ["a", 1]"#, "1.0", "1.0"),
        (
            r#""one_of": ["a", 1]"#,
            r#""b""#,
            "ONE_OF c: expected one of [\"a\",1], found text \"b\"",
        ),
        (r#""pattern": "^[^@]+@[^@]+$""#, r#""a@b""#, r#""a@b""#),
        (r#""pattern": "^[0-9]+$""#, r#""a""#, "PATTERN c: expected text like ^[0-9]+$, ..."),
        (r#""pattern": "^[0-9]+$""#, "7", "PATTERN ..."),
        (r#""pattern": "x", "max": 1, "one_of": [2]"#, "null", "null"),
    ]);
}

#[test]
fn values_come_from_paths_expressions_texts_and_constants() {
    let record = r#"{"first": "Ann", "last": "Lee", "n": 7, "l": [1, 2]}"#;
    assert_eq!(column(r#"".l[-1]""#, record), "2");
    assert_eq!(column(r#"".nothing.here""#, record), "null");
    assert_eq!(column(r#"{"expr": ".n * 6"}"#, record), "42");
    assert_eq!(column(r#"{"expr": ".n | empty"}"#, record), "null");
    assert!(column(r#"{"expr": ".first * {}"}"#, record).starts_with("EXPR c: cannot multiply"));
    assert_eq!(
        column(r#"{"concat": [".first", " ", ".last", ". ", ".n"]}"#, record),
        r#""Ann Lee. 7""#
    );
    assert_eq!(column(r#"{"concat": [".x", " ", ".y"]}"#, record), "null");
    assert!(column(r#"{"concat": [".l"]}"#, record).starts_with("TYPE c: expected texts to join"));
    assert_eq!(column(r#"{"const": {"a": [1]}}"#, record), r#"{"a":[1]}"#);
}

#[test]
fn a_message_shows_no_secrets_no_names_and_little_text() {
    let long = format!(r#"{{"x": "{}"}}"#, "z".repeat(500));
    assert!(column(r#"{"from": ".x", "type": "int"}"#, &long).len() < 120);
    let private = column(r#"{"from": ".x", "type": "int"}"#, r#"{"x": "ann.lee@example.com"}"#);
    assert!(private.contains("a***@example.com"), "{private}");
    let secret =
        column(r#"{"from": ".x", "type": "int"}"#, r#"{"x": "Bearer abcdefghijklmnopqr"}"#);
    assert!(secret.contains("[secret]"), "{secret}");
}

#[test]
fn checks_park_ignore_or_fail_the_run() {
    let apply = |checks: &str, record: &str| {
        engine(&format!(r#", "validate": {checks}"#)).apply(&value(record))
    };
    let refused = |verdict: Verdict| match verdict {
        Verdict::Refused(r) => (r.code, r.message, r.field, r.fails_run),
        other => panic!("{other:?}"),
    };
    let missing = refused(apply(r#"[{"required": ["a", "b"]}]"#, r#"{"a": 1, "b": null}"#));
    assert_eq!(missing.0, "REQUIRED");
    assert_eq!(missing.2.as_deref(), Some("b"));
    let when = r#"[{"when": ".p > 4", "code": "PRIORITY", "message": "too high", "do": "fail"}]"#;
    assert_eq!(
        refused(apply(when, r#"{"p": 5}"#)),
        ("PRIORITY".into(), "too high".into(), None, true)
    );
    assert!(matches!(apply(when, r#"{"p": 4}"#), Verdict::Mapped(_)));
    assert_eq!(refused(apply(r#"[{"when": ".p > 4"}]"#, r#"{"p": 5}"#)).0, "CHECK");
    assert_eq!(apply(r#"[{"when": ".p == null", "do": "ignore"}]"#, "{}"), Verdict::Ignored);
    assert_eq!(refused(apply(r#"[{"when": ".p | error(\"x\")"}]"#, "{}")).0, "EXPR");
}

#[test]
fn key_and_version_come_from_the_mapped_record_else_from_the_source() {
    let output = |rest: &str| {
        format!(
            r#", "map": {{"id": {{"from": ".number", "lower": true}}}}, "output": {{"connection": "hub", {rest}}}"#
        )
    };
    let row = |rest: &str, record: &str| {
        let text = output(rest);
        let text = format!(
            r#"{{"apiVersion": "ferrule/v1", "kind": "Integration", "metadata": {{"name": "t"}} {text}}}"#
        );
        let engine = Engine::compile(&serde_json::from_str(&text).unwrap()).unwrap();
        engine.apply(&value(record))
    };
    let record = r#"{"number": "INC1", "mod": "10", "n": 12345678901234567890123}"#;
    let Verdict::Mapped(mapped) = row(r#""key": ".id", "version": ".mod""#, record) else {
        panic!()
    };
    assert_eq!((mapped.key.as_deref(), mapped.version), (Some("inc1"), Some(10.into())));
    let Verdict::Mapped(mapped) = row(r#""key": ".n""#, record) else { panic!() };
    assert_eq!((mapped.key.as_deref(), mapped.version), (Some("12345678901234567890123"), None));
    for wrong in [r#"{"number": ""}"#, r#"{"number": null}"#, "{}", "[]", "7"] {
        let Verdict::Refused(refusal) = row(r#""key": ".id""#, wrong) else { panic!("{wrong}") };
        assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), ("KEY_MISSING", Some("id")));
    }
}

#[test]
fn without_a_mapping_a_record_passes_unchanged() {
    let record = value(r#"{"big": 12345678901234567890123, "one": [1], "none": null}"#);
    let Verdict::Mapped(row) = engine("").apply(&record) else { panic!() };
    assert_eq!((row.value, row.key, row.version), (record, None, None));
}

#[test]
fn all_problems_are_found_at_once_with_their_paths() {
    let found = problems(
        r#", "map": {"a": "number", "b": {"expr": ".x |"}, "c": {"from": ".x", "const": 1},
            "d": {"from": ".x", "take": 1}, "e": {"from": ".x", "type": "datetime", "format": "%Q",
            "zone": "Mars/Base"}, "f": {"from": ".x", "pattern": "("}, "g": {"from": ".x", "scale": 2},
            "h": {"from": ".x", "min": "a"}, "i": {"from": ".x", "min": 5, "max": 1}, "j": {}},
          "validate": [{"required": ["aa"]}, {"when": "lenght > 1"}, {}, {"when": "true", "do": "retry"}]"#,
    );
    for expected in [
        "map.a: \"number\" is not a path",
        "map.b.expr: expected a value at the end",
        "map.c: say where the value comes from",
        "map.d.take: take needs split",
        "map.e.format: \"%Q\" is not a strptime format",
        "map.e.zone: there is no time zone",
        "map.f.pattern: \"(\" is not a regular expression",
        "map.g.scale: scale needs type",
        "map.h.min: expected a number",
        "map.i.min: 5 is above max, 1",
        "map.j: say where",
        "validate[0].required[0]: the mapping makes no column \"aa\"; did you mean a?",
        "validate[1].when: there is no function lenght; did you mean length?",
        "validate[2]: say what to check",
        "validate[3].do: a check can park, ignore or fail",
    ] {
        assert!(found.iter().any(|f| f.starts_with(expected)), "{expected}\nnot in\n{found:#?}");
    }
}

#[test]
fn examples_say_how_they_differ() {
    let definition = integration(
        r#", "map": {"a": {"from": ".x", "type": "int"}, "b": ".y"},
          "tests": [
            {"name": "right", "given": {"x": "1", "y": [1]}, "expect": {"a": 1}},
            {"name": "wrong", "given": {"x": "1", "y": "z"}, "expect": {"a": 2, "c": null}},
            {"name": "refused", "given": {"x": "q"}, "refused": "TYPE"},
            {"name": "not refused", "given": {"x": "1"}, "refused": "RANGE"},
            {"name": "neither", "given": {}}]"#,
    );
    let mismatches = definition.run_examples().unwrap();
    let names: Vec<_> = mismatches.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["wrong", "not refused", "neither"]);
    assert_eq!(mismatches[0].path, "tests[1]");
    assert_eq!(
        mismatches[0].differences,
        [".a: expected 2, got 1", ".c: expected nothing, got nothing there"]
    );
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "-?[1-9][0-9]{0,30}(\\.[0-9]{1,20})?(e[0-9]{1,3})?"
            .prop_map(|text| Value::Number(Number::parse(&text).unwrap())),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z]", inner), 0..4)
                .prop_map(|entries| entries.into_iter().collect::<Object>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn mapping_never_panics_and_passes_numbers_through(x in any_value(), y in any_value()) {
        let record: Object = [("x", x.clone()), ("y", y)].into_iter().collect();
        let record = Value::from(record);
        let kinds = ["text", "int", "decimal", "bool", "datetime", "date", "epoch", "json"];
        for kind in kinds {
            let rule = format!(
                r#", "map": {{"c": {{"from": ".x", "trim": true, "split": "-", "take": 0,
                    "type": "{kind}"}}, "d": {{"concat": [".x", ".y"]}}}}"#
            );
            drop(engine(&rule).apply(&record));
        }
        let verdict = engine(r#", "map": {"c": ".x"}"#).apply(&record);
        let Verdict::Mapped(row) = verdict else { panic!() };
        prop_assert_eq!(row.value.get("c").unwrap(), &x);
    }
}
