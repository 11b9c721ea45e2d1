//! What a connector is given to work with.

use std::time::Duration;

use ferrule_core::{
    Digest, Mark, Name, Notification, Record, Tenant, Value,
    definition::{Cursor, ErrorRule, Mode},
};
use ferrule_store::Store;

use crate::{Connector, http::Http};

/// One connection, ready to use.
pub struct Context<'a, C: Connector + ?Sized> {
    /// Whose connection it is.
    pub tenant: &'a Tenant,
    /// The connection's name.
    pub connection: &'a Name,
    /// The connection's settings.
    pub settings: &'a C::Settings,
    /// The connection's secret; `None` when none is stored.
    pub secret: Option<&'a C::Secret>,
    /// The HTTP client: vets addresses, keeps the call limit, reads answers by the error rules.
    pub http: &'a Http,
    /// What the hub keeps. Connectors use it for caches, tokens and the hub's own tables.
    pub store: &'a Store,
    /// Runs on the local stack or in the embedded twin: loopback and local folders are allowed.
    pub local: bool,
    /// How long this call may still take.
    pub time_left: Duration,
}

/// One page to fetch.
pub struct Extract<'a, C: Connector + ?Sized> {
    /// The connection.
    pub context: Context<'a, C>,
    /// What the integration says about the source.
    pub source: &'a C::Source,
    /// Where to go on: what [`crate::Fetched::next`] said; `null` at the start.
    pub position: &'a Value,
    /// The integration's cursor, for sources that can filter or sort by it.
    pub cursor: Option<&'a Cursor>,
    /// Only records at or after this are wanted (overlap included). Filtering is not needed for
    /// correctness: the hub leaves out what it has seen.
    pub since: Option<&'a Mark>,
    /// About how many records a page should have; at most 1,000.
    pub page_size: usize,
    /// When the run started, in milliseconds since 1970.
    pub started_at_ms: i64,
    /// The integration's error rules.
    pub rules: &'a [ErrorRule],
}

/// One batch to write.
pub struct Load<'a, C: Connector + ?Sized> {
    /// The connection.
    pub context: Context<'a, C>,
    /// What the integration says about the target.
    pub target: &'a C::Target,
    /// What happens to a record that is already there.
    pub mode: Mode,
    /// The records, with key and version when the integration names them.
    pub records: &'a [Record],
    /// Derived from run and batch: the same on every repeat, for targets with idempotency keys.
    pub batch_id: &'a str,
    /// The integration's error rules.
    pub rules: &'a [ErrorRule],
}

impl<C: Connector + ?Sized> Load<'_, C> {
    /// Names a record of the batch by what it is, not by where it stands: what is left of a batch
    /// keeps its names when it is sent again. For idempotency keys.
    pub fn name_of(&self, at: usize) -> String {
        let name = |record: &Record| {
            let text = record.value.to_string();
            Digest::of(&[&record.line.to_be_bytes(), text.as_bytes()])
        };
        let (earlier, rest) = self.records.split_at(at.min(self.records.len()));
        let own = rest.first().map(name);
        let twins = earlier.iter().filter(|record| Some(name(record)) == own).count();
        let own = own.map(|own| own.to_string()).unwrap_or_default();
        format!("{}-{own}-{twins}", self.batch_id)
    }
}

/// One notification to tell.
pub struct Notify<'a, C: Connector + ?Sized> {
    /// The connection.
    pub context: Context<'a, C>,
    /// What the integration says about the recipient.
    pub target: &'a C::Target,
    /// What to tell. Its values are data: escape them for the target.
    pub notification: &'a Notification,
    /// An earlier attempt may have got through unnoticed.
    pub again: bool,
    /// The integration's error rules.
    pub rules: &'a [ErrorRule],
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Health {
    /// One sentence: who we are there, which version answers.
    pub message: String,
}
