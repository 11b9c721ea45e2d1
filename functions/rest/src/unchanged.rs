//! Conditional requests: an unchanged page is not sent again, and is still not an empty one.
//!
//! The validator is kept together with the body it belongs to. A 304 gives that body once more, so
//! a run that failed after reading loses nothing.

use ferrule_connector::{Answer, Call, Failure, Store, Tenant};
use ferrule_core::Digest;
use ferrule_store::{Item, Table, When};
use serde::{Deserialize, Serialize};

/// Larger answers are not kept.
const MAX_BYTES: usize = 256 * 1024;

/// How long an answer is kept.
const KEEP_SECS: i64 = 7 * 86_400;

/// What was answered last time.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    etag: Option<String>,
    modified: Option<String>,
    content_type: Option<String>,
    body: String,
}

impl Kept {
    /// Reads what is kept of this page.
    pub(crate) async fn read(store: &Store, tenant: &Tenant, key: &str) -> Option<Self> {
        // A cache that cannot be read is a cache without the answer.
        let item = store.tables.get(Table::State, tenant.as_str(), key).await.ok()??;
        item.read().ok()
    }

    /// Asks for the page only if it is another one by now.
    pub(crate) fn ask<'c>(&self, mut call: Call<'c>) -> Call<'c> {
        if let Some(etag) = &self.etag {
            call = call.header("if-none-match", etag);
        }
        if let Some(modified) = &self.modified {
            call = call.header("if-modified-since", modified);
        }
        call.accept(304)
    }

    /// Puts the kept body into a 304.
    pub(crate) fn restore(self, answer: &mut Answer) {
        answer.body = self.body.into_bytes().into();
        if let Some(Ok(kind)) = self.content_type.map(|kind| kind.parse()) {
            answer.headers.insert(http::header::CONTENT_TYPE, kind);
        }
    }
}

/// Names a page of a connection.
pub(crate) fn key(connection: &str, url: &str) -> String {
    format!("etag#{connection}#{}", Digest::of(&[url.as_bytes()]))
}

/// Keeps a readable answer when it can be asked for conditionally.
pub(crate) async fn keep(
    store: &Store,
    tenant: &Tenant,
    key: &str,
    answer: &Answer,
) -> Result<(), Failure> {
    let header = |name: &str| answer.header(name).map(str::to_owned);
    let (etag, modified) = (header("etag"), header("last-modified"));
    let Ok(body) = std::str::from_utf8(&answer.body) else { return Ok(()) };
    if (etag.is_none() && modified.is_none()) || body.len() > MAX_BYTES || answer.status != 200 {
        return Ok(());
    }
    let content_type = header("content-type");
    let kept = Kept { etag, modified, content_type, body: body.to_owned() };
    let expires = store.clock.now_secs() + KEEP_SECS;
    let item = Item::new(tenant.as_str(), key, &kept)?.with_expiry(expires);
    store.tables.put(Table::State, item, When::Always).await.map(|_| ())
}
