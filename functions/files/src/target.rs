//! What an integration says about the files it writes.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::format::{Compression, Csv, Format};

/// Which files are written, and how.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What becomes of a record.
    #[serde(default)]
    pub operation: Effect,
    /// Where files are written. `write`: with `{batch}`, which is replaced by the batch's id and a mark
    /// of its content: `out/{batch}.csv`. `upload` and `delete`: with `{key}`, the record's key (or its `path`);
    /// `{key}` alone when absent.
    #[serde(default)]
    pub path: Option<String>,
    /// `write`: how the file is written. Told by the path when absent.
    #[serde(default)]
    pub format: Option<Format>,
    /// `write`: how CSV files are written. Name the `columns` to have the same in every file.
    #[serde(default)]
    pub csv: Csv,
    /// `write`: whether the file is packed. Yes for `.gz` when absent.
    #[serde(default)]
    pub compression: Option<Compression>,
    /// `write`: name of the XML element that holds one record; the root is `records`.
    #[serde(default = "record")]
    pub element: String,
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A batch of records becomes one new file.
    #[default]
    Write,
    /// A record becomes a file: its `content` (text) or `content_base64`. Mode `insert` never
    /// replaces one, `update` needs one to replace; a deleted record removes it.
    Upload,
    /// A record names a file that is removed.
    Delete,
}

fn record() -> String {
    "record".to_owned()
}
