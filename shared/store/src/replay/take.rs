//! Takes rows: each is replayed or discarded by one, and that is written into it.

use ferrule_core::{Failure, Tenant};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    job::{Planned, Replay},
    pick::{MOST_PAGES, Pick, Position, Seen},
    step::TOGETHER,
};
use crate::{
    Done, ErrorRow, ErrorState, Item, Start, Store, Table, When, Written, errors::item_of,
};

/// Most rows that one call discards.
const MOST_DISCARDED: u64 = 2000;

/// What became of a selection that somebody gave up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discarded {
    /// Rows that were given up.
    pub errors: u64,
    /// Records of theirs.
    pub records: u64,
    /// There may be more: go on from here.
    pub next: Option<Start>,
}

impl Store {
    /// Takes the rows of a plan; returns those that are ours, in their order: taken now, or by an
    /// earlier attempt at the same plan.
    pub(super) async fn take_rows(
        &self,
        tenant: &Tenant,
        replay: &Replay,
        rows: &[Planned],
    ) -> Result<Vec<Planned>, Failure> {
        let work = rows.iter().map(|row| async move {
            let is_ours = self.take_row(tenant, replay, row).await?;
            Ok::<_, Failure>(is_ours.then(|| row.clone()))
        });
        let work: Vec<_> = work.collect();
        let taken: Vec<_> = stream::iter(work).buffered(TOGETHER).try_collect().await?;
        Ok(taken.into_iter().flatten().collect())
    }

    async fn take_row(
        &self,
        tenant: &Tenant,
        replay: &Replay,
        planned: &Planned,
    ) -> Result<bool, Failure> {
        let there = self.tables.get(Table::ErrorLog, tenant.as_str(), &planned.id).await?;
        let Some(there) = there else { return Ok(false) };
        let row: ErrorRow = there.read()?;
        if there.rev != planned.rev || row.state != ErrorState::Parked {
            return is_taken(&there, replay, planned);
        }
        let done = Done {
            by: replay.by.clone(),
            at: self.clock.now_ms(),
            replay: Some(replay.id.clone()),
        };
        let row = ErrorRow { state: ErrorState::Replayed, done: Some(done), ..row };
        let item = item_of(tenant, &row)?;
        match self.tables.put(Table::ErrorLog, item, When::Rev(planned.rev)).await? {
            Written::Done => Ok(true),
            // Whoever is at work on the same plan has the same rows.
            Written::Conflict(Some(there)) => is_taken(&there, replay, planned),
            Written::Conflict(None) => Ok(false),
        }
    }

    /// Gives rows back that were taken for nothing: they are parked as before. Returns how many.
    pub(super) async fn give_back(
        &self,
        tenant: &Tenant,
        replay: &Replay,
        taken: &[Planned],
    ) -> Result<u64, Failure> {
        let work = taken.iter().map(|planned| async move {
            let there = self.tables.get(Table::ErrorLog, tenant.as_str(), &planned.id).await?;
            let Some(there) = there else { return Ok(0) };
            if !is_taken(&there, replay, planned)? {
                return Ok(0);
            }
            let row: ErrorRow = there.read()?;
            let row = ErrorRow { state: ErrorState::Parked, done: None, ..row };
            Ok::<_, Failure>(u64::from(self.settle_row(tenant, &row, there.rev).await?))
        });
        let work: Vec<_> = work.collect();
        let back: Vec<u64> = stream::iter(work).buffered(TOGETHER).try_collect().await?;
        Ok(back.into_iter().sum())
    }

    /// Gives up what is parked: nobody replays it any more. A call does so much and no more;
    /// the next goes on where it ended.
    pub async fn discard(
        &self,
        tenant: &Tenant,
        pick: &Pick,
        by: &str,
        start: Option<Start>,
    ) -> Result<Discarded, Failure> {
        let done = Done { by: by.to_owned(), at: self.clock.now_ms(), replay: None };
        let mut at = Position::at(start);
        let (mut all, mut pages) = (Discarded::default(), 0);
        while !at.over && all.errors < MOST_DISCARDED && pages < MOST_PAGES {
            pages += 1;
            let seen = self.seek(tenant, pick, &mut at).await?;
            let work = seen.into_iter().map(|Seen { row, rev, .. }| {
                let done = Some(done.clone());
                let row = ErrorRow { state: ErrorState::Discarded, done, ..row };
                async move {
                    let is_done = self.settle_row(tenant, &row, rev).await?;
                    Ok::<_, Failure>(is_done.then_some(row.record.count.max(1)))
                }
            });
            let work: Vec<_> = work.collect();
            let counts: Vec<_> = stream::iter(work).buffered(TOGETHER).try_collect().await?;
            for records in counts.into_iter().flatten() {
                all.errors += 1;
                all.records += records;
            }
        }
        // The ids of one selection are fewer than one call discards.
        all.next = at.next();
        Ok(all)
    }

    async fn settle_row(&self, tenant: &Tenant, row: &ErrorRow, rev: u64) -> Result<bool, Failure> {
        let item = item_of(tenant, row)?;
        Ok(self.tables.put(Table::ErrorLog, item, When::Rev(rev)).await?.is_done())
    }
}

/// Tells whether a row was taken by a plan of this replay.
fn is_taken(there: &Item, replay: &Replay, planned: &Planned) -> Result<bool, Failure> {
    let by = there.read::<ErrorRow>()?.done.and_then(|done| done.replay);
    Ok(there.rev == planned.rev + 1 && by.as_ref() == Some(&replay.id))
}
