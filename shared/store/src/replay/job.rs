//! One replay: what was asked for, and how far it is. Its row is the whole truth, so that whoever
//! dies over it leaves nothing that the next one cannot go on with.

use std::collections::BTreeMap;

use ferrule_core::{
    Digest, Envelope, Failure, Name, Run, RunId, Tenant,
    definition::{Rate, Urgency},
};
use serde::{Deserialize, Serialize};

use super::pick::{Pick, Position};
use crate::{Item, Query, Start, Store, Table, When, Write, envelope_of, runs::REPLAY};

/// A replay that is over is remembered this long.
const REMEMBER_SECS: i64 = 90 * 86_400;

/// Partition of the replays that are going on, over all tenants.
const GOING_ON: &str = "#replays";

/// Most kinds of reasons that are told apart.
const MOST_REASONS: usize = 20;

/// Under which definition parked work is sent again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum With {
    /// The one of its integration as it is now. What was made for a recipient already goes as it was.
    #[default]
    Today,
    /// The one under which it failed.
    AsWas,
}

/// How a replay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    /// There is more to send; `schedule` goes on with it.
    Running,
    /// Everything that could be sent is on its queues.
    Done,
}

/// What somebody wants sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayWish {
    /// Who, as the audit trail names them.
    pub by: String,
    /// Which of what is parked.
    pub pick: Pick,
    /// Under which definition.
    pub with: With,
    /// Most records in a while.
    pub rate: Rate,
    /// Whoever asks may let pass what a guard has stopped.
    pub approves: bool,
}

/// A replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// Names it; sorts by start.
    pub id: String,
    /// Who asked for it.
    pub by: String,
    /// Which of what is parked.
    pub pick: Pick,
    /// Under which definition.
    pub with: With,
    /// Most records in a while.
    pub rate: Rate,
    /// Who asked may let pass what a guard has stopped.
    #[serde(default)]
    pub approves: bool,
    /// How it stands.
    pub state: ReplayState,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// Milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
    /// Rows of the error log whose work was sent.
    #[serde(default)]
    pub errors: u64,
    /// Records that were sent.
    #[serde(default)]
    pub records: u64,
    /// Rows that were left as they are.
    #[serde(default)]
    pub left: u64,
    /// Why, and how many.
    #[serde(default)]
    pub reasons: BTreeMap<String, u64>,
    /// The runs that the records got which had been refused alone.
    #[serde(default)]
    pub runs: Vec<ReplayRun>,
    /// How far the selection is read.
    #[serde(default)]
    pub(super) position: Position,
    /// What is being sent. Written down first: whoever repeats it sends the same.
    #[serde(default)]
    pub(super) plan: Option<Plan>,
    /// When the next message is due, in milliseconds since 1970.
    #[serde(default)]
    pub(super) next_at: i64,
    /// Somebody is at work until then, in milliseconds since 1970; 0 is nobody.
    #[serde(default)]
    pub(super) held_until: i64,
    /// Whose write this is: no two are equal.
    #[serde(default)]
    pub(super) mark: String,
}

/// The run of a replay under one definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayRun {
    /// Its id in the sync log.
    pub run: RunId,
    /// What runs.
    pub integration: Name,
    /// Under which definition.
    pub definition: Digest,
    /// It tells of a failure of the hub itself.
    #[serde(default)]
    pub(super) alert: bool,
    /// Number of the next batch.
    #[serde(default)]
    pub(super) seq: u64,
    /// Records on their way in it.
    #[serde(default)]
    pub records: u64,
}

/// What is being sent, and how far the selection is read then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) parcels: Vec<Parcel>,
    pub(super) behind: Position,
}

/// One message to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Parcel {
    /// Whose queue.
    pub(super) to: String,
    /// Key of its payload.
    pub(super) payload: String,
    /// The definition under which it travels; its own when absent.
    #[serde(default)]
    pub(super) definition: Option<Digest>,
    /// Not before, in milliseconds since 1970.
    pub(super) due_at: i64,
    /// Place in `runs` and number of the batch, when it is of records that were refused alone.
    #[serde(default)]
    pub(super) batch: Option<(usize, u64)>,
    /// How many numbers the batch takes.
    #[serde(default)]
    pub(super) room: u64,
    /// Its rows.
    pub(super) rows: Vec<Planned>,
}

/// A row, at the revision at which it was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Planned {
    pub(super) id: String,
    pub(super) rev: u64,
    #[serde(default)]
    pub(super) part: Option<u32>,
    pub(super) records: u64,
}

/// Where a replay that is going on is found.
#[derive(Serialize, Deserialize)]
struct Pointer {
    tenant: Tenant,
    id: String,
}

impl Replay {
    /// Leaves rows as they are, and says why.
    pub(super) fn leave(&mut self, reason: &str, rows: u64) {
        if rows == 0 {
            return;
        }
        self.left += rows;
        let is_known = self.reasons.contains_key(reason);
        let reason = if is_known || self.reasons.len() < MOST_REASONS { reason } else { "other" };
        *self.reasons.entry(reason.to_owned()).or_default() += rows;
    }
}

