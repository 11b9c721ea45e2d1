//! What an integration says about the files it reads.

use ferrule_connector::Failure;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::format::{Compression, Csv, Format};

/// Which files are read, and how.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// A path, or a pattern with `*`, `**`, `?`, `[a-z]`, `{a,b}`: `incidents/*.csv`.
    #[schemars(length(max = 512))]
    pub path: String,
    /// What one record is.
    #[serde(default)]
    pub operation: Operation,
    /// How the files are written. Told by their names when absent (`.csv`, `.tsv`, `.json`,
    /// `.jsonl`, `.ndjson`, `.xml`, each also with `.gz`).
    #[serde(default)]
    pub format: Option<Format>,
    /// How CSV files are written.
    #[serde(default)]
    pub csv: Csv,
    /// Where the records are. JSON: path of the list, such as `.result.items`; the whole document
    /// when absent. XML: name of the element, or its path from the root, such as `feed/entry`;
    /// every child of the root when absent.
    #[serde(default)]
    pub records: Option<String>,
    /// Character set: a label such as `utf-8`, `utf-16le`, `latin1`. Without it UTF-8, unless a
    /// byte order mark or an XML declaration says otherwise.
    #[serde(default)]
    pub encoding: Option<String>,
    /// Whether the files are compressed. Told by their first bytes when absent.
    #[serde(default)]
    pub compression: Option<Compression>,
    /// Most MiB that one compressed file may unpack to. A later page of a compressed file unpacks
    /// it again from its start.
    #[serde(default = "max_inflated_mib")]
    #[schemars(range(min = 1, max = 4096))]
    pub max_inflated_mib: u32,
    /// No matching file is a failure. When absent: yes for a plain path, no for a pattern.
    #[serde(default)]
    pub must_exist: Option<bool>,
}

fn max_inflated_mib() -> u32 {
    256
}

/// What one record of a source is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A record within a file.
    #[default]
    Read,
    /// A file: its path, size, time and tag.
    List,
    /// A file with its content, as text or as base64. For files up to 4 MiB.
    Download,
}

impl Source {
    /// Tells how the file at `path` is written.
    pub(crate) fn format_of(&self, path: &str) -> Result<Format, Failure> {
        self.format.or_else(|| Format::of_name(path)).ok_or_else(|| {
            Failure::coded(
                "FILE_FORMAT",
                format!("cannot tell the format of {path} by its name: set `format` of the source"),
            )
        })
    }
}
