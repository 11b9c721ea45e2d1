//! Writes a batch: as one new file, or each record as a file of its own.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use ferrule_connector::{Disposition, Failure, Record};
use ferrule_core::{Digest, definition::Mode};
use object_store::path::Path;
use object_store::{Error, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions};

use crate::catalog::head;
use crate::encode::encode;
use crate::fault::failure;
use crate::listing::path;
use crate::page::is_no_file;
use crate::settings::settings;
use crate::store::Depot;
use crate::target::{Effect, Target};

/// A batch on its way into files.
pub(crate) struct Job<'j> {
    pub(crate) depot: &'j Depot,
    pub(crate) target: &'j Target,
    pub(crate) mode: Mode,
    pub(crate) records: &'j [Record],
    pub(crate) batch_id: &'j str,
}

impl Job<'_> {
    /// Does it; leaves alone what is done already.
    pub(crate) async fn run(&self, done: &mut [Option<Disposition>]) -> Result<(), Failure> {
        if self.target.operation == Effect::Write {
            return self.write(done).await;
        }
        for (record, done) in self.records.iter().zip(done) {
            if done.is_none() {
                *done = Some(self.one(record).await?);
            }
        }
        Ok(())
    }

    /// Writes the batch as one file. The file's name is the batch's own, with a mark of its content (a
    /// page that is read again may bring something else), and is never written twice: a repeat has no
    /// effect.
    async fn write(&self, done: &mut [Option<Disposition>]) -> Result<(), Failure> {
        let template = self.target.path.as_deref().unwrap_or_default();
        if !template.contains("{batch}") {
            return Err(settings("`path` of the output needs `{batch}`: a file for each batch"));
        }
        if !matches!(self.mode, Mode::Insert | Mode::Upsert) {
            return Err(settings("`operation: write` adds files: use mode `insert` or `upsert`"));
        }
        if done.iter().all(Option::is_some) {
            return Ok(());
        }
        let batch = format!("{}-{}", file_name(self.batch_id), mark(self.records));
        let name = template.replace("{batch}", &batch);
        let (bytes, outcomes) = encode(self.target, &name, self.records)?;
        if let Some(bytes) = bytes {
            let (location, bytes) = (self.location(&name)?, Bytes::from(bytes));
            let is_ours = self.create(&location, bytes.clone()).await?
                || self.holds(&location, &bytes).await?;
            if !is_ours {
                let reason =
                    format!("{name} of {} is there already, with other content", self.depot.name);
                return Err(Failure::rejected("the file store", reason));
            }
        }
        for (done, outcome) in done.iter_mut().zip(outcomes) {
            done.get_or_insert(outcome);
        }
        Ok(())
    }

    async fn one(&self, record: &Record) -> Result<Disposition, Failure> {
        let location = match self.location_of(record) {
            Ok(location) => location,
            Err(refused) => return Ok(refused),
        };
        let is_gone = record.deleted || self.mode == Mode::Delete;
        if is_gone || self.target.operation == Effect::Delete {
            return self.remove(&location).await;
        }
        match content(record) {
            Ok(bytes) => self.upload(&location, bytes).await,
            Err(refused) => Ok(refused),
        }
    }

    fn location_of(&self, record: &Record) -> Result<Path, Disposition> {
        let named = record.value.get("path").and_then(|value| value.as_str());
        let Some(key) = record.key.as_deref().or(named) else {
            return Err(refused("FILE_PATH", "the record has no key and no `path`"));
        };
        let name = self.target.path.as_deref().unwrap_or("{key}").replace("{key}", key);
        self.location(&name).map_err(|failure| refused("FILE_PATH", &failure.to_string()))
    }

    fn location(&self, name: &str) -> Result<Path, Failure> {
        let location = path(name)?;
        if location.as_ref().is_empty() {
            return Err(Failure::coded("FILE_PATH", "the path of the file is empty"));
        }
        if let Some(folder) = &self.depot.folder {
            folder.vet(&location)?;
        }
        Ok(location)
    }

    async fn upload(&self, location: &Path, bytes: Bytes) -> Result<Disposition, Failure> {
        match self.mode {
            Mode::Insert => {
                if self.create(location, bytes.clone()).await?
                    || self.holds(location, &bytes).await?
                {
                    return Ok(Disposition::Created);
                }
                Ok(refused("FILE_EXISTS", &format!("{location} is there already")))
            }
            Mode::Update if head(self.depot, location.as_ref()).await?.is_none() => {
                Ok(refused("FILE_MISSING", &format!("{location} is not there")))
            }
            _ => {
                let put = self.depot.writer.put(location, bytes.into()).await;
                put.map_err(|error| self.failed("write", location, &error))?;
                Ok(Disposition::Updated)
            }
        }
    }

    /// Writes a file that is not there yet; false when it is.
    async fn create(&self, location: &Path, bytes: Bytes) -> Result<bool, Failure> {
        let options = PutOptions::from(PutMode::Create);
        match self.depot.writer.put_opts(location, bytes.into(), options).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed("write", location, &error)),
        }
    }

    /// Tells whether the file that is there is by an earlier delivery of the same.
    async fn holds(&self, location: &Path, bytes: &Bytes) -> Result<bool, Failure> {
        let failed = |error| self.failed("read", location, &error);
        let meta = self.depot.store.head(location).await.map_err(failed)?;
        if meta.size != bytes.len() as u64 {
            return Ok(false);
        }
        let found = self.depot.store.get(location).await.map_err(failed)?;
        Ok(found.bytes().await.map_err(failed)? == bytes)
    }

    async fn remove(&self, location: &Path) -> Result<Disposition, Failure> {
        match self.depot.store.delete(location).await {
            Err(error) if !is_no_file(&error) => Err(self.failed("delete", location, &error)),
            _ => Ok(Disposition::Deleted),
        }
    }

    fn failed(&self, verb: &str, location: &Path, error: &Error) -> Failure {
        failure(&format!("{verb} {location} of {}", self.depot.name), error)
    }
}

fn content(record: &Record) -> Result<Bytes, Disposition> {
    let text = |key| record.value.get(key).and_then(|value| value.as_str());
    match (text("content"), text("content_base64")) {
        (Some(text), None) => Ok(text.to_owned().into()),
        (None, Some(base64)) => STANDARD
            .decode(base64)
            .map(Bytes::from)
            .map_err(|error| refused("FILE_CONTENT", &format!("`content_base64`: {error}"))),
        _ => {
            Err(refused("FILE_CONTENT", "the record needs `content` or `content_base64`, as text"))
        }
    }
}

/// Tells records of one batch from others of the same number.
fn mark(records: &[Record]) -> String {
    let texts: Vec<String> = records.iter().map(|record| record.value.to_string()).collect();
    let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    Digest::of(&texts).as_str().chars().take(8).collect()
}

/// A batch id may hold what a file name should not.
fn file_name(batch_id: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    batch_id.chars().map(|c| if is_plain(c) { c } else { '-' }).collect()
}

/// Refuses one record.
pub(crate) fn refused(code: &str, message: &str) -> Disposition {
    Disposition::Refused { code: code.to_owned(), message: message.to_owned() }
}
