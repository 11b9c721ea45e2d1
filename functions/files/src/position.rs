//! Where the next page starts: a file and a place in it, then the files after it.

use ferrule_connector::{Failure, Value};
use serde::{Deserialize, Serialize};

/// Where a run is, between two pages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The file that is being read; absent when the next one is to be opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) open: Option<Place>,
    /// Files that are known to come next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) queue: Vec<String>,
    /// The last file that was listed; there may be more behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listed: Option<String>,
    /// Everything is listed.
    #[serde(default)]
    pub(crate) is_listed: bool,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: String,
    /// Its entity tag when it was opened: another one is another file.
    pub(crate) tag: String,
    /// How far its text is read, in bytes.
    pub(crate) at: u64,
    /// The line in which this is.
    pub(crate) line: u64,
    /// A place in the text is the same place in the stored file.
    pub(crate) is_plain: bool,
    /// What the format must know to go on.
    pub(crate) carry: Value,
}

impl Position {
    /// Reads what a page before has noted.
    pub(crate) fn read(position: &Value) -> Result<Self, Failure> {
        if position.is_null() {
            return Ok(Self::default());
        }
        position.to().map_err(|error| Failure::coded("POSITION", format!("the position: {error}")))
    }

    /// Returns what to note; `None` when there is nothing more to read.
    pub(crate) fn write(&self) -> Result<Option<Value>, Failure> {
        if self.open.is_none() && self.queue.is_empty() && self.is_listed {
            return Ok(None);
        }
        let value = Value::of(self);
        value.map(Some).map_err(|error| Failure::coded("POSITION", error.to_string()))
    }
}
