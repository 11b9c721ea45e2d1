//! JSON documents and JSON Lines.

use super::{read_file, texts};

#[tokio::test]
async fn numbers_stay_exact() {
    let line = r#"{"big":12345678901234567890123,"long":1.10,"one":[1],"none":null}"#;
    let lines = read_file("a.jsonl", format!("{line}\n").as_bytes(), "").await.unwrap();
    assert_eq!(texts(&lines), [line]);
    let list = read_file("a.json", format!("[{line}]").as_bytes(), "").await.unwrap();
    assert_eq!(texts(&list), [line]);
}

#[tokio::test]
async fn a_bad_line_is_refused_alone() {
    let text = b"{\"a\":1}\n{\"a\":\n\n[1]\n{\"a\":\"\xFF\"}\n{\"a\":2}";
    let got = read_file("a.ndjson", text, "").await.unwrap();
    assert_eq!(texts(&got), [r#"{"a":1}"#, r#"{"a":2}"#]);
    let refused: Vec<_> = got.rejected.iter().map(|r| (r.line, r.code)).collect();
    assert_eq!(refused, [(2, "JSON"), (4, "JSON"), (5, "ENCODING")]);
    assert_eq!(got.rejected[1].message, "line 4: expected an object, found array");
}

#[tokio::test]
async fn the_list_is_found_at_its_path() {
    let text = br#"{"other": [{"records": [9]}, "]"], "result":
        {"count": 2, "records" : [ {"a": "[}"},
          {"a": 2} ], "next": null}, "tail": 1}"#;
    let got = read_file("a.json", text, r#", "records": ".result.records""#).await.unwrap();
    assert_eq!(got.records, [(2, r#"{"a":"[}"}"#.to_owned()), (3, r#"{"a":2}"#.to_owned())]);
}

#[tokio::test]
async fn a_bad_element_is_refused_alone() {
    let got = read_file("a.json", br#"[{"a":1},{"a":tru},7,{"a":2}]"#, "").await.unwrap();
    assert_eq!(texts(&got), [r#"{"a":1}"#, r#"{"a":2}"#]);
    assert_eq!(got.rejected.len(), 2);
}

#[tokio::test]
async fn a_single_object_is_a_single_record() {
    let got = read_file("a.json", b" {\"a\": {}} \n", "").await.unwrap();
    assert_eq!(texts(&got), [r#"{"a":{}}"#]);
}

#[tokio::test]
async fn an_empty_list_has_no_records() {
    let got = read_file("a.json", b"[ ]", "").await.unwrap();
    assert_eq!(got.records.len(), 0);
}

#[tokio::test]
async fn a_document_that_is_cut_off_is_a_failure_not_the_end() {
    for cut in ["[{\"a\":1}", "[{\"a\":1},", "[{\"a\":", "{\"a\":1", "[", ""] {
        let failure = read_file("a.json", cut.as_bytes(), "").await.unwrap_err();
        assert_eq!(failure.code(), "JSON", "{cut}");
    }
}

#[tokio::test]
async fn a_path_that_is_not_there_is_a_failure_not_an_empty_page() {
    let at = r#", "records": ".result.items""#;
    for text in [r#"{"result": {}}"#, r#"{"result": []}"#, "[]", "{}"] {
        let failure = read_file("a.json", text.as_bytes(), at).await.unwrap_err();
        assert_eq!(failure.code(), "JSON_PATH", "{text}");
    }
}

#[tokio::test]
async fn lines_in_a_json_file_get_a_hint() {
    let failure = read_file("a.json", b"{\"a\":1}\n{\"a\":2}\n", "").await.unwrap_err();
    assert!(failure.to_string().contains("format: jsonl"), "{failure}");
}

#[tokio::test]
async fn a_huge_element_is_refused_and_the_next_one_read() {
    let huge = "x".repeat(9 * 1024 * 1024);
    let text = format!(r#"[{{"a":["{huge}"]}},{{"a":2}}]"#);
    let got = read_file("a.json", text.as_bytes(), "").await.unwrap();
    assert_eq!(texts(&got), [r#"{"a":2}"#]);
    assert_eq!(got.rejected[0].code, "RECORD_TOO_BIG");
}

#[tokio::test]
async fn deep_nesting_is_refused_without_harm() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!(r#"[{{"a":{deep}}},{{"a":2}}]"#);
    let got = read_file("a.json", text.as_bytes(), "").await.unwrap();
    assert_eq!((texts(&got).len(), got.rejected.len()), (1, 1));
}
