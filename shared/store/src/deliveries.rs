//! Deliveries whose work is several messages: each becomes one run, however often it is repeated. What is a
//! single message is an arrival (`arrivals`).

use ferrule_core::{Digest, Failure, Name, Run, RunId, Tenant};
use serde::{Deserialize, Serialize};

use crate::{Item, Store, Table, When, Written, runs::run_row, sweep::is_given_up};

/// One attempt of a sender to tell us something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The integration that it is for.
    pub integration: Name,
    /// The same on every attempt, different for everything else.
    pub id: Digest,
}

/// What is known of a delivery.
enum Claim {
    /// It is new.
    New,
    /// It came before, and this run works on it.
    Repeat(RunId),
    /// It came before as this run, and the process died before the message was surely sent.
    Unsent(RunId),
}

/// A delivery that has its run.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The run, the one of the first attempt on a repeat.
    pub run: Run,
    /// Nothing is left to do: an earlier attempt has sent its messages.
    pub is_sent: bool,
}

impl Claimed {
    /// One that was given up has sent nothing, as far as anybody knows: it goes on.
    fn unsent(run: Run) -> Self {
        Self { is_sent: run.state.is_over() && !is_given_up(&run), run }
    }
}

/// A delivery is recognised this long: as long as its batches and digests are, so that a replay
/// starts nothing anew.
pub(crate) const REMEMBER_SECS: i64 = 14 * 86_400;

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
    /// Notes which run a delivery is, unless it came before.
    async fn claim_delivery(
        &self,
        tenant: &Tenant,
        delivery: &Delivery,
        run: &RunId,
    ) -> Result<Claim, Failure> {
        let received = Received { run: run.clone(), sent: false };
        let row = delivery.row(tenant, &received, self.clock.now_secs() + REMEMBER_SECS)?;
        let there = match self.tables.put(Table::State, row, When::Absent).await? {
            Written::Done => return Ok(Claim::New),
            Written::Conflict(there) => there,
        };
        let there = there.ok_or_else(|| Failure::unavailable("deliveries", "a row vanished"))?;
        Ok(match there.read()? {
            Received { run, sent: true } => Claim::Repeat(run),
            Received { run, sent: false } => Claim::Unsent(run),
        })
    }

    /// Gives a delivery its run: `run`, or that of an earlier attempt, and writes it into the sync log.
    ///
    /// Two rows, one after the other: a transaction would cost twice as much, and whoever dies in between
    /// has not sent anything. Send what is to be sent, then say so through [`Store::run_is_sent`].
    pub async fn claim_run(
        &self,
        tenant: &Tenant,
        delivery: &Delivery,
        mut run: Run,
    ) -> Result<Claimed, Failure> {
        match self.claim_delivery(tenant, delivery, &run.run).await? {
            Claim::New => {}
            Claim::Repeat(earlier) => {
                run.run = earlier;
                return Ok(Claimed { run, is_sent: true });
            }
            Claim::Unsent(earlier) => {
                if let Some(there) = self.run(tenant, &earlier).await? {
                    return Ok(Claimed::unsent(there));
                }
                run.run = earlier;
            }
        }
        if self.tables.put(Table::SyncLog, run_row(tenant, &run)?, When::Absent).await?.is_done() {
            return Ok(Claimed { run, is_sent: false });
        }
        // Of two attempts at the same time, the other wrote it.
        let there = self.run(tenant, &run.run).await?;
        there.map(Claimed::unsent).ok_or_else(|| Failure::unavailable("sync log", "a run vanished"))
    }

    /// Notes that everything that a delivery's run begins with is on its queues.
    pub async fn run_is_sent(
        &self,
        tenant: &Tenant,
        delivery: &Delivery,
        run: &RunId,
    ) -> Result<(), Failure> {
        let expires = self.clock.now_secs() + REMEMBER_SECS;
        let row = delivery.row(tenant, &Received { run: run.clone(), sent: true }, expires)?;
        self.tables.put(Table::State, row, When::Always).await.map(drop)
    }

    /// Makes the id of a run that begins now, by the store's clock: it says when, and sorts by it.
    pub fn new_run_id(&self) -> RunId {
        let now_ms = self.clock.now_ms().max(0).unsigned_abs();
        let nanos = u32::try_from(now_ms % 1000).unwrap_or(0) * 1_000_000;
        let at = uuid::Timestamp::from_unix(uuid::NoContext, now_ms / 1000, nanos);
        RunId::new(uuid::Uuid::new_v7(at).simple().to_string())
    }
}
