//! Records travelling together, and what became of them.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::{Digest, Found, Hops, Value};

/// Most records in one batch.
pub const MAX_RECORDS: usize = 1000;

/// One record: as the source gave it before `transform`, as the target gets it after.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Line, row or index in the place that [`Batch::origin`] names, from 1; 0 when unknown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub line: u64,
    /// Names the record in the target. Set by `transform`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Tells older from newer. Set by `transform`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Value>,
    /// The source says that the record is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Integrations that it has come through.
    #[serde(default, skip_serializing_if = "Hops::is_none")]
    pub hops: Hops,
    /// The record itself.
    pub value: Value,
}

/// At most [`MAX_RECORDS`] records travelling together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Number of the batch within its run, from 0: the same on every repeat.
    pub seq: u64,
    /// Where the records were read: a file, a URL without its query, a table.
    pub origin: String,
    /// What earlier stages counted of this batch.
    pub counts: Counts,
    /// How long earlier stages took, in milliseconds.
    pub timings: Timings,
    /// Whom to tell: the place of a recipient in the definition. Its records are notifications.
    pub recipient: Option<u16>,
    /// What earlier stages of a plan have to say of it.
    pub found: Option<Box<Found>>,
    /// The records.
    pub records: Vec<Record>,
}

impl Batch {
    /// Returns what is said of the batch, without its records.
    #[must_use]
    pub fn head(&self) -> Self {
        let Self { seq, counts, timings, recipient, .. } = *self;
        let (origin, found) = (self.origin.clone(), self.found.clone());
        Self { seq, origin, counts, timings, recipient, found, records: Vec::new() }
    }

    /// Returns how far the one of its records has come that has come farthest.
    pub fn hops(&self) -> Hops {
        self.records.iter().map(|record| record.hops).max().unwrap_or_default()
    }

    /// Hashes what is in the batch, so that a repeat with other records is not taken for the same.
    pub fn digest(&self) -> Digest {
        let mut text = String::new();
        for record in &self.records {
            crate::json::write(&record.value, &mut text);
            text.push('\n');
        }
        Digest::of(&[self.origin.as_bytes(), text.as_bytes()])
    }
}

/// What became of records. Every record read is in exactly one of the other counts; one that is
/// told to several recipients counts once for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Read from the source, unreadable ones included.
    #[serde(skip_serializing_if = "is_zero")]
    pub read: u64,
    /// Left out because an earlier run had them (cursor).
    #[serde(skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// Left out by a rule of the definition.
    #[serde(skip_serializing_if = "is_zero")]
    pub ignored: u64,
    /// In the error log, alone: unreadable, not mappable, not valid, or rejected by the target.
    #[serde(skip_serializing_if = "is_zero")]
    pub refused: u64,
    /// In the error log with their whole batch.
    #[serde(skip_serializing_if = "is_zero")]
    pub parked: u64,
    /// New in the target.
    #[serde(skip_serializing_if = "is_zero")]
    pub created: u64,
    /// Changed in the target.
    #[serde(skip_serializing_if = "is_zero")]
    pub updated: u64,
    /// Removed from the target.
    #[serde(skip_serializing_if = "is_zero")]
    pub deleted: u64,
    /// The target has them already, the same.
    #[serde(skip_serializing_if = "is_zero")]
    pub unchanged: u64,
    /// Dropped because the target has a newer version.
    #[serde(skip_serializing_if = "is_zero")]
    pub stale: u64,
    /// Told to a recipient.
    #[serde(skip_serializing_if = "is_zero")]
    pub told: u64,
    /// Put into a digest, which is a run of its own.
    #[serde(skip_serializing_if = "is_zero")]
    pub digested: u64,
    /// Would be written, and nobody knows what that would change. Only before it is written.
    #[serde(skip_serializing_if = "is_zero")]
    pub unknown: u64,
}

impl Counts {
    /// Returns how many records the target had would not be the same any more: what a guard looks at. Of
    /// which it is not known counts as such.
    pub fn changes(&self) -> u64 {
        self.updated + self.deleted + self.unknown
    }

    /// Takes back changes that were counted of records of which others were counted before.
    #[must_use]
    pub fn without_changes(mut self, mut twice: u64) -> Self {
        for count in [&mut self.unknown, &mut self.updated, &mut self.deleted] {
            let less = twice.min(*count);
            (*count, twice) = (*count - less, twice - less);
        }
        self
    }

    /// Returns how many records reached the target and are now as they should be.
    pub fn loaded(&self) -> u64 {
        self.created + self.updated + self.deleted + self.unchanged + self.told
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.read += more.read;
        self.skipped += more.skipped;
        self.ignored += more.ignored;
        self.refused += more.refused;
        self.parked += more.parked;
        self.created += more.created;
        self.updated += more.updated;
        self.deleted += more.deleted;
        self.unchanged += more.unchanged;
        self.stale += more.stale;
        self.told += more.told;
        self.digested += more.digested;
        self.unknown += more.unknown;
    }
}

/// How long each stage worked, in milliseconds, summed over batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timings {
    /// Reading from the source.
    #[serde(skip_serializing_if = "is_zero")]
    pub extract_ms: u64,
    /// Mapping and validating.
    #[serde(skip_serializing_if = "is_zero")]
    pub transform_ms: u64,
    /// Writing to the target.
    #[serde(skip_serializing_if = "is_zero")]
    pub load_ms: u64,
}

impl AddAssign for Timings {
    fn add_assign(&mut self, more: Self) {
        self.extract_ms += more.extract_ms;
        self.transform_ms += more.transform_ms;
        self.load_ms += more.load_ms;
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
