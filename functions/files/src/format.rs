//! How files can be written: shared by source and target.

use ferrule_connector::Failure;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::settings;

/// How records are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Rows of text, separated by commas.
    Csv,
    /// A JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// An XML document.
    Xml,
}

/// Whether a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// It is not.
    None,
    /// With gzip.
    Gzip,
}

/// How CSV files are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// Separates columns: one ASCII character. A comma; a tab in `.tsv` files.
    #[serde(default)]
    pub delimiter: Option<char>,
    /// Surrounds values; twice within a value it stands for itself. A double quote; `""` for none.
    #[serde(default)]
    pub quote: Option<String>,
    /// The first row names the columns. Yes when absent.
    #[serde(default)]
    pub header: Option<bool>,
    /// Names of the columns, instead of the file's own.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Written files only: puts `'` before text that a spreadsheet would run as a formula
    /// (it starts with `=`, `+`, `-`, `@`, a tab or a carriage return).
    #[serde(default)]
    pub escape_formulas: bool,
}

/// [`Csv`], checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: Option<u8>,
    pub(crate) header: bool,
}

impl Format {
    /// Tells the format by the end of a file's name.
    pub(crate) fn of_name(path: &str) -> Option<Self> {
        match extension(path)?.as_str() {
            "csv" | "tsv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "xml" => Some(Self::Xml),
            _ => None,
        }
    }
}

impl Csv {
    /// Checks the options for the file at `path`.
    pub(crate) fn dialect(&self, path: &str) -> Result<Dialect, Failure> {
        let tabs = extension(path).is_some_and(|extension| extension == "tsv");
        let delimiter = self.delimiter.unwrap_or(if tabs { '\t' } else { ',' });
        let quote = match self.quote.as_deref() {
            None => Some(b'"'),
            Some("") => None,
            Some(text) => Some(one_ascii(text, "quote")?),
        };
        let delimiter = one_ascii(&delimiter.to_string(), "delimiter")?;
        if quote == Some(delimiter) {
            return Err(settings("csv `quote` and `delimiter` are the same character"));
        }
        Ok(Dialect { delimiter, quote, header: self.header.unwrap_or(true) })
    }
}

fn one_ascii(text: &str, key: &str) -> Result<u8, Failure> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n') => Ok(*byte),
        _ => Err(settings(&format!("csv `{key}` is one ASCII character, not {text:?}"))),
    }
}

fn extension(path: &str) -> Option<String> {
    let lower = path.to_ascii_lowercase();
    let plain = lower.strip_suffix(".gz").unwrap_or(&lower);
    plain.rsplit_once('.').map(|(_, extension)| extension.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_format() {
        assert_eq!(Format::of_name("in/A.CSV.gz"), Some(Format::Csv));
        assert_eq!(Format::of_name("a.ndjson"), Some(Format::Jsonl));
        assert_eq!(Format::of_name("csv"), None);
    }

    #[test]
    fn a_tsv_file_has_tabs_unless_told_otherwise() {
        let dialect = Csv::default().dialect("a.tsv").unwrap();
        assert_eq!(dialect.delimiter, b'\t');
        let told = Csv { delimiter: Some(';'), ..Csv::default() };
        assert_eq!(told.dialect("a.tsv").unwrap().delimiter, b';');
    }

    #[test]
    fn a_delimiter_is_one_ascii_character() {
        let wrong = Csv { delimiter: Some('→'), ..Csv::default() };
        assert!(wrong.dialect("a.csv").unwrap_err().to_string().contains("one ASCII"));
    }
}
