//! Webhook deliveries: each becomes one run, however often the sender repeats it.

use ferrule_core::{Digest, Failure, Name, Run, RunId, Tenant};
use serde::{Deserialize, Serialize};

use crate::{Item, Store, Table, When, Write, runs::run_row};

/// One attempt of a sender to tell us something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The integration that it is for.
    pub integration: Name,
    /// The same on every attempt, different for everything else.
    pub id: Digest,
}

/// What is known of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is new, and its run is in the sync log now.
    New,
    /// It came before, and this run works on it.
    Repeat(RunId),
    /// It came before as this run, and the process died before the message was surely sent.
    Unsent(RunId),
}

#[derive(Serialize, Deserialize)]
struct Received {
    run: RunId,
    sent: bool,
}

impl Delivery {
    fn row(&self, tenant: &Tenant, received: &Received, expires: i64) -> Result<Item, Failure> {
        let sk = format!("delivery#{}#{}", self.integration, self.id);
        Ok(Item::new(tenant.as_str(), sk, received)?.with_expiry(expires))
    }
}

impl Store {
    /// Notes a delivery and its run in the sync log, both or neither, unless it came before.
    ///
    /// Send its message, then say so through [`Store::delivery_is_sent`]: only then is a repeat
    /// answered without sending again. `expires` is in seconds since 1970.
    pub async fn claim_delivery(
        &self,
        tenant: &Tenant,
        delivery: &Delivery,
        run: &Run,
        expires: i64,
    ) -> Result<Claim, Failure> {
        let received = Received { run: run.run.clone(), sent: false };
        let row = delivery.row(tenant, &received, expires)?;
        let sk = row.sk.clone();
        let writes = vec![
            Write::Put(Table::State, row, When::Absent),
            Write::Put(Table::SyncLog, run_row(tenant, run)?, When::Absent),
        ];
        if self.tables.transact(writes).await? {
            return Ok(Claim::New);
        }
        let there = self.tables.get(Table::State, tenant.as_str(), &sk).await?;
        let there = there.ok_or_else(|| Failure::unavailable("deliveries", "a row vanished"))?;
        let received: Received = there.read()?;
        // A retried call whose first answer was lost meets its own row.
        Ok(match received {
            Received { run: there, .. } if there == run.run => Claim::New,
            Received { run, sent: true } => Claim::Repeat(run),
            Received { run, sent: false } => Claim::Unsent(run),
        })
    }

    /// Notes that the message of a delivery is on its queue.
    pub async fn delivery_is_sent(
        &self,
        tenant: &Tenant,
        delivery: &Delivery,
        run: &RunId,
        expires: i64,
    ) -> Result<(), Failure> {
        let row = delivery.row(tenant, &Received { run: run.clone(), sent: true }, expires)?;
        self.tables.put(Table::State, row, When::Always).await.map(drop)
    }
}
