//! Which issue belongs to what: a row that is written before the issue is, so that a lost answer
//! makes no double.
//!
//! The row first says that an issue is about to be made, then which one it is. Whoever finds the
//! first without the second looks for the marker in the newest issues before making another: a
//! search would do, but its index lags behind by minutes.

use std::time::Duration;

use ferrule_connector::{Failure, Value};
use ferrule_core::Digest;
use ferrule_store::{Item, Table, When};
use serde::{Deserialize, Serialize};

use crate::client::Client;

/// Pages of the newest issues in which the marker is looked for.
const PAGES: u32 = 3;

/// Making an issue takes no longer than a call: whoever finds one begun waits so long before looking
/// whether it is there.
const BEGUN: Duration = Duration::from_mins(1);

/// What is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// When somebody set out to make it, in milliseconds since 1970.
    #[serde(default)]
    pub(crate) begun_at: i64,
    /// The issue; `None` while it is not sure whether there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<i64>,
    /// Digest of what was written last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) written: Option<String>,
    /// The record's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<Value>,
}

/// How a matter stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Standing {
    /// There is no issue; the row, if there is one, has this revision.
    New(Option<u64>),
    /// There is this issue, as far as is known.
    There {
        /// Its number.
        number: i64,
        /// What else is known.
        known: Known,
        /// The row's revision.
        rev: u64,
    },
}

/// One matter or record in one repository.
pub(crate) struct Matter<'a> {
    client: &'a Client<'a>,
    sk: String,
    marker: String,
}

impl<'a> Matter<'a> {
    /// Names what belongs together: the same for every notification or version of it.
    pub(crate) fn new(client: &'a Client<'a>, repository: &str, what: &str) -> Self {
        let context = client.context;
        let parts = [context.tenant.as_str(), context.connection.as_str(), repository, what];
        let digest = Digest::of(&parts.map(str::as_bytes));
        let sk = format!("github#{}#{digest}", context.connection);
        Self { client, sk, marker: marker(digest.as_str()) }
    }

    /// Returns the text that stands in the issue, invisible, and by which it is found.
    pub(crate) fn marker(&self) -> &str {
        &self.marker
    }

    /// Finds out how it stands. Somebody else who is just making the issue is waited for.
    pub(crate) async fn standing(&self) -> Result<Standing, Failure> {
        let context = self.client.context;
        let tenant = context.tenant.as_str();
        let row = context.store.tables.get(Table::State, tenant, &self.sk).await?;
        let Some(row) = row else { return Ok(Standing::New(None)) };
        let (known, rev): (Known, u64) = (row.read()?, row.rev);
        if let Some(number) = known.number {
            return Ok(Standing::There { number, known, rev });
        }
        let begun = context.store.scaled(BEGUN);
        let begun_ms = i64::try_from(begun.as_millis()).unwrap_or(i64::MAX);
        let left_ms = known.begun_at + begun_ms - context.store.clock.now_ms();
        if left_ms > 0 {
            return Err(busy(Duration::from_millis(left_ms.unsigned_abs())));
        }
        Ok(match self.look().await? {
            Some(number) => Standing::There { number, known, rev },
            None => Standing::New(Some(rev)),
        })
    }

    /// Writes down that an issue is about to be made: of two at once only one goes on.
    pub(crate) async fn begin(&self, rev: Option<u64>) -> Result<(), Failure> {
        let context = self.client.context;
        let known = Known { begun_at: context.store.clock.now_ms(), ..Known::default() };
        let mut row = Item::new(context.tenant.as_str(), &self.sk, &known)?;
        row.rev = 1;
        let when = rev.map_or(When::Absent, When::Rev);
        let written = context.store.tables.put(Table::State, row, when).await?;
        if written.is_done() {
            Ok(())
        } else {
            Err(busy(context.store.scaled(Duration::from_secs(10))))
        }
    }

    /// Writes down what is known.
    pub(crate) async fn keep(&self, known: &Known) -> Result<(), Failure> {
        let context = self.client.context;
        let mut row = Item::new(context.tenant.as_str(), &self.sk, known)?;
        row.rev = 1;
        context.store.tables.put(Table::State, row, When::Always).await.map(drop)
    }

    /// Looks for the issue among the newest ones.
    async fn look(&self) -> Result<Option<i64>, Failure> {
        for page in 1..=PAGES {
            let page = page.to_string();
            let parameters = [
                ("state", "all"),
                ("sort", "created"),
                ("direction", "desc"),
                ("per_page", "100"),
                ("page", page.as_str()),
            ];
            let issues = self.client.list(&["issues"], &parameters).await?;
            let ours = issues.iter().find(|issue| has(issue, &self.marker));
            if let Some(number) = ours.and_then(number) {
                return Ok(Some(number));
            }
            if issues.len() < 100 {
                break;
            }
        }
        Ok(None)
    }
}

fn busy(wait: Duration) -> Failure {
    Failure::Deferred { reason: "another worker is making the issue".into(), wait }
}

/// Writes a marker: an HTML comment, which GitHub does not show.
pub(crate) fn marker(id: &str) -> String {
    let safe: String =
        id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(80).collect();
    format!("<!-- ferrule:{safe} -->")
}

/// Tells whether the marker is in an issue or a comment.
pub(crate) fn has(thing: &Value, marker: &str) -> bool {
    thing.get("body").and_then(Value::as_str).is_some_and(|body| body.contains(marker))
}

/// Returns an issue's number.
pub(crate) fn number(issue: &Value) -> Option<i64> {
    issue.get("number").and_then(Value::as_i64)
}
