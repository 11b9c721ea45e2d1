//! What is read, what is refused, and that nothing changes on the way.

use proptest::prelude::*;

use super::*;
use crate::Number;

fn round(text: &str) -> String {
    parse(text.as_bytes()).map_or_else(|error| error.to_string(), |value| value.to_string())
}

#[test]
fn keeps_every_digit_list_null_and_order() {
    for text in [
        "12345678901234567890123",
        "-0",
        "-0.0",
        "1e400",
        "1E+5",
        "0.10000000000000000000000001",
        "-1",
        "9223372036854775808",
        "-9223372036854775808",
        "[[1]]",
        "[]",
        "{}",
        "{\"b\":null,\"a\":[null]}",
        "\"\"",
        "true",
        "\"\u{1f600}\"",
    ] {
        assert_eq!(round(text), text);
    }
    assert_eq!(round(" [ 1 , { \"a\" : \"b\" } ] \r\n\t"), "[1,{\"a\":\"b\"}]");
    assert_eq!(round("\u{feff}1"), "1");
}

#[test]
fn reads_every_escape() {
    assert_eq!(
        round(r#""\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00""#),
        "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\tä😀\""
    );
    assert_eq!(round("\"\u{fffe}\u{ffff}\u{fffd}\""), "\"\\ufffe\\uffff\u{fffd}\"");
}

#[test]
fn refuses_what_is_not_json_and_says_where() {
    for (text, says) in [
        ("", "value expected at byte 0"),
        ("nul", "value expected at byte 0"),
        ("007", "digit expected"),
        ("01", "digit expected"),
        ("-", "digit expected at byte 1"),
        ("1.", "digit expected at byte 2"),
        ("1e", "digit expected at byte 2"),
        ("+1", "value expected"),
        (".5", "value expected"),
        ("NaN", "value expected"),
        ("1 2", "end expected at byte 2"),
        ("[1 2]", "comma or end of sequence expected at byte 3"),
        ("[1,]", "value expected at byte 3"),
        ("[1", "comma or end of sequence expected at byte 2"),
        ("{\"a\"}", "colon expected at byte 4"),
        ("{a:1}", "string expected at byte 1"),
        ("{\"a\":1,}", "string expected at byte 7"),
        ("{\"a\":1,\"a\":2}", "duplicate key \"a\""),
        ("\"open", "quote expected at byte 5"),
        ("\"\n\"", "control character"),
        ("\"\\x\"", "escape sequence expected"),
        ("\"\\u12\"", "four hexadecimal digits expected"),
        ("\"\\u12é\"", "four hexadecimal digits expected"),
        ("\"\\ud800\"", "whole surrogate pair expected"),
        ("\"\\ud800\\u0041\"", "whole surrogate pair expected"),
        ("\"\\udc00\"", "whole surrogate pair expected"),
        ("\"\\", "escape sequence expected"),
    ] {
        let found = round(text);
        assert!(found.contains(says), "{text}: {found}");
    }
    let error = parse(b"\"a\xff\"").unwrap_err();
    assert_eq!((error.offset(), error.to_string().contains("invalid UTF-8")), (2, true));
    let many = (0..100).map(|n| format!("\"k{n}\":1,")).collect::<Vec<_>>().concat();
    assert!(round(&format!("{{{many}\"k7\":1}}")).contains("duplicate key \"k7\""));
}

#[test]
fn a_repeated_key_is_found_among_keys_that_look_alike() {
    for count in 1..60 {
        let keys: Vec<_> = (0..count).map(|n| format!("a{n:03}z")).collect();
        let object = |keys: &[String]| {
            format!(
                "{{{}}}",
                keys.iter().map(|key| format!("\"{key}\":1")).collect::<Vec<_>>().join(",")
            )
        };
        assert_eq!(round(&object(&keys)), object(&keys));
        for again in &keys {
            let keys: Vec<_> = keys.iter().chain([again]).cloned().collect();
            assert!(
                round(&object(&keys)).contains(&format!("duplicate key \"{again}\"")),
                "{again} of {count}"
            );
        }
    }
}

#[test]
fn nests_128_levels_and_no_deeper() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(round(&nested(MAX_DEPTH)), nested(MAX_DEPTH));
    assert!(round(&nested(MAX_DEPTH + 2)).contains("nested deeper than 128 levels"));
    assert!(round(&"[".repeat(1_000_000)).contains("nested deeper"));
}

#[test]
fn every_character_travels_and_none_that_a_queue_refuses_is_written() {
    let all: String = ('\0'..=char::MAX).collect();
    let written = Value::from(all.as_str()).to_string();
    assert_eq!(parse(written.as_bytes()).unwrap().as_str(), Some(all.as_str()));
    assert!(!written.contains(|c: char| c < ' ' || matches!(c, '\u{FFFE}' | '\u{FFFF}')));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?"
            .prop_map(|text| Value::Number(Number::parse(&text).unwrap())),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|entries| entries.into_iter().collect::<Object>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in any_value()) {
        prop_assert_eq!(parse(value.to_string().as_bytes()), Ok(value.clone()));
        let by_serde: Value = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
        prop_assert_eq!(by_serde, value);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        drop(parse(&bytes));
    }

    #[test]
    fn it_accepts_what_serde_json_accepts(text in "[\\[\\]{}\",:0-9a-z.\\\\ \n-]{0,24}") {
        if let Ok(theirs) = serde_json::from_str::<serde_json::Value>(&text) {
            // Duplicate keys are the one thing that is refused here only.
            match parse(text.as_bytes()) {
                Ok(ours) => prop_assert_eq!(ours.to::<serde_json::Value>().unwrap(), theirs),
                Err(error) => prop_assert!(error.to_string().contains("duplicate"), "{}: {}", text, error),
            }
        } else {
            // serde_json refuses numbers that do not fit a float.
            prop_assert!(parse(text.as_bytes()).is_err() || text.contains('e'), "{}", text);
        }
    }
}
