//! Tries a connection and leaves the answer where the API looks for it.

use std::time::Duration;

use ferrule_core::{Check, Envelope, Failure};
use ferrule_store::{Item, Table, When};
use serde::{Deserialize, Serialize};

use super::Handler;
use crate::Connector;

/// The answer is kept this long.
const KEEP_SECS: i64 = 3600;

/// What a check found, as the API returns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The connection works.
    pub ok: bool,
    /// One sentence.
    pub message: String,
    /// Code of the failure: `unauthorized` is a bad credential, `unavailable` a dead host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Milliseconds since 1970.
    pub at: i64,
}

impl<C: Connector> Handler<C> {
    /// Every outcome is an answer; only a failure to write the answer down comes again.
    pub(super) async fn check(
        &self,
        envelope: &Envelope,
        check: &Check,
        time_left: Duration,
    ) -> Result<(), Failure> {
        let checked = self.checked(envelope, check, time_left).await;
        let row = Item::new(envelope.tenant.as_str(), &check.reply_to, &checked)?
            .with_expiry(self.store.clock.now_secs() + KEEP_SECS);
        self.store.tables.put(Table::State, row, When::Always).await.map(drop)
    }

    async fn checked(&self, envelope: &Envelope, check: &Check, time_left: Duration) -> Checked {
        let at = self.store.clock.now_ms();
        let outcome = match self.ready(&envelope.tenant, &check.connection, None).await {
            Ok(ready) => self.connector.check(&ready.context(self, time_left)).await,
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(health) => Checked { ok: true, message: health.message, code: None, at },
            Err(failure) => Checked {
                ok: false,
                message: failure.to_string(),
                code: Some(failure.code().to_owned()),
                at,
            },
        }
    }
}
