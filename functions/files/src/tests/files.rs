//! Which files are read, in which order, and what happens when they change.

use ferrule_connector::Value;
use object_store::ObjectStoreExt as _;

use super::{depot, gz, read, source};
use crate::extract::extract;

#[tokio::test]
async fn files_that_match_are_read_in_order_of_their_names() {
    let files: &[(&str, &[u8])] = &[
        ("in/b.csv", b"a\n2\n"),
        ("in/a.csv", b"a\n1\n"),
        ("in/deep/c.csv", b"a\n3\n"),
        ("in/note.txt", b"x"),
        ("out/a.csv", b"a\n9\n"),
    ];
    let depot = depot(files).await;
    let flat = read(&depot, &source(r#"{"path": "in/*.csv"}"#), 10).await.unwrap();
    assert_eq!(flat.origins, ["in/a.csv", "in/b.csv"]);
    let deep = read(&depot, &source(r#"{"path": "in/**/*.csv"}"#), 10).await.unwrap();
    assert_eq!(deep.origins, ["in/a.csv", "in/b.csv", "in/deep/c.csv"]);
}

#[tokio::test]
async fn many_files_are_listed_a_few_at_a_time() {
    let names: Vec<_> = (0..200).map(|n| format!("in/{n:03}.csv")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), &b"a\n1\n"[..])).collect();
    for is_sorted in [true, false] {
        let mut depot = depot(&files).await;
        depot.is_sorted = is_sorted;
        let got = read(&depot, &source(r#"{"path": "in/*.csv"}"#), 10).await.unwrap();
        assert_eq!((got.records.len(), got.origins.as_slice()), (200, names.as_slice()));
    }
}

#[tokio::test]
async fn no_match_is_no_records_but_a_missing_file_is_a_failure() {
    let depot = depot(&[]).await;
    let read = async |json: &str| read(&depot, &source(json), 10).await;
    assert_eq!(read(r#"{"path": "in/*.csv"}"#).await.unwrap().records.len(), 0);
    assert_eq!(read(r#"{"path": "a.csv", "must_exist": false}"#).await.unwrap().pages, 1);
    for json in [r#"{"path": "a.csv"}"#, r#"{"path": "in/*.csv", "must_exist": true}"#] {
        assert_eq!(read(json).await.unwrap_err().code(), "FILE_MISSING");
    }
}

#[tokio::test]
async fn a_file_that_changes_between_two_pages_is_not_mixed() {
    for (name, old, new) in [
        ("a.csv", b"a\n1\n2\n3\n".to_vec(), b"a\n7\n8\n9\n".to_vec()),
        ("a.csv", b"a\n1\n2\n3\n".to_vec(), b"a\n".to_vec()),
        ("a.csv.gz", gz(b"a\n1\n2\n3\n"), gz(b"a\n7\n8\n9\n")),
    ] {
        let depot = depot(&[(name, &old)]).await;
        let source = source(&format!(r#"{{"path": "{name}"}}"#));
        let first = extract(&depot, &source, &Value::Null, 1).await.unwrap();
        let location = object_store::path::Path::from(name);
        depot.store.put(&location, new.into()).await.unwrap();
        let failure = extract(&depot, &source, &first.next.unwrap(), 1).await.unwrap_err();
        assert_eq!(failure.code(), "FILE_CHANGED");
    }
}

#[tokio::test]
async fn a_path_cannot_climb() {
    for path in ["../a.csv", "in/../../a.csv", "../*.csv", "a/./b.csv"] {
        let outcome =
            read(&depot(&[]).await, &source(&format!(r#"{{"path": "{path}"}}"#)), 1).await;
        assert_eq!(outcome.unwrap_err().code(), "FILE_PATH", "{path}");
    }
}

#[tokio::test]
async fn a_format_that_the_name_does_not_tell_must_be_set() {
    let depot = depot(&[("export", b"a\n1\n")]).await;
    let failure = read(&depot, &source(r#"{"path": "export"}"#), 1).await.unwrap_err();
    assert_eq!(failure.code(), "FILE_FORMAT");
    let told = source(r#"{"path": "export", "format": "csv"}"#);
    assert_eq!(read(&depot, &told, 1).await.unwrap().records.len(), 1);
}

#[tokio::test]
async fn a_gzip_bomb_is_refused() {
    let bomb = gz(&vec![b' '; 12 * 1024 * 1024]);
    let depot = depot(&[("a.csv.gz", &bomb)]).await;
    let failure = read(&depot, &source(r#"{"path": "a.csv.gz"}"#), 1000).await.unwrap_err();
    assert_eq!(failure.code(), "GZIP_BOMB");
}

#[tokio::test]
async fn files_can_be_listed_and_downloaded() {
    let depot = depot(&[("in/a.txt", "é".as_bytes()), ("in/b.bin", b"\xFF\x00")]).await;
    let list = source(r#"{"path": "in/*", "operation": "list"}"#);
    let got = read(&depot, &list, 1).await.unwrap();
    assert_eq!((got.records.len(), got.pages), (2, 2));
    assert!(got.records[0].1.starts_with(r#"{"path":"in/a.txt","name":"a.txt","size":2,"#));
    let download = source(r#"{"path": "in/*", "operation": "download"}"#);
    let got = read(&depot, &download, 10).await.unwrap();
    assert!(got.records[0].1.contains(r#""content":"é""#));
    assert!(got.records[1].1.contains(r#""content_base64":"/wA=""#));
}