impl ReplayRun {
    /// Returns its row of the sync log, as it is when it begins.
    pub(super) fn row(&self, started_at: i64) -> Run {
        let (id, name) = (self.run.clone(), self.integration.clone());
        Run { alert: self.alert, ..Run::new(id, name, self.definition.clone(), REPLAY, started_at) }
    }

    /// Returns the envelope of its tasks. Somebody asked for them: they are never too late.
    pub(super) fn envelope(&self, tenant: &Tenant, replay: &Replay) -> Envelope {
        Envelope {
            trace: replay.id.clone(),
            replayed: true,
            urgency: Urgency::Medium,
            ..envelope_of(tenant, &self.row(replay.started_at))
        }
    }
}

fn key(id: &str) -> String {
    format!("replay#{id}")
}

fn pointer_key(tenant: &Tenant, id: &str) -> String {
    format!("{tenant}#{id}")
}

impl Store {
    /// Writes down what somebody wants sent again; [`Store::advance_replay`] does it. Only what is
    /// parked by now is meant.
    pub async fn start_replay(&self, tenant: &Tenant, wish: ReplayWish) -> Result<Replay, Failure> {
        let now = self.clock.now_ms();
        let ReplayWish { by, mut pick, with, rate, approves } = wish;
        pick.until = Some(pick.until.map_or(now, |until| until.min(now)));
        let replay = Replay {
            id: self.new_run_id().to_string(),
            by,
            pick,
            with,
            rate,
            approves,
            state: ReplayState::Running,
            started_at: now,
            ended_at: None,
            errors: 0,
            records: 0,
            left: 0,
            reasons: BTreeMap::new(),
            runs: Vec::new(),
            position: Position::default(),
            plan: None,
            next_at: now,
            held_until: 0,
            mark: crate::mark(),
        };
        let pointer = Pointer { tenant: tenant.clone(), id: replay.id.clone() };
        let pointer = Item::new(GOING_ON, pointer_key(tenant, &replay.id), &pointer)?;
        let row = Item { rev: 1, ..Item::new(tenant.as_str(), key(&replay.id), &replay)? };
        let writes = vec![
            Write::Put(Table::State, row, When::Absent),
            Write::Put(Table::State, pointer, When::Absent),
        ];
        if self.tables.transact(writes).await? {
            return Ok(replay);
        }
        Err(Failure::unavailable("state", "the replay is there already"))
    }

    /// Returns a replay; `None` when there is none of that id.
    pub async fn replay_of(&self, tenant: &Tenant, id: &str) -> Result<Option<Replay>, Failure> {
        Ok(self.replay_row(tenant, id).await?.map(|(replay, _)| replay))
    }

    /// Returns up to `limit` replays, newest first.
    pub async fn replays(
        &self,
        tenant: &Tenant,
        limit: usize,
        start: Option<Start>,
    ) -> Result<(Vec<Replay>, Option<Start>), Failure> {
        let query = Query {
            pk: tenant.as_str().into(),
            prefix: Some(key("")),
            descending: true,
            limit,
            start,
            ..Query::default()
        };
        let rows = self.tables.query(Table::State, query).await?;
        Ok((rows.items.iter().map(Item::read).collect::<Result<_, _>>()?, rows.next))
    }

    /// Returns the replays that are going on, over all tenants.
    pub async fn replays_going_on(&self) -> Result<Vec<(Tenant, String)>, Failure> {
        let rows = self.all_rows(Table::State, GOING_ON, "").await?;
        let pointers = rows.iter().map(Item::read::<Pointer>);
        pointers.map(|pointer| pointer.map(|Pointer { tenant, id }| (tenant, id))).collect()
    }

    pub(super) async fn replay_row(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<(Replay, u64)>, Failure> {
        let row = self.tables.get(Table::State, tenant.as_str(), &key(id)).await?;
        row.map(|row| Ok((row.read()?, row.rev))).transpose()
    }

    /// Writes a replay; `false` when somebody else did meanwhile.
    pub(super) async fn put_replay(
        &self,
        tenant: &Tenant,
        replay: &mut Replay,
        rev: u64,
    ) -> Result<bool, Failure> {
        replay.mark = crate::mark();
        let row = Item::new(tenant.as_str(), key(&replay.id), replay)?;
        if replay.state == ReplayState::Running {
            return Ok(self.tables.put(Table::State, row, When::Rev(rev)).await?.is_done());
        }
        let row = row.with_expiry(self.clock.now_secs() + REMEMBER_SECS);
        let pointer = pointer_key(tenant, &replay.id);
        let writes = vec![
            Write::Put(Table::State, row, When::Rev(rev)),
            Write::Delete(Table::State, GOING_ON.into(), pointer, When::Always),
        ];
        self.tables.transact(writes).await
    }
}
