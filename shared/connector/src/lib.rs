//! What a connector is, and how one becomes a Lambda.
//!
//! A connector says how to read a page, write a batch and try a credential. Everything around it
//! (queues, retries, checkpoints, error log, rate limits) is done here, once.

pub mod auth;
mod context;
#[cfg(test)]
#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;
mod http;
pub mod paging;
mod ratelimit;
mod serve;
pub mod url_guard;
pub mod xml;

pub use self::http::{Answer, CAP_BYTES, Call, Http, HttpOptions, RateHeaders, ResetIs, Timeouts};
pub use context::{Context, Extract, Health, Load, Notify};
use ferrule_core::definition::{Cursor, Mode};
pub use ferrule_core::{
    Counted, Failure, Field, Mark, Name, Notification, Object, Record, RunId, Tenant, Value,
    definition::Urgency,
};
pub use ferrule_store::Store;
pub use ratelimit::{DEFAULT_RATE, Limiter, Rates};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
pub use serve::{Checked, Handler, serve};

/// An outside system this hub can talk to. Implementors write only what they support.
pub trait Connector: Send + Sync + 'static {
    /// Names the function, its queue, its secret prefix and its documentation page.
    const NAME: &'static str;

    /// What it can do: what an integration may use it for.
    const ROLES: &'static [Role];

    /// Writing a batch twice has the effect and the counts of writing it once, without help.
    const IDEMPOTENT: bool = false;

    /// Its work is calls that count against `limits.calls`: a page of a source is one.
    const CALLS: bool = true;

    /// What stands under `settings` of a connection. Never a secret.
    type Settings: DeserializeOwned + JsonSchema + Send + Sync;

    /// What Secrets Manager holds for a connection. Never printed.
    type Secret: DeserializeOwned + Send + Sync;

    /// What stands under `source` of an integration, beside `connection` and `cursor`.
    type Source: DeserializeOwned + JsonSchema + Send + Sync;

    /// What stands under `output` of an integration, beside `connection`, `mode`, `key`, `version`;
    /// and in an entry of `output.notify`, beside the hub's own keys.
    type Target: DeserializeOwned + JsonSchema + Send + Sync;

    /// Returns the cursor of a source that brings its own, for integrations that name none.
    fn cursor(&self, _: &Self::Source) -> Option<Cursor> {
        None
    }

    /// Returns how many pages of a source one run reads at most; the hub's own cap when `None`. A
    /// source that goes on beyond it fails its run.
    fn max_pages(&self, _: &Self::Source) -> Option<u32> {
        None
    }

    /// Tells whether a record that is written again may be in the target twice, because it knows no keys.
    fn doubles(&self, _: &Self::Target, _: Mode) -> bool {
        false
    }

    /// Fetches one page.
    ///
    /// "Could not read" is a [`Failure`], never an empty page.
    fn extract(
        &self,
        _: &Extract<'_, Self>,
    ) -> impl Future<Output = Result<Fetched, Failure>> + Send {
        async { Err(Failure::invalid(format!("{} cannot be a source", Self::NAME))) }
    }

    /// Writes records; fills `done` as it goes, one entry a record.
    ///
    /// Entries that are already there are from an earlier delivery of the same batch: leave these
    /// records alone. On a [`Failure`] the filled entries are kept, and only the rest comes again.
    /// A process can die between a write and this note of it: look before you write again.
    fn load(
        &self,
        _: &Load<'_, Self>,
        _done: &mut [Option<Disposition>],
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Err(Failure::invalid(format!("{} cannot be a target", Self::NAME))) }
    }

    /// Says what [`Connector::load`] would do, one entry a record, and writes nothing. For plans and
    /// guards. With `plan`, what earlier batches of that run would have written counts as written.
    ///
    /// As it stands it knows what the mode says: what adds makes new records, what deletes deletes,
    /// and for the rest it is not known what the target has.
    fn foresee(
        &self,
        load: &Load<'_, Self>,
        _plan: Option<&RunId>,
    ) -> impl Future<Output = Result<Vec<Foreseen>, Failure>> + Send {
        let foreseen: Vec<_> =
            load.records.iter().map(|record| Foreseen::by_mode(load.mode, record)).collect();
        async { Ok(foreseen) }
    }

    /// Returns how many records the target is known to hold, counted no further than `enough`, from where
    /// an earlier call has stopped. Stops in time itself: see [`Context::time_left`].
    fn holds(
        &self,
        _: &Context<'_, Self>,
        _: &Self::Target,
        _enough: u64,
        _so_far: Counted,
    ) -> impl Future<Output = Result<Held, Failure>> + Send {
        async { Ok(Held::Unknown) }
    }

    /// Returns how many calls writing so many records takes; `None` when that is not known.
    fn calls(&self, _: &Self::Target, _records: u64) -> Option<u64> {
        if Self::CALLS { None } else { Some(0) }
    }

    /// Tells a recipient, once; the hub sees to repeats, limits, digests and who stands in.
    ///
    /// A process can die between the call and the note of it, and an answer can be lost: with
    /// [`Notify::again`] look for your own message before you write it again, where you can.
    fn notify(
        &self,
        _: &Notify<'_, Self>,
    ) -> impl Future<Output = Result<Receipt, Failure>> + Send {
        async { Err(Failure::invalid(format!("nobody can be told through {}", Self::NAME))) }
    }

    /// Names a target for people, such as `#ops` or `acme/api`: for logs, digests and checks. Never
    /// shows a secret.
    fn target(&self, _: &Self::Settings, _: &Self::Target) -> String {
        Self::NAME.to_owned()
    }

    /// Tries the connection: is the host there, are the credentials good?
    fn check(&self, _: &Context<'_, Self>) -> impl Future<Output = Result<Health, Failure>> + Send;
}

