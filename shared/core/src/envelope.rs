//! What one queue message says: who it is for, and what to do.

use serde::{Deserialize, Serialize};

use crate::{
    Batch, Counts, Digest, Failure, Found, Name, Purpose, RunId, Tenant, Timings, Value,
    definition::Urgency,
};

/// The format written; the only one read so far.
pub const VERSION: u16 = 1;

/// What every message carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Format; see [`VERSION`].
    pub v: u16,
    /// Whose data it is.
    pub tenant: Tenant,
    /// Which integration.
    pub integration: Name,
    /// Hash of the definition under which the run started.
    pub definition: Digest,
    /// Which run.
    pub run: RunId,
    /// Fencing token of the run's lease; a later run has a higher one.
    #[serde(default)]
    pub token: u64,
    /// Ties together log lines of everything that one trigger caused.
    pub trace: String,
    /// Failed attempts at this task so far.
    #[serde(default)]
    pub failures: u32,
    /// Not to be handled before this moment, in milliseconds since 1970; 0 is at once.
    #[serde(default)]
    pub not_before: i64,
    /// How urgent the work is; what is high travels on queues of its own.
    #[serde(default, skip_serializing_if = "Urgency::is_medium")]
    pub urgency: Urgency,
    /// The work tells of a failure of the hub itself: when it fails too, nobody is told again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alert: bool,
    /// Somebody asked for it again: it is never too late.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// What it is sent for.
    #[serde(default, skip_serializing_if = "Purpose::is_deliver")]
    pub purpose: Purpose,
}

impl Envelope {
    /// Addresses the first task of a run.
    pub fn new(tenant: Tenant, integration: Name, definition: Digest, run: RunId) -> Self {
        Self {
            v: VERSION,
            tenant,
            integration,
            definition,
            trace: run.to_string(),
            run,
            token: 0,
            failures: 0,
            not_before: 0,
            urgency: Urgency::Medium,
            alert: false,
            replayed: false,
            purpose: Purpose::Deliver,
        }
    }
}

/// What a function is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Fetch one page from the source.
    Extract(Page),
    /// Map and validate a batch.
    Transform(Batch),
    /// Write a batch to the target.
    Load(Batch),
    /// Find out what these events start. For `dispatch`.
    Events(Batch),
    /// Put these notifications into the recipient's digest. For `dispatch`.
    Fold(Batch),
    /// Send a digest whose time is over. For `dispatch`.
    Flush(Flush),
    /// Note what became of work. For `journal`.
    Note(Note),
    /// Try the credentials of a connection and say what was found.
    Check(Check),
    /// See whether what is kept of a run may be written, and let it go. For the target's connector.
    Release(Release),
}

/// One page to fetch: everything a crash must not lose.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Number of the page within the run, from 0.
    pub number: u32,
    /// Where the connector goes on; `null` is the start.
    #[serde(default)]
    pub position: Value,
    /// Read everything, whatever the cursor says.
    #[serde(default)]
    pub full: bool,
    /// Take no more records than this in the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<u64>,
}

/// What a stage tells the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Note {
    /// A batch is accounted for: loaded, refused or parked.
    Batch {
        /// Its number within the run.
        seq: u64,
        /// Other numbers that are accounted for with it: first and how many.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<(u64, u64)>,
        /// What became of its records.
        counts: Counts,
        /// How long it took.
        timings: Timings,
        /// Set when the whole run must count as failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
    },
    /// The source is read to its end.
    End {
        /// How many batches there are.
        batches: u64,
        /// Counts of the extract stage: read, skipped, refused.
        counts: Counts,
        /// How long extracting took.
        timings: Timings,
        /// What a plan says of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<Box<Found>>,
    },
    /// It was found out what a batch would do. Nothing of it is written; under a guard it is kept.
    Looked {
        /// Its number within the run.
        seq: u64,
        /// What would become of its records.
        counts: Counts,
        /// How long it took.
        timings: Timings,
        /// What there is to show of it.
        found: Box<Found>,
    },
    /// How much the target of a guarded run holds, as far as that matters; `None` when it is not known.
    Weighed {
        /// So many records at least.
        holds: Option<u64>,
        /// Changes that were counted of records of which others were counted before.
        #[serde(default)]
        twice: u64,
    },
    /// Work of a run that was brought must wait: it is in the sync log from now on.
    Waits,
    /// The run cannot go on.
    Failed {
        /// Stable code.
        code: String,
        /// One sentence.
        message: String,
    },
}

impl Note {
    /// Says that the run cannot go on, and why.
    pub fn failed(failure: &Failure) -> Self {
        Self::Failed { code: failure.code().to_owned(), message: failure.to_string() }
    }
}

/// A digest to send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flush {
    /// Whom to tell: the place of a recipient in the definition.
    pub recipient: u16,
    /// Which digest of that recipient.
    pub digest: String,
}

/// What is kept of a run, to be let go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// Batches below this number were let go already.
    #[serde(default)]
    pub from: u64,
    /// What the target holds is being counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
}

/// How far it is counted what a target holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// Records so far.
    pub number: u64,
    /// Where the connector goes on; `null` is the start.
    #[serde(default)]
    pub position: Value,
}

/// Test of a connection, asked through the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Which connection.
    pub connection: Name,
    /// Where the answer is awaited: sort key in the state table.
    pub reply_to: String,
}
