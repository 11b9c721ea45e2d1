//! Writing: one file a batch, or one a record.

use ferrule_connector::{Disposition, Failure, Object, Record, Value};
use ferrule_core::{definition::Mode, json};
use futures_util::TryStreamExt as _;
use object_store::{ObjectStoreExt as _, path::Path};
use proptest::prelude::*;

use super::folder::Scratch;
use super::{depot, read, source, texts};
use crate::load::Job;
use crate::store::Depot;
use crate::target::Target;

fn records(values: &[&str]) -> Vec<Record> {
    let value = |text: &&str| json::parse(text.as_bytes()).unwrap();
    values.iter().map(|v| Record { value: value(v), ..Record::default() }).collect()
}

async fn load_as(
    depot: &Depot,
    target: &str,
    mode: Mode,
    records: &[Record],
) -> Result<Vec<Disposition>, Failure> {
    let target: Target = serde_json::from_str(target).unwrap();
    let mut done = vec![None; records.len()];
    let job = Job { depot, target: &target, mode, records, batch_id: "run/1#0" };
    job.run(&mut done).await?;
    Ok(done.into_iter().map(Option::unwrap).collect())
}

async fn load(depot: &Depot, target: &str, values: &[&str]) -> Result<Vec<Disposition>, Failure> {
    load_as(depot, target, Mode::Insert, &records(values)).await
}