/// What a connector can be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Records are read from it: `source`.
    Source,
    /// Records are written into it: `output`.
    Target,
    /// People or systems are told through it: an entry of `output.notify`.
    Notify,
}

/// What is known of a notification that got through.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Receipt {
    /// What the target calls it: an issue's number, a message's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Where a person can look at it. Never an address with a secret in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// One page from a source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fetched {
    /// Where it was read: a file, a URL without its query, a table. Shown in logs.
    pub origin: String,
    /// The records, each with its line or index.
    pub records: Vec<Record>,
    /// What could not be read as a record, while its neighbours could.
    pub rejected: Vec<Rejected>,
    /// Where the next page starts; `None` at the end. A page may be empty and still have a next.
    pub next: Option<Value>,
}

/// Something in a source that is not a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    /// Line, row or index.
    pub line: u64,
    /// Stable upper-case code, such as `CSV_COLUMNS`.
    pub code: &'static str,
    /// What is wrong and what was expected, in one sentence.
    pub message: String,
    /// The text as it was found, for the error log.
    pub raw: String,
}

/// What writing one record would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Foreseen {
    /// As it would be answered; `None` when that is not known.
    pub does: Option<Disposition>,
    /// What the target has now, when it is known.
    pub old: Option<Value>,
}

impl Foreseen {
    /// Returns what a mode says of a record, whatever the target has.
    pub fn by_mode(mode: Mode, record: &Record) -> Self {
        let does = match mode {
            _ if record.deleted => Some(Disposition::Deleted),
            Mode::Insert => Some(Disposition::Created),
            Mode::Delete => Some(Disposition::Deleted),
            Mode::Upsert | Mode::Update => None,
        };
        Self { does, old: None }
    }
}

/// How many records a target holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Held {
    /// Nobody knows.
    Unknown,
    /// So many, or as many as matter.
    Known(u64),
    /// So many at least; there was no time to count them all.
    SoFar(Counted),
}

/// Code of the error log's rows that say what may be in a target twice.
pub const MAYBE_TWICE: &str = "MAYBE_TWICE";

/// What became of one record in the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// It is new there.
    Created,
    /// It was there and is changed.
    Updated,
    /// It was there, the same.
    Unchanged,
    /// The target has a newer version; dropped.
    Stale,
    /// It is gone.
    Deleted,
    /// It was sent and the answer was lost; a repeat may double it. It is written again all the same.
    Unsure,
    /// The target will not have it: it goes to the error log, alone.
    Refused {
        /// Stable upper-case code.
        code: String,
        /// The target's words, with secrets removed.
        message: String,
    },
}
