//! CSV files: rows that are good, and rows that are not.

use super::{gz, read_file, texts, utf16};

#[tokio::test]
async fn a_value_is_text_exactly_as_written() {
    let csv = b"id,price,note\r\n007,1.10,\"a \"\"b\"\", c\"\r\n8,1e3,\r\n";
    let got = read_file("a.csv", csv, "").await.unwrap();
    let rows = [
        r#"{"id":"007","price":"1.10","note":"a \"b\", c"}"#,
        r#"{"id":"8","price":"1e3","note":""}"#,
    ];
    assert_eq!(texts(&got), rows);
}

#[tokio::test]
async fn a_record_names_its_line_in_spite_of_line_ends_in_values() {
    let csv = b"a\n1\n\n\"two\nlines\"\n\r\n3\r4\r\n5";
    let got = read_file("a.csv", csv, "").await.unwrap();
    let lines: Vec<_> = got.records.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 4, 7, 8, 9]);
}

#[tokio::test]
async fn a_row_with_a_wrong_number_of_columns_is_refused_alone() {
    let got = read_file("a.csv", b"a,b\n1,2\n3\n4,5\n6,7,8\n", "").await.unwrap();
    assert_eq!(texts(&got), [r#"{"a":"1","b":"2"}"#, r#"{"a":"4","b":"5"}"#]);
    let refused: Vec<_> =
        got.rejected.iter().map(|r| (r.line, r.code, &*r.message, &*r.raw)).collect();
    let expected = [
        (3, "CSV_COLUMNS", "line 3 has 1 column, the header has 2", "3"),
        (5, "CSV_COLUMNS", "line 5 has 3 columns, the header has 2", "6,7,8"),
    ];
    assert_eq!(refused, expected);
}

#[tokio::test]
async fn a_quote_that_is_never_closed_costs_its_own_line_only() {
    let got = read_file("a.csv", b"a,b\n1,\"x\n2,y\n3,z\n", "").await.unwrap();
    assert_eq!(texts(&got), [r#"{"a":"2","b":"y"}"#, r#"{"a":"3","b":"z"}"#]);
    assert_eq!((got.rejected[0].line, got.rejected[0].code), (2, "CSV_QUOTE"));
}

#[tokio::test]
async fn invalid_utf_8_costs_one_row_and_names_the_byte() {
    let got = read_file("a.csv", b"a,b\n1,\xC3\x28\n2,ok\n", "").await.unwrap();
    assert_eq!(texts(&got), [r#"{"a":"2","b":"ok"}"#]);
    assert_eq!(got.rejected[0].message, "line 2 has invalid UTF-8 at byte 6 of the text");
}

#[tokio::test]
async fn a_character_set_is_declared_or_told_by_its_mark() {
    let expected = [r#"{"a":"é€"}"#];
    let latin = read_file("a.csv", b"a\n\xE9\x80\n", r#", "encoding": "latin1""#).await.unwrap();
    assert_eq!(texts(&latin), expected);
    let wide = read_file("a.csv", &utf16("a\né€\n"), "").await.unwrap();
    assert_eq!(texts(&wide), expected);
    let marked = read_file("a.csv", "\u{FEFF}a\né€\n".as_bytes(), "").await.unwrap();
    assert_eq!(texts(&marked), expected);
    let packed = read_file("a.csv.gz", &gz("a\né€\n".as_bytes()), "").await.unwrap();
    assert_eq!(texts(&packed), expected);
}

#[tokio::test]
async fn a_bad_pair_in_utf_16_costs_one_row() {
    let mut wide = utf16("a\n?\nb\n");
    let at = wide.iter().position(|byte| *byte == b'?').unwrap();
    wide[at..at + 2].copy_from_slice(&[0x00, 0xD8]);
    let got = read_file("a.csv", &wide, "").await.unwrap();
    assert_eq!(texts(&got), [r#"{"a":"b"}"#]);
    assert_eq!((got.rejected[0].line, got.rejected[0].code), (2, "ENCODING"));
}

#[tokio::test]
async fn columns_can_be_named_by_the_source() {
    let bare = r#", "csv": {"header": false, "columns": ["x", "y"]}"#;
    let got = read_file("a.csv", b"1,2\n", bare).await.unwrap();
    assert_eq!(texts(&got), [r#"{"x":"1","y":"2"}"#]);
    let counted = r#", "csv": {"header": false, "delimiter": ";"}"#;
    let got = read_file("a.csv", b"1;2\n", counted).await.unwrap();
    assert_eq!(texts(&got), [r#"{"column_1":"1","column_2":"2"}"#]);
    let renamed = r#", "csv": {"columns": ["x", "y"]}"#;
    let got = read_file("a.csv", b"same,same\n1,2\n", renamed).await.unwrap();
    assert_eq!(texts(&got), [r#"{"x":"1","y":"2"}"#]);
}

#[tokio::test]
async fn two_columns_of_one_name_are_refused_not_merged() {
    let failure = read_file("a.csv", b"a,a\n1,2\n", "").await.unwrap_err();
    assert_eq!(failure.code(), "CSV_HEADER");
    assert!(failure.to_string().starts_with("a.csv: "), "{failure}");
}

#[tokio::test]
async fn quotes_can_be_turned_off() {
    let got = read_file("a.tsv", b"a\tb\n\"1\t2\n", r#", "csv": {"quote": ""}"#).await.unwrap();
    assert_eq!(texts(&got), [r#"{"a":"\"1","b":"2"}"#]);
}

#[tokio::test]
async fn a_file_without_rows_has_no_records() {
    for empty in ["", "\n\n", "a,b", "a,b\r\n", "\u{FEFF}"] {
        let got = read_file("a.csv", empty.as_bytes(), "").await.unwrap();
        assert_eq!((got.records.len(), got.rejected.len()), (0, 0), "{empty:?}");
    }
}

#[tokio::test]
async fn an_endless_line_is_refused_and_the_next_one_read() {
    let mut csv = b"a,b\n1,".to_vec();
    csv.resize(9 * 1024 * 1024, b'x');
    csv.extend_from_slice(b"\n2,y\n");
    let got = read_file("a.csv", &csv, "").await.unwrap();
    assert_eq!(texts(&got), [r#"{"a":"2","b":"y"}"#]);
    assert_eq!((got.rejected[0].line, got.rejected[0].code), (2, "RECORD_TOO_BIG"));
    assert!(got.rejected[0].raw.len() < 5000);
}
