//! Which of what is parked is meant.

use ferrule_core::{Failure, Name, RunId, Tenant};
use serde::{Deserialize, Serialize};

use crate::{ErrorRow, ErrorState, Item, Query, Start, Store, Table};

/// Most ids of one selection.
pub const MOST_IDS: usize = 1000;

/// Rows read at one time.
const PAGE: usize = 250;

/// Most pages of one look: a long log is read in several, and answers come in time.
pub(super) const MOST_PAGES: usize = 40;

/// Which of what is parked is meant: everything that all of these hold for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    /// Only these errors; empty is all. At most [`MOST_IDS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Only of this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Only of this integration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<Name>,
    /// Only with this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Only parked at or after, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Only parked at or before, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// A parked row, the revision at which it was read, and the place behind it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) row: ErrorRow,
    pub(crate) rev: u64,
    pub(crate) behind: Position,
}

/// How far a selection has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The last row, when rows are found by time.
    #[serde(default)]
    start: Option<Start>,
    /// How many of the ids have been looked up.
    #[serde(default)]
    ids: usize,
    /// There is no more.
    #[serde(default)]
    pub(crate) over: bool,
}

impl Position {
    /// Goes on from a place in the log.
    pub(super) fn at(start: Option<Start>) -> Self {
        Self { start, ..Self::default() }
    }

    /// Returns where to go on in the log; none when there is no more.
    pub(super) fn next(self) -> Option<Start> {
        self.start.filter(|_| !self.over)
    }
}

impl Pick {
    fn takes(&self, row: &ErrorRow) -> bool {
        row.state == ErrorState::Parked
            && self.run.as_ref().is_none_or(|run| *run == row.run)
            && self.integration.as_ref().is_none_or(|name| *name == row.integration)
            && self.code.as_ref().is_none_or(|code| *code == row.code)
            && self.since.is_none_or(|since| row.at >= since)
            && self.until.is_none_or(|until| row.at <= until)
    }
}

impl Store {
    /// Returns up to `limit` rows of what is parked and still kept, oldest first, and where to go
    /// on: there may be fewer, or none, before the end.
    pub async fn parked(
        &self,
        tenant: &Tenant,
        pick: &Pick,
        limit: usize,
        start: Option<Start>,
    ) -> Result<(Vec<ErrorRow>, Option<Start>), Failure> {
        let mut at = Position::at(start);
        let (mut found, mut pages) = (Vec::new(), 0);
        while !at.over && found.len() < limit && pages < MOST_PAGES {
            pages += 1;
            for seen in self.seek(tenant, pick, &mut at).await? {
                if found.len() == limit {
                    break;
                }
                found.push(seen);
            }
        }
        let behind = match found.last() {
            Some(last) if found.len() == limit => last.behind.start.clone(),
            _ => at.next(),
        };
        Ok((found.into_iter().map(|seen| seen.row).collect(), behind))
    }

    /// Reads on: a page, and of it the rows that are meant. There may be none before the end.
    pub(crate) async fn seek(
        &self,
        tenant: &Tenant,
        pick: &Pick,
        at: &mut Position,
    ) -> Result<Vec<Seen>, Failure> {
        let items = if pick.ids.is_empty() {
            self.by_time(tenant, pick, at).await?
        } else {
            self.by_id(tenant, pick, at).await?
        };
        let now = self.clock.now_ms();
        let mut seen = Vec::with_capacity(items.len());
        for (item, behind) in items {
            let row: ErrorRow = item.read()?;
            if pick.takes(&row) && self.expires_at(row.at) > now {
                seen.push(Seen { row, rev: item.rev, behind });
            }
        }
        Ok(seen)
    }

    async fn by_id(
        &self,
        tenant: &Tenant,
        pick: &Pick,
        at: &mut Position,
    ) -> Result<Vec<(Item, Position)>, Failure> {
        let ids: Vec<String> = pick.ids.iter().skip(at.ids).take(PAGE).cloned().collect();
        let items = self.tables.get_many(Table::ErrorLog, tenant.as_str(), &ids).await?;
        let mut found: Vec<(Item, Position)> = items
            .into_iter()
            .filter_map(|item| {
                let index = ids.iter().position(|id| *id == item.sk)?;
                Some((item, Position { ids: at.ids + index + 1, ..Position::default() }))
            })
            .collect();
        found.sort_by_key(|(_, behind)| behind.ids);
        at.ids += ids.len();
        at.over = at.ids >= pick.ids.len();
        Ok(found)
    }

    async fn by_time(
        &self,
        tenant: &Tenant,
        pick: &Pick,
        at: &mut Position,
    ) -> Result<Vec<(Item, Position)>, Failure> {
        let kept_since = self.clock.now_ms() - self.expires_at(0);
        let since = pick.since.unwrap_or(0).max(kept_since).max(0);
        let query = Query {
            pk: tenant.as_str().into(),
            by_alt: true,
            from: Some(format!("{since:013}")),
            to: pick.until.map(|until| format!("{until:013}#~")),
            limit: PAGE,
            start: at.start.clone(),
            ..Query::default()
        };
        let rows = self.tables.query(Table::ErrorLog, query).await?;
        at.over = rows.next.is_none();
        at.start = rows.next;
        let behind =
            |item: &Item| Position::at(Some(Start { sk: item.sk.clone(), alt: item.alt.clone() }));
        let mut found = Vec::with_capacity(rows.items.len());
        for item in rows.items {
            let behind = behind(&item);
            found.push((item, behind));
        }
        Ok(found)
    }
}
