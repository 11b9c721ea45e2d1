//! The small types that people write, read and written again.

use super::*;

fn read<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn a_rate_is_calls_per_unit() {
    for (text, calls, window_secs) in [("60/m", 60, 60), ("10/s", 10, 1), ("1000/h", 1000, 3600)] {
        let rate: Rate = read(&format!("{text:?}")).unwrap();
        assert_eq!(rate, Rate { calls, window_secs });
        assert_eq!(rate.to_string(), text);
    }
    for wrong in ["60", "0/m", "-1/m", "60/d", "60 per minute", "/m"] {
        let error = read::<Rate>(&format!("{wrong:?}")).unwrap_err();
        assert!(error.contains("is not a rate"), "{error}");
    }
}

#[test]
fn a_status_matches_itself_its_class_or_no_answer() {
    let read_all: Vec<StatusMatch> = read(r#"[404, "429", "5xx", "timeout"]"#).unwrap();
    assert_eq!(serde_json::to_string(&read_all).unwrap(), r#"[404,429,"5xx","timeout"]"#);
    let matching = |status| read_all.iter().map(|m| m.matches(status)).collect::<Vec<_>>();
    assert_eq!(matching(Some(404)), [true, false, false, false]);
    assert_eq!(matching(Some(429)), [false, true, false, false]);
    assert_eq!(matching(Some(503)), [false, false, true, false]);
    assert_eq!(matching(None), [false, false, false, true]);
    for wrong in ["42", "600", "\"6xx\"", "\"xx\"", "\"5XX\"", "\"soon\"", "5.5", "null"] {
        assert!(read::<StatusMatch>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_column_is_a_path_or_a_rule_and_is_written_as_it_was_read() {
    for text in [r#"".number""#, r#"{"from":".x","trim":true,"type":"int"}"#] {
        let column: Column = read(text).unwrap();
        assert_eq!(serde_json::to_string(&column).unwrap(), text);
    }
    assert!(read::<Column>("7").unwrap_err().contains("expected a path such as .number"));
    assert!(read::<Column>(r#"{"form": ".x"}"#).unwrap_err().contains("unknown field `form`"));
}

#[test]
fn source_and_output_keep_what_belongs_to_the_connector() {
    let source: Source = read(r#"{"path": "a/*.csv", "connection": "files", "n": 1.50}"#).unwrap();
    assert_eq!(Value::from(source.settings.clone()).to_string(), r#"{"path":"a/*.csv","n":1.50}"#);
    assert_eq!(
        Value::of(&source).unwrap().to_string(),
        r#"{"connection":"files","path":"a/*.csv","n":1.50}"#
    );
    let output: Output = read(r#"{"connection": "hub", "table": "t", "key": ".id"}"#).unwrap();
    let to = output.destination().unwrap();
    assert_eq!((to.mode, to.key.as_deref()), (Mode::Upsert, Some(".id")));
    let text = Value::of(&output).unwrap().to_string();
    assert_eq!(read::<Output>(&text).unwrap(), output);
    assert!(
        read::<Output>(r#"{"table": "t"}"#).unwrap_err().contains("missing field `connection`")
    );
}

#[test]
fn a_problem_reads_as_one_line() {
    let mut problem =
        Problem::new("map.a", "there is no key \"lowr\"").suggest("lowr", ["lower", "trim"]);
    assert_eq!(problem.to_string(), "map.a: there is no key \"lowr\"; did you mean lower?");
    (problem.line, problem.column) = (3, 7);
    assert!(problem.to_string().starts_with("3:7: map.a: "));
    assert_eq!(Problem::new("", "x").suggest("zzz", ["lower"]).to_string(), "x");
}

#[test]
fn recipients_are_written_as_they_were_read() {
    let text = r#"{"notify":[{"connection":"chat","match":["*.database.*"],"urgency":["high"],"else":[{"connection":"mail","to":"ops@example.org"}],"batch":{"size":10,"window":"30s"},"useful_for":"15m","channel":"ops"}],"message":{"title":"${.key}"},"once_per":{"key":".key","for":"1h"}}"#;
    let output: Output = read(text).unwrap();
    assert_eq!(Value::of(&output).unwrap().to_string(), text);
    assert!(output.destination().is_none());
}

#[test]
fn what_belongs_to_a_target_does_not_go_with_notify_and_the_reverse() {
    let error = read::<Output>(r#"{"notify":[],"table":"t"}"#).unwrap_err();
    assert!(error.contains("table does not go with notify"), "{error}");
    let error =
        read::<Output>(r#"{"connection":"a","once_per":{"key":".","for":"1h"}}"#).unwrap_err();
    assert!(error.contains("once_per belongs to notify"), "{error}");
}
