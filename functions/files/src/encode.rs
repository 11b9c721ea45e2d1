//! Records as the bytes of one file.

use std::io::Write as _;

use ferrule_connector::{Disposition, Failure, Object, Record};
use ferrule_core::json;
use flate2::{Compression as Level, write::GzEncoder};

use crate::encode_csv::Sheet;
use crate::encode_xml::element;
use crate::format::{Compression, Format};
use crate::load::refused;
use crate::target::Target;

/// Why one record cannot be in the file: code and sentence.
pub(crate) type Unfit = (&'static str, String);

/// Returns the file, `None` when no record fits in, and what becomes of each record.
pub(crate) fn encode(
    target: &Target,
    name: &str,
    records: &[Record],
) -> Result<(Option<Vec<u8>>, Vec<Disposition>), Failure> {
    let format = target.format.or_else(|| Format::of_name(name)).ok_or_else(|| {
        let text = format!("cannot tell the format of {name} by its name: set `format`");
        Failure::coded("FILE_FORMAT", text)
    })?;
    let mut writer = Writer::new(target, format, name, records)?;
    let outcomes: Vec<_> = records
        .iter()
        .map(|record| match fit(record).and_then(|object| writer.add(object)) {
            Ok(()) => Disposition::Created,
            Err((code, message)) => refused(code, &message),
        })
        .collect();
    if !outcomes.contains(&Disposition::Created) {
        return Ok((None, outcomes));
    }
    let text = writer.finish();
    let is_gz = || name.to_ascii_lowercase().ends_with(".gz");
    let gzip = target.compression.map_or_else(is_gz, |c| c == Compression::Gzip);
    let bytes = if gzip { pack(text.as_bytes())? } else { text.into_bytes() };
    Ok((Some(bytes), outcomes))
}

fn fit(record: &Record) -> Result<&Object, Unfit> {
    if record.deleted {
        let text = "a file of records cannot say that one is gone; use `operation: delete`";
        return Err(("RECORD_DELETED", text.to_owned()));
    }
    let kind = record.value.kind();
    let text = || ("RECORD_SHAPE", format!("a record is an object, this is a {kind}"));
    record.value.as_object().ok_or_else(text)
}

/// A file that is growing.
struct Writer<'t> {
    target: &'t Target,
    format: Format,
    sheet: Sheet,
    text: String,
    is_first: bool,
}

impl<'t> Writer<'t> {
    fn new(
        target: &'t Target,
        format: Format,
        name: &str,
        records: &[Record],
    ) -> Result<Self, Failure> {
        let sheet = Sheet::new(&target.csv, name, records)?;
        let text = match format {
            Format::Csv => sheet.header(),
            Format::Json => "[\n".to_owned(),
            Format::Jsonl => String::new(),
            Format::Xml => "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<records>\n".to_owned(),
        };
        Ok(Self { target, format, sheet, text, is_first: true })
    }

    fn add(&mut self, record: &Object) -> Result<(), Unfit> {
        let line = match self.format {
            Format::Csv => self.sheet.row(record)?,
            Format::Json | Format::Jsonl => {
                let mut line = String::new();
                json::write(&record.clone().into(), &mut line);
                line
            }
            Format::Xml => element(&self.target.element, record)?,
        };
        if self.format == Format::Json && !self.is_first {
            self.text.truncate(self.text.trim_end().len());
            self.text.push_str(",\n");
        }
        self.text.push_str(&line);
        self.text.push_str(if self.format == Format::Csv { "\r\n" } else { "\n" });
        self.is_first = false;
        Ok(())
    }

    fn finish(mut self) -> String {
        match self.format {
            Format::Json => self.text.push_str("]\n"),
            Format::Xml => self.text.push_str("</records>\n"),
            Format::Csv | Format::Jsonl => {}
        }
        self.text
    }
}

fn pack(text: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::default());
    let packed = encoder.write_all(text).and_then(|()| encoder.finish());
    packed.map_err(|error| Failure::coded("GZIP", format!("pack the file: {error}")))
}
