//! Numbers, objects, and that nothing changes on the way.

use super::*;

fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_number_is_what_json_calls_one_and_keeps_its_text() {
    for text in ["0", "-0", "1.50", "1e400", "12345678901234567890123", "-9223372036854775808"] {
        assert_eq!(Number::parse(text).unwrap().to_string(), text);
    }
    for wrong in
        ["", "-", "007", "+1", ".5", "1.", "1e", "0x1", "NaN", " 1", "1 ", "1_0", "\u{661}"]
    {
        assert_eq!(Number::parse(wrong), None, "{wrong}");
    }
    assert_eq!(Number::parse("42").unwrap().as_i64(), Some(42));
    assert_eq!(Number::parse("-0").unwrap().as_i64(), None);
    assert_eq!(Number::parse("1.0").unwrap().as_i64(), None);
}

#[test]
fn an_object_keeps_order_and_has_each_key_once() {
    let mut object = Object::new();
    object.insert("b", 1.into());
    object.insert("a", 2.into());
    object.insert("b", 3.into());
    assert_eq!(Value::from(object.clone()).to_string(), r#"{"b":3,"a":2}"#);
    assert_eq!(object.remove("b"), Some(3.into()));
    assert_eq!((object.len(), object.remove("b")), (1, None));
}

#[test]
fn typed_things_and_values_change_into_each_other_exactly() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        count: u64,
        list: Vec<Option<String>>,
        rest: Value,
    }
    let text =
        r#"{"count":18446744073709551615,"list":["a",null],"rest":{"n":0.10000000000000000001}}"#;
    let sample: Sample = value(text).to().unwrap();
    assert_eq!(sample.count, u64::MAX);
    assert_eq!(Value::of(&sample).unwrap().to_string(), text);
    assert_eq!(serde_json::to_string(&sample).unwrap(), text);
}

#[test]
fn names_the_type_for_messages() {
    let list = value(r#"[null, true, 1, "a", [], {}]"#);
    let kinds: Vec<_> = list.as_array().unwrap().iter().map(Value::kind).collect();
    assert_eq!(kinds, ["null", "boolean", "number", "string", "array", "object"]);
}

#[test]
fn deserialising_refuses_what_reading_refuses() {
    assert!(serde_json::from_str::<Value>(r#"{"a":1,"a":2}"#).is_err());
    assert!(serde_json::from_str::<Object>("[1]").is_err());
}
