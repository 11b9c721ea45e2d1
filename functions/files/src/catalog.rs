//! Files as records: a list of them, or one with its content.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_connector::{Failure, Fetched, Object, Record, Value};
use object_store::{ObjectMeta, ObjectStoreExt as _};

use crate::fault::failure;
use crate::listing::{Ahead, Pattern, path};
use crate::page::{is_no_file, tag};
use crate::position::Position;
use crate::source::Source;
use crate::store::Depot;

/// Largest file that fits in a record.
const MAX_CONTENT_BYTES: u64 = 4 * 1024 * 1024;

/// Lists the next files; one record each.
pub(crate) async fn list(
    depot: &Depot,
    source: &Source,
    pattern: &Pattern,
    position: &Value,
    page_size: usize,
) -> Result<Fetched, Failure> {
    let mut position = Position::read(position)?;
    let ahead = match pattern.plain() {
        Some(plain) => {
            let files = head(depot, plain.as_ref()).await?.into_iter().collect();
            Ahead { files, is_all: true }
        }
        None => pattern.ahead(depot, position.listed.as_deref(), page_size).await?,
    };
    position.is_listed = ahead.is_all;
    position.listed = ahead.files.last().map(|meta| meta.location.to_string());
    let records = ahead.files.iter().map(|meta| {
        let value = about(meta).into();
        Record { value, ..Record::default() }
    });
    let (origin, records) = (source.path.clone(), records.collect());
    Ok(Fetched { origin, records, next: position.write()?, ..Fetched::default() })
}

/// Reads a whole file as one record; `None` when it is not there.
pub(crate) async fn download(depot: &Depot, file: &str) -> Result<Option<Fetched>, Failure> {
    let Some(meta) = head(depot, file).await? else { return Ok(None) };
    if meta.size > MAX_CONTENT_BYTES {
        let limit = MAX_CONTENT_BYTES / (1024 * 1024);
        let text =
            format!("{file} has {} bytes; only up to {limit} MiB fit in a record", meta.size);
        return Err(Failure::coded("FILE_TOO_BIG", text));
    }
    let what = |error| failure(&format!("read {file} of {}", depot.name), &error);
    let found = depot.store.get(&meta.location).await.map_err(what)?;
    let bytes = found.bytes().await.map_err(what)?;
    let mut value = about(&meta);
    match std::str::from_utf8(&bytes) {
        Ok(text) => value.insert("content", text.into()),
        Err(_) => value.insert("content_base64", STANDARD.encode(&bytes).into()),
    }
    let records = vec![Record { value: value.into(), ..Record::default() }];
    Ok(Some(Fetched { origin: file.to_owned(), records, ..Fetched::default() }))
}

/// Asks for what is known about a file; `None` when it is not there.
pub(crate) async fn head(depot: &Depot, file: &str) -> Result<Option<ObjectMeta>, Failure> {
    let location = path(file)?;
    if let Some(folder) = &depot.folder {
        folder.vet(&location)?;
    }
    match depot.store.head(&location).await {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if is_no_file(&error) => Ok(None),
        Err(error) => Err(failure(&format!("look at {file} of {}", depot.name), &error)),
    }
}

fn about(meta: &ObjectMeta) -> Object {
    let size = i64::try_from(meta.size).unwrap_or(i64::MAX);
    let name = meta.location.filename().unwrap_or_default();
    Object::from_iter([
        ("path", Value::from(meta.location.as_ref())),
        ("name", name.into()),
        ("size", size.into()),
        ("modified", meta.last_modified.to_rfc3339().into()),
        ("tag", tag(meta).into()),
    ])
}
