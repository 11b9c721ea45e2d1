//! One page of records: opens the file, goes to the place, reads on.

use ferrule_connector::{Failure, Fetched, Record, Rejected, Value};
use futures_util::{StreamExt, TryStreamExt};
use object_store::{Error, GetOptions, GetRange, ObjectStore as _};

use crate::csv::Rows;
use crate::fault::failure;
use crate::format::{Compression, Format};
use crate::frame::{Framed, Framer, Step, View, excerpt};
use crate::json::Document;
use crate::lines::Lines;
use crate::listing::path;
use crate::position::Place;
use crate::source::Source;
use crate::store::Depot;
use crate::text::{Text, Wrapping};
use crate::xml::Elements;

/// A page ends when this much text is in its records, however few they are.
const PAGE_BYTES: u64 = 4 * 1024 * 1024;

/// Entity tags that this connector makes itself begin with this.
const OWN_TAG: char = '~';

/// A file that is being read.
pub(crate) struct Reading {
    file: String,
    tag: String,
    text: Text,
    framer: Box<dyn Framer>,
    fetched: Fetched,
}

impl Reading {
    /// Opens a file at its start; `None` when it is not there.
    pub(crate) async fn start(
        depot: &Depot,
        source: &Source,
        file: &str,
    ) -> Result<Option<Self>, Failure> {
        let format = source.format_of(file)?;
        let options = GetOptions::default();
        let Some((chunks, tag)) = get(depot, file, options).await? else { return Ok(None) };
        let text = Text::open(chunks, &wrapping(source, format)).await?;
        let framer = framer(source, format, file, &Value::Null)?;
        Ok(Some(Self { file: file.to_owned(), tag, text, framer, fetched: Fetched::default() }))
    }

    /// Opens a file where the page before has stopped.
    pub(crate) async fn go_on(
        depot: &Depot,
        source: &Source,
        place: Place,
    ) -> Result<Self, Failure> {
        let Place { file, tag, at, line, is_plain, carry } = place;
        let format = source.format_of(&file)?;
        let options = GetOptions {
            if_match: (!tag.starts_with(OWN_TAG)).then(|| tag.clone()),
            range: is_plain.then_some(GetRange::Offset(at)),
            ..GetOptions::default()
        };
        let Some((chunks, now)) = get(depot, &file, options).await? else {
            return Err(changed(&file));
        };
        if now != tag {
            return Err(changed(&file));
        }
        let mut text = if is_plain {
            Text::resume(chunks, at, line)
        } else {
            Text::open(chunks, &wrapping(source, format)).await?
        };
        if !is_plain {
            text.skip_to(at, line);
        }
        let framer = framer(source, format, &file, &carry)?;
        Ok(Self { file, tag, text, framer, fetched: Fetched::default() })
    }

    /// Reads up to `most` records; says where the next page starts when the file goes on.
    pub(crate) async fn page(mut self, most: usize) -> Result<(Fetched, Option<Place>), Failure> {
        self.fetched.origin.clone_from(&self.file);
        let start = self.text.at();
        let mut is_full = false;
        while !is_full {
            match self.next().await? {
                None => return Ok((self.fetched, None)),
                Some(framed) => self.take(framed),
            }
            let taken = self.fetched.records.len() + self.fetched.rejected.len();
            is_full = taken >= most || self.text.at() - start >= PAGE_BYTES;
        }
        let place = Place {
            file: self.file.clone(),
            tag: self.tag.clone(),
            at: self.text.at(),
            line: self.text.line(),
            is_plain: self.text.is_plain(),
            carry: self.framer.carry(),
        };
        let goes_on = self.next().await?.is_some();
        Ok((self.fetched, goes_on.then_some(place)))
    }

    /// Finds the next record; `None` at the end of the file.
    async fn next(&mut self) -> Result<Option<Framed>, Failure> {
        loop {
            let view = View::of(&self.text);
            match self.framer.step(view).map_err(|failure| self.in_file(failure))? {
                Step::End => return Ok(None),
                Step::Record(framed) => return Ok(Some(framed)),
                Step::Skip(bytes) => self.text.consume(bytes),
                Step::More if self.text.is_ended() => return Ok(None),
                Step::More => self.text.widen().await.map_err(|failure| self.in_file(failure))?,
            }
        }
    }

    fn take(&mut self, framed: Framed) {
        let Framed { bytes, line, outcome } = framed;
        match outcome {
            Ok(value) => self.fetched.records.push(Record { line, value, ..Record::default() }),
            Err(problem) => {
                let raw = problem.raw.unwrap_or_else(|| excerpt(&self.text.window()[..bytes]));
                let (code, message) = (problem.code, problem.message);
                self.fetched.rejected.push(Rejected { line, code, message, raw });
            }
        }
        self.text.consume(bytes);
    }

    /// Puts the file's name before what is wrong in it.
    fn in_file(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Invalid { code, reason } => {
                Failure::coded(code, format!("{}: {reason}", self.file))
            }
            other => other,
        }
    }
}

fn framer(
    source: &Source,
    format: Format,
    file: &str,
    carry: &Value,
) -> Result<Box<dyn Framer>, Failure> {
    let records = source.records.as_deref();
    Ok(match format {
        Format::Csv => Box::new(Rows::new(source.csv.dialect(file)?, &source.csv.columns, carry)?),
        Format::Jsonl => Box::new(Lines::default()),
        Format::Json => Box::new(Document::new(records, carry)),
        Format::Xml => Box::new(Elements::new(records, carry)),
    })
}

fn wrapping(source: &Source, format: Format) -> Wrapping {
    Wrapping {
        gzip: source.compression.map(|compression| compression == Compression::Gzip),
        max_bytes: u64::from(source.max_inflated_mib) * 1024 * 1024,
        encoding: source.encoding.clone(),
        xml: format == Format::Xml,
    }
}

/// Asks for a file; returns its bytes and its tag, or `None` when it is not there.
async fn get(
    depot: &Depot,
    file: &str,
    options: GetOptions,
) -> Result<Option<(crate::text::Chunks, String)>, Failure> {
    let location = path(file)?;
    if let Some(folder) = &depot.folder {
        folder.vet(&location)?;
    }
    let what = format!("read {file} of {}", depot.name);
    let found = match depot.store.get_opts(&location, options).await {
        Ok(found) => found,
        Err(error) if is_no_file(&error) => return Ok(None),
        Err(Error::Precondition { .. }) => return Err(changed(file)),
        Err(error) => return Err(failure(&what, &error)),
    };
    let tag = tag(&found.meta);
    let chunks = found.into_stream().map_err(move |error| failure(&what, &error)).boxed();
    Ok(Some((chunks, tag)))
}

/// A missing bucket is "not found" too, but it does not mean that there is no file.
pub(crate) fn is_no_file(error: &Error) -> bool {
    let text = error.to_string();
    let is_place = text.contains("NoSuchBucket") || text.contains("ContainerNotFound");
    matches!(error, Error::NotFound { .. }) && !is_place
}

/// Returns what changes when a file changes.
pub(crate) fn tag(meta: &object_store::ObjectMeta) -> String {
    let own = || format!("{OWN_TAG}{}-{}", meta.size, meta.last_modified.timestamp_micros());
    meta.e_tag.clone().unwrap_or_else(own)
}

fn changed(file: &str) -> Failure {
    let text = format!("{file} changed or went away while it was being read; sync again");
    Failure::coded("FILE_CHANGED", text)
}
