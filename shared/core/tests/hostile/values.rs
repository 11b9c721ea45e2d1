use std::fmt::Write as _;

use ferrule_core::{engine::Verdict, json};

use crate::{engine, mapped, soon};

/// Case 32: numbers that no float holds go through unchanged, or are refused in words.
#[test]
fn numbers_of_any_size_stay_what_they_are() {
    for column in [
        "a: .a",
        "i: {from: .a, type: int}",
        "n: {from: .a, type: decimal}",
        "s: {from: .a, type: text}",
        "t: {from: .a, type: datetime}",
        "e: {expr: '.a + 1'}",
        "f: {expr: '.a | floor'}",
        "m: {expr: '.a * .a'}",
        "l: {from: .a, max: 5}",
    ] {
        let engine = engine(&mapped(&format!("  {column}\n")));
        for number in [
            "1e400",
            "-1e400",
            "1e-400",
            "1e2147483648",
            "1e-2147483648",
            "1e999999999999",
            "12345678901234567890123",
            "123456789.123456789123456789",
            "-0",
            "-0.0",
            "0e0",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "1E+2147483647",
            &"9".repeat(100_000),
            &format!("0.{}1", "0".repeat(100_000)),
        ] {
            let record = json::parse(format!("{{\"a\":{number}}}").as_bytes()).unwrap();
            let shown: String = format!("{column} of {number}").chars().take(40).collect();
            let verdict = soon(&shown, || engine.apply(&record));
            if column == "a: .a" {
                let Verdict::Mapped(row) = verdict else { panic!("{shown}") };
                assert_eq!(row.value.to_string(), format!("{{\"a\":{number}}}"));
            } else if let Verdict::Refused(refusal) = verdict {
                assert!(refusal.message.len() < 1000, "{}", refusal.message);
            }
        }
    }
}

/// Case 32: a body with very many keys, and one with nothing but brackets.
#[test]
fn json_costs_what_its_length_says() {
    let mut keys = String::from("{");
    for at in 0..300_000 {
        write!(keys, "\"k{at}\":1,").unwrap();
    }
    keys.push_str("\"k\":1}");
    let value = soon("very many keys", || json::parse(keys.as_bytes())).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 300_001);
    let again = keys.replacen("\"k\":1", "\"k7\":1", 1);
    assert!(soon("one of them twice", || json::parse(again.as_bytes())).is_err());
    let lists = format!("[{}[]]", "[],".repeat(300_000));
    soon("very many lists", || json::parse(lists.as_bytes())).unwrap();
    let text = format!("\"{}\"", "\\u0041".repeat(300_000));
    soon("very many escapes", || json::parse(text.as_bytes())).unwrap();
}

/// Found by made-up input: the place was behind the end.
#[test]
fn a_mistake_stands_within_its_text() {
    for text in ["\"\\", "\"\\u", "\"\\u00", "[", "{\"a\"", "-", "1e", "\"", ""] {
        let error = json::parse(text.as_bytes()).unwrap_err();
        assert!(error.offset() <= text.len(), "{text}: {error}");
    }
}

/// Case 25: moments before 1970, beyond 32 bits, in a leap second and in the hour that is missing.
#[test]
fn moments_that_clocks_are_wrong_about() {
    let of = |column: &str, value: &str| {
        let engine = engine(&mapped(&format!("  t: {{from: .a, {column}}}\n")));
        match engine.apply(&json::parse(format!("{{\"a\":{value}}}").as_bytes()).unwrap()) {
            Verdict::Mapped(row) => row.value.get("t").unwrap().to_string(),
            Verdict::Refused(refusal) => refusal.message,
            Verdict::Ignored => "ignored".into(),
        }
    };
    let time = "type: datetime";
    for (value, wanted) in [
        ("\"1969-12-31T23:59:59Z\"", "\"1969-12-31T23:59:59Z\""),
        ("\"1901-12-13T20:45:51Z\"", "\"1901-12-13T20:45:51Z\""),
        ("\"2038-01-19T03:14:08Z\"", "\"2038-01-19T03:14:08Z\""),
        ("\"2106-02-07T06:28:16Z\"", "\"2106-02-07T06:28:16Z\""),
        ("\"2026-03-29T02:30:00+01:00\"", "\"2026-03-29T01:30:00Z\""),
        ("\"2026-10-25T02:30:00+01:00\"", "\"2026-10-25T01:30:00Z\""),
        ("\"2016-12-31T23:59:60Z\"", "\"2016-12-31T23:59:59Z\""),
        ("\"2026-01-01T00:00:00+14:00\"", "\"2025-12-31T10:00:00Z\""),
        ("\"2026-01-01T00:00:00-12:00\"", "\"2026-01-01T12:00:00Z\""),
    ] {
        assert_eq!(of(time, value), wanted, "{value}");
    }
    for value in [
        "\"2026-02-29T00:00:00Z\"",
        "\"2026-01-01T24:30:00Z\"",
        "\"99999-01-01T00:00:00Z\"",
        "1e400",
    ] {
        assert!(
            of(time, value).contains("FORMAT") || of(time, value).contains("time"),
            "{value}: {}",
            of(time, value)
        );
    }
    let local = "type: datetime, format: \"%Y-%m-%d %H:%M\", zone: Europe/Berlin";
    assert_eq!(
        of(local, "\"2026-03-29 02:30\""),
        "\"2026-03-29T01:30:00Z\"",
        "the hour that is missing"
    );
    assert_eq!(
        of(local, "\"2026-10-25 02:30\""),
        "\"2026-10-25T00:30:00Z\"",
        "the hour that is there twice"
    );
}
