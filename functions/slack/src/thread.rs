//! Where the first message of a matter is, so that later ones can follow it.

use ferrule_connector::{Context, Failure};
use ferrule_core::Digest;
use ferrule_store::{Item, Table, When};
use serde::{Deserialize, Serialize};

use crate::{Slack, Target};

/// A message, as Slack names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Id of the channel.
    pub(crate) channel: String,
    /// Time of the message, which is its id.
    pub(crate) ts: String,
}

/// One matter in one channel.
pub(crate) struct Thread<'a> {
    context: &'a Context<'a, Slack>,
    sk: String,
    keep_secs: i64,
}

impl<'a> Thread<'a> {
    /// Names the thread of a matter; `None` when threads are off.
    pub(crate) fn of(
        context: &'a Context<'a, Slack>,
        target: &Target,
        matter: Option<&str>,
    ) -> Option<Self> {
        let (matter, channel) = (matter?, target.channel.as_deref()?);
        let keep = context.store.scaled(target.thread_for.duration());
        let keep_secs = i64::try_from(keep.as_secs()).unwrap_or(i64::MAX);
        let digest = Digest::of(&[channel.as_bytes(), matter.as_bytes()]);
        let sk = format!("slack#{}#{digest}", context.connection);
        (keep_secs > 0).then_some(Self { context, sk, keep_secs })
    }

    /// Returns the first message, when there is one.
    pub(crate) async fn first(&self) -> Result<Option<Place>, Failure> {
        let Context { store, tenant, .. } = self.context;
        let row = store.tables.get(Table::State, tenant.as_str(), &self.sk).await?;
        row.as_ref().map(Item::read).transpose()
    }

    /// Keeps the first message. Somebody else's first message stays the first.
    pub(crate) async fn begin(&self, place: &Place) -> Result<(), Failure> {
        self.put(place, When::Absent).await
    }

    /// Keeps another first message: the old one is not there any more.
    pub(crate) async fn begin_anew(&self, place: &Place) -> Result<(), Failure> {
        self.put(place, When::Always).await
    }

    async fn put(&self, place: &Place, when: When) -> Result<(), Failure> {
        let Context { store, tenant, .. } = self.context;
        let expires = store.clock.now_secs().saturating_add(self.keep_secs);
        let row = Item::new(tenant.as_str(), &self.sk, place)?.with_expiry(expires);
        store.tables.put(Table::State, row, when).await.map(drop)
    }
}
