//! The real export, when it is there.

use super::folder::open;
use super::{read, source};

#[tokio::test]
async fn the_real_export_is_read_whole_with_its_line_numbers() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let Ok(depot) = open(folder) else {
        println!("skipped: the real export is not there");
        return;
    };
    let source = source(r#"{"path": "servicenow_incidents.csv"}"#);
    let got = read(&depot, &source, 1000).await.unwrap();
    assert_eq!((got.records.len(), got.rejected.len(), got.pages), (5998, 0, 6));
    assert_eq!((got.records[0].0, got.records[5997].0), (2, 5999));
    let first = &got.records[0].1;
    assert!(first.starts_with(r#"{"number":"INC0000045","incident_state":"New""#), "{first}");
    assert!(first.contains(r#""opened_by":"Opened by  8""#), "{first}");
}
