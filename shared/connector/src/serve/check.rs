//! Tries a connection and leaves the answer where the API looks for it. A person's check that
//! succeeds has disabled targets tried again.

use std::time::Duration;

use ferrule_core::{Check, Envelope, Failure, Name};
use ferrule_store::{ConnectionHealth, Item, Table, When, hourly_reply};
use serde::{Deserialize, Serialize};

use super::Handler;
use crate::{Connector, Health};

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
        let (tenant, name) = (&envelope.tenant, &check.connection);
        let at = self.store.clock.now_ms();
        let outcome = self.try_out(envelope, name, time_left).await;
        // Having to wait says nothing about the connection, nor does that it was removed meanwhile.
        let is_known = match &outcome {
            Err(Failure::Throttled { .. } | Failure::Deferred { .. }) => false,
            Err(failure) => failure.code() != "CONNECTION",
            Ok(_) => true,
        };
        let checked = Checked::of(outcome, at);
        if is_known {
            let Checked { ok, message, code, at } = checked.clone();
            let health = ConnectionHealth { ok, message, code, at, since: at };
            self.store.note_check(tenant, name, &health).await?;
        }
        if checked.ok && check.reply_to != hourly_reply(name) {
            self.store.enable_targets(tenant, name).await?;
        }
        let row = Item::new(tenant.as_str(), &check.reply_to, &checked)?
            .with_expiry(self.store.clock.now_secs() + KEEP_SECS);
        self.store.tables.put(Table::State, row, When::Always).await.map(drop)
    }

    async fn try_out(
        &self,
        envelope: &Envelope,
        name: &Name,
        time_left: Duration,
    ) -> Result<Health, Failure> {
        let ready = self.ready(envelope, name, None).await?;
        let outcome = self.connector.check(&ready.context(self, time_left)).await;
        match self.renewed(&ready, outcome.as_ref().err()).await {
            Some(renewed) => self.connector.check(&renewed.context(self, time_left)).await,
            None => outcome,
        }
    }
}

impl Checked {
    fn of(outcome: Result<Health, Failure>, at: i64) -> Self {
        match outcome {
            Ok(health) => Self { ok: true, message: health.message, code: None, at },
            Err(failure) => {
                let code = Some(failure.code().to_owned());
                Self { ok: false, message: failure.to_string(), code, at }
            }
        }
    }
}
