//! Reads whole files page by page, as a run does.

mod azure;
mod connector;
mod csv;
mod files;
mod folder;
mod fuzz;
mod hostile;
mod json;
mod load;
mod memory;
mod pages;
mod real;
mod s3;
mod xml;

use std::sync::Arc;

use ferrule_connector::{Failure, Fetched, Rejected, Value};
use object_store::{ObjectStore, ObjectStoreExt as _, memory::InMemory, path::Path};

use crate::extract::extract;
use crate::source::Source;
use crate::store::Depot;

/// What a run got from its pages.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Got {
    /// Line and JSON text of each record.
    pub(crate) records: Vec<(u64, String)>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) pages: usize,
    pub(crate) origins: Vec<String>,
}

pub(crate) fn over(store: Arc<dyn ObjectStore>) -> Depot {
    let writer = Arc::clone(&store);
    Depot { store, writer, folder: None, is_sorted: true, name: "the test".into() }
}

pub(crate) async fn depot(files: &[(&str, &[u8])]) -> Depot {
    let store = InMemory::new();
    for (name, bytes) in files {
        store.put(&Path::from(*name), bytes.to_vec().into()).await.unwrap();
    }
    over(Arc::new(store))
}

pub(crate) fn source(json: &str) -> Source {
    serde_json::from_str(json).unwrap()
}

/// Reads everything, `page_size` records at a time.
pub(crate) async fn read(depot: &Depot, source: &Source, page_size: usize) -> Result<Got, Failure> {
    let mut got = Got::default();
    let mut position = Value::Null;
    loop {
        let Fetched { origin, records, rejected, next } =
            extract(depot, source, &position, page_size).await?;
        assert!(records.len() + rejected.len() <= page_size);
        got.records.extend(records.into_iter().map(|r| (r.line, r.value.to_string())));
        got.rejected.extend(rejected);
        got.pages += 1;
        if got.origins.last() != Some(&origin) {
            got.origins.push(origin);
        }
        match next {
            Some(next) => position = next,
            None => return Ok(got),
        }
    }
}

/// Reads one file called `name`.
pub(crate) async fn read_file(name: &str, bytes: &[u8], more: &str) -> Result<Got, Failure> {
    let source = source(&format!(r#"{{"path": "{name}"{more}}}"#));
    read(&depot(&[(name, bytes)]).await, &source, 1000).await
}

pub(crate) fn texts(got: &Got) -> Vec<&str> {
    got.records.iter().map(|(_, text)| text.as_str()).collect()
}

pub(crate) fn gz(plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}