async fn text(depot: &Depot, name: &str) -> String {
    let bytes = depot.store.get(&Path::from(name)).await.unwrap().bytes().await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Names what was written, in order.
async fn names(depot: &Depot) -> Vec<String> {
    let all: Vec<_> = depot.store.list(None).try_collect().await.unwrap();
    let mut names: Vec<_> = all.into_iter().map(|meta| meta.location.to_string()).collect();
    names.sort_unstable();
    names
}

/// Names the only file that was written.
async fn name(depot: &Depot) -> String {
    let [name] = names(depot).await.try_into().unwrap();
    name
}

#[tokio::test]
async fn a_batch_is_one_file_named_after_it() {
    let depot = depot(&[]).await;
    let values = [r#"{"a":1.10,"b":"x, \"y\""}"#, r#"{"a":null,"c":[1]}"#];
    let done = load(&depot, r#"{"path": "out/{batch}.csv"}"#, &values).await.unwrap();
    assert_eq!(done, [Disposition::Created, Disposition::Created]);
    let expected = "a,b,c\r\n1.10,\"x, \"\"y\"\"\",\r\n,,[1]\r\n";
    let name = name(&depot).await;
    assert!(name.starts_with("out/run-1-0-") && name.len() == "out/run-1-0-01234567.csv".len());
    assert_eq!(text(&depot, &name).await, expected);
}

#[tokio::test]
async fn a_batch_that_comes_twice_is_written_once_and_counted_the_same() {
    let depot = depot(&[]).await;
    let target = r#"{"path": "{batch}.jsonl.gz"}"#;
    let first = load(&depot, target, &[r#"{"a":1}"#]).await.unwrap();
    assert_eq!(load(&depot, target, &[r#"{"a":1}"#]).await.unwrap(), first);
    assert_eq!(names(&depot).await.len(), 1);
}

#[tokio::test]
async fn another_batch_of_the_same_number_and_size_is_a_file_of_its_own() {
    let depot = depot(&[]).await;
    let target = r#"{"path": "{batch}.jsonl"}"#;
    for value in [r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":1}"#] {
        let done = load(&depot, target, &[value]).await.unwrap();
        assert_eq!(done, [Disposition::Created], "{value}");
    }
    let names = names(&depot).await;
    let mut texts = [text(&depot, &names[0]).await, text(&depot, &names[1]).await];
    texts.sort_unstable();
    assert_eq!((names.len(), texts.concat().as_str()), (2, "{\"a\":1}\n{\"a\":2}\n"));
}

#[tokio::test]
async fn a_file_of_that_name_with_other_content_is_left_alone() {
    let depot = depot(&[]).await;
    let target = r#"{"path": "{batch}.jsonl"}"#;
    load(&depot, target, &[r#"{"a":1}"#]).await.unwrap();
    let there = Path::from(name(&depot).await);
    depot.store.put(&there, "{\"a\":9}\n".into()).await.unwrap();
    let failure = load(&depot, target, &[r#"{"a":1}"#]).await.unwrap_err();
    assert_eq!(failure.code(), "rejected");
    assert_eq!(text(&depot, there.as_ref()).await, "{\"a\":9}\n");
}

#[tokio::test]
async fn what_is_written_is_read_back_in_every_format() {
    let values = [r#"{"a":"1","b":"é<&>\"\n"}"#, r#"{"a":"x","b":"y"}"#];
    for format in ["csv", "json", "jsonl", "xml", "csv.gz", "json.gz"] {
        let depot = depot(&[]).await;
        let target = format!(r#"{{"path": "{{batch}}.{format}"}}"#);
        load(&depot, &target, &values).await.unwrap();
        let source = source(&format!(r#"{{"path": "run-1-0-*.{format}"}}"#));
        let got = read(&depot, &source, 1).await.unwrap();
        assert_eq!(texts(&got), values, "{format}");
    }
}

#[tokio::test]
async fn formulas_are_escaped_on_request() {
    let values = [r#"{"a":"=cmd()","b":"+1","c":"-1","d":"@x","e":-1,"f":"a=b","g":"\tx"}"#];
    let depot = depot(&[]).await;
    let target = r#"{"path": "{batch}.csv", "csv": {"escape_formulas": true, "header": false}}"#;
    load(&depot, target, &values).await.unwrap();
    let name = name(&depot).await;
    assert_eq!(text(&depot, &name).await, "'=cmd(),'+1,'-1,'@x,-1,a=b,'\tx\r\n");
}

#[tokio::test]
async fn a_record_that_does_not_fit_is_refused_alone() {
    let code = |done: &Disposition| match done {
        Disposition::Refused { code, .. } => code.clone(),
        other => format!("{other:?}"),
    };
    let all = async |target: &str, values: &[&str]| {
        let done = load(&depot(&[]).await, target, values).await.unwrap();
        done.iter().map(code).collect::<Vec<_>>()
    };
    let csv = r#"{"path": "{batch}.csv", "csv": {"columns": ["a"]}}"#;
    assert_eq!(
        all(csv, &[r#"{"a":1}"#, r#"{"b":1}"#, "7"]).await,
        ["Created", "CSV_COLUMNS", "RECORD_SHAPE"]
    );
    let xml = r#"{"path": "{batch}.xml"}"#;
    let values = [r#"{"a b":1}"#, r#"{"a":"\u0001"}"#, r#"{"a":[[1]]}"#];
    assert_eq!(all(xml, &values).await, ["XML_NAME", "XML_CHARACTER", "XML_SHAPE"]);
}

#[tokio::test]
async fn a_record_becomes_a_file_and_a_file_goes() {
    let depot = depot(&[]).await;
    let up = r#"{"operation": "upload", "path": "docs/{key}"}"#;
    let one =
        records(&[r#"{"path":"a.txt","content":"é"}"#, r#"{"path":"b","content_base64":"/wA="}"#]);
    for _ in 0..2 {
        let done = load_as(&depot, up, Mode::Insert, &one).await.unwrap();
        assert_eq!(done, [Disposition::Created, Disposition::Created]);
    }
    assert_eq!(text(&depot, "docs/a.txt").await, "é");
    let other = records(&[r#"{"path":"a.txt","content":"z"}"#, r#"{"path":"new","content":"z"}"#]);
    let done = load_as(&depot, up, Mode::Insert, &other[..1]).await.unwrap();
    assert!(matches!(&done[0], Disposition::Refused { code, .. } if code == "FILE_EXISTS"));
    let done = load_as(&depot, up, Mode::Update, &other).await.unwrap();
    assert_eq!(done[0], Disposition::Updated);
    assert!(matches!(&done[1], Disposition::Refused { code, .. } if code == "FILE_MISSING"));
    for _ in 0..2 {
        let done = load_as(&depot, up, Mode::Delete, &one).await.unwrap();
        assert_eq!(done, [Disposition::Deleted, Disposition::Deleted]);
    }
    let left = read(&depot, &source(r#"{"path": "**", "operation": "list"}"#), 9).await.unwrap();
    assert_eq!(left.records.len(), 0);
}

#[tokio::test]
async fn a_record_cannot_write_outside_of_the_folder() {
    let (outside, scratch) = (Scratch::new(), Scratch::new());
    std::os::unix::fs::symlink(&outside.0, scratch.0.join("out")).unwrap();
    let climb = [r#"{"path":"../x","content":"z"}"#, r#"{"path":"out/new/x","content":"z"}"#];
    for effect in ["upload", "delete"] {
        let target = format!(r#"{{"operation": "{effect}"}}"#);
        let done = load(&scratch.depot(), &target, &climb).await.unwrap();
        assert!(
            done.iter()
                .all(|d| matches!(d, Disposition::Refused { code, .. } if code == "FILE_PATH"))
        );
    }
    assert_eq!(std::fs::read_dir(&outside.0).unwrap().count(), 0);
}

#[tokio::test]
async fn a_template_without_batch_would_overwrite_and_is_refused() {
    let failure = load(&depot(&[]).await, r#"{"path": "out.csv"}"#, &["{}"]).await.unwrap_err();
    assert!(failure.to_string().contains("{batch}"), "{failure}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn csv_that_we_write_is_csv_that_we_read(
        rows in proptest::collection::vec(proptest::collection::vec("[\"',;\r\n\u{FEFF}=a é]{0,5}", 2..3), 1..9),
    ) {
        let value = |row: &Vec<String>| Value::from(Object::from_iter([("x", row[0].as_str().into()), ("y", row[1].as_str().into())]));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let depot = depot(&[]).await;
            let texts_in: Vec<_> = rows.iter().map(|row| value(row).to_string()).collect();
            let values: Vec<_> = texts_in.iter().map(String::as_str).collect();
            load(&depot, r#"{"path": "{batch}.csv"}"#, &values).await.unwrap();
            let got = read(&depot, &source(r#"{"path": "run-1-0-*.csv"}"#), 3).await.unwrap();
            assert_eq!(texts(&got), values);
        });
    }
}
