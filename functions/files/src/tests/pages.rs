//! Whatever the page size, the records are the same; whatever the bytes, nothing breaks.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Got, depot, gz, read, source, utf16};

pub(super) fn block<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(super) async fn in_pages(
    name: &str,
    bytes: &[u8],
    more: &str,
    size: usize,
) -> Result<Got, String> {
    let source = source(&format!(r#"{{"path": "{name}"{more}}}"#));
    let got = read(&depot(&[(name, bytes)]).await, &source, size).await;
    got.map(|got| Got { pages: 0, ..got }).map_err(|failure| failure.to_string())
}

/// Text in which everything that CSV cares about is frequent.
fn csv_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\"".to_owned()),
        Just(",".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\r".to_owned()),
        Just("\u{FEFF}".to_owned()),
        Just("a\"b".to_owned()),
        "[a-z é]{1,3}",
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![csv_like(), "\\PC{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn pages_of_any_size_hold_the_same_csv_records(text in csv_like(), size in 1_usize..5) {
        block(async {
            let text = format!("x,y\n{text}");
            let whole = in_pages("a.csv", text.as_bytes(), "", 1000).await;
            let paged = in_pages("a.csv", text.as_bytes(), "", size).await;
            assert_eq!(whole, paged);
            let packed = in_pages("a.csv", &gz(text.as_bytes()), "", size).await;
            assert_eq!(whole, packed);
        });
    }

    #[test]
    fn utf_16_gives_the_same_records_as_utf_8(text in csv_like(), size in 1_usize..5) {
        block(async {
            let text = format!("x,y\n{text}");
            let narrow = in_pages("a.csv", text.as_bytes(), "", 1000).await;
            let wide = in_pages("a.csv", &utf16(&text), "", size).await;
            assert_eq!(narrow, wide);
        });
    }

    #[test]
    fn what_the_csv_crate_writes_is_read_back(
        rows in vec(vec(value(), 3..4), 1..8),
        size in 1_usize..5,
        crlf in any::<bool>(),
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
        writer.write_record(["a", "b", "c"]).unwrap();
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let got = block(in_pages("a.csv", &text, "", size)).unwrap();
        let read: Vec<Vec<String>> = got.records.iter().map(|(_, json)| {
            let record: serde_json::Value = serde_json::from_str(json).unwrap();
            ["a", "b", "c"].iter().map(|key| record[key].as_str().unwrap().to_owned()).collect()
        }).collect();
        prop_assert_eq!(read, rows);
    }

    #[test]
    fn pages_of_any_size_hold_the_same_json_records(
        values in vec((any::<i64>(), "\\PC{0,9}"), 0..20),
        size in 1_usize..5,
    ) {
        let objects: Vec<_> = values.iter().map(|(n, s)| serde_json::json!({"n": n, "s": s, "l": [{}]})).collect();
        let list = serde_json::to_string_pretty(&serde_json::json!({"data": {"x": [1], "items": objects}}));
        let lines: String = objects.iter().flat_map(|object| [object.to_string(), "\n".into()]).collect();
        block(async {
            let at = r#", "records": "data.items""#;
            let list = list.unwrap();
            let paged = in_pages("a.json", list.as_bytes(), at, size).await.unwrap();
            let whole = in_pages("a.json", list.as_bytes(), at, 1000).await.unwrap();
            assert_eq!((&paged, paged.records.len()), (&whole, values.len()));
            let lines = in_pages("a.jsonl", lines.as_bytes(), "", size).await.unwrap();
            assert_eq!(super::texts(&lines), super::texts(&whole));
        });
    }

    #[test]
    fn pages_of_any_size_hold_the_same_xml_records(
        values in vec("[a-z<>&é\n ]{0,9}", 0..20),
        size in 1_usize..5,
    ) {
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        let items: String = values.iter().map(|v| ["<i k='", &escape(v), "'><b/></i>\n"].concat()).collect();
        let text = format!("<r><head/><l>{items}</l></r>");
        block(async {
            let at = r#", "records": "r/l/i""#;
            let paged = in_pages("a.xml", text.as_bytes(), at, size).await.unwrap();
            let whole = in_pages("a.xml", text.as_bytes(), at, 1000).await.unwrap();
            assert_eq!((&paged, paged.records.len()), (&whole, values.len()));
        });
    }

    #[test]
    fn no_bytes_break_a_reader(bytes in vec(any::<u8>(), 0..400), pick in 0_usize..4) {
        let name = ["a.csv", "a.json", "a.jsonl", "a.xml"][pick];
        let encoding = ["", r#", "encoding": "utf-16le""#, r#", "encoding": "shift_jis""#];
        for more in encoding {
            let whole = block(in_pages(name, &bytes, more, 1000));
            let paged = block(in_pages(name, &bytes, more, 2));
            prop_assert!(whole.is_err() || whole == paged, "{whole:?} {paged:?}");
        }
    }

    #[test]
    fn no_text_of_brackets_breaks_a_reader(text in "[\\[\\]{}<>/!\",:a1 \\\\-]{0,40}") {
        for name in ["a.json", "a.xml", "a.jsonl", "a.csv"] {
            let whole = block(in_pages(name, text.as_bytes(), "", 1000));
            let paged = block(in_pages(name, text.as_bytes(), "", 1));
            prop_assert!(whole.is_err() || whole == paged, "{whole:?} {paged:?}");
        }
    }
}
