//! Digests: notifications that wait together until there are enough of them or their time is over.
//!
//! For each recipient one row says which digest is open and who is in it; every notification that
//! waits has a row of its own. Both are written in one transaction, so a digest never loses its last
//! member, and a member that comes again meets its own row. A digest is closed by moving its list to
//! a row that never changes. From its opening until it is sent it has a row among those that wait
//! (`overdue`), written in the same transaction: whoever should have had it flushed may die.

use std::{collections::HashSet, time::Duration};

use ferrule_core::{Digest, Envelope, Failure, Name, Notification, Tenant};
use serde::{Deserialize, Serialize};

use crate::{Item, Store, Table, When, Write, mark};

/// What is known of digests is kept this long.
pub(crate) const KEEP_SECS: i64 = 14 * 86_400;

/// Times a compare-and-swap is tried before the work is given back.
const TRIES: usize = 30;

/// Most members that one transaction adds; DynamoDB takes 100 writes.
const MOST: usize = 90;

/// Most bytes of members that one transaction adds; DynamoDB takes 4 MB.
const MOST_BYTES: usize = 3_000_000;

/// Between the lane of a digest and the rest of its name.
const LANE_END: char = '.';

/// Whose digests: one recipient of one definition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Collector {
    /// The integration.
    pub integration: Name,
    /// The hash of its definition.
    pub definition: Digest,
    /// The place of the recipient in it.
    pub recipient: u16,
}

/// How a digest collects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Terms {
    /// Digests of different lanes do not mix: letters and digits.
    pub lane: String,
    /// Most members.
    pub size: usize,
    /// When it is due if it is opened now, in milliseconds since 1970.
    pub due_at: i64,
    /// A full one is due at once.
    pub full_is_due: bool,
}

/// A notification that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The same however often it comes.
    pub id: String,
    /// What is to be told.
    pub notification: Notification,
}

/// A digest that somebody must be sent to flush: it was opened, or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Its name.
    pub digest: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

/// A list of members that is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Ids of the members, in the order in which they came.
    pub members: Vec<String>,
    /// When it is to be told, in milliseconds since 1970.
    pub due_at: i64,
}

/// The row of a lane.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Lane {
    open: Option<Open>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Open {
    digest: String,
    due_at: i64,
    members: Vec<String>,
}

/// The row of a member.
#[derive(Debug, Serialize, Deserialize)]
struct Waits {
    digest: String,
    due_at: i64,
    notification: Notification,
}

impl Collector {
    fn key(&self, what: &str, rest: &str) -> String {
        let Self { integration, definition, recipient } = self;
        format!("{what}#{integration}#{definition}#{recipient}#{rest}")
    }

    fn lane(&self, lane: &str) -> String {
        self.key("lane", lane)
    }

    fn digest(&self, digest: &str) -> String {
        self.key("digest", digest)
    }

    fn member(&self, id: &str) -> String {
        self.key("member", id)
    }
}

/// What one step of adding does to a lane.
struct Step {
    lane: Lane,
    /// Lists that it completes, by digest.
    closed: Vec<(String, Closed)>,
    /// The digest that takes the members, and when it is due.
    taker: Due,
    /// The taker is new.
    is_new: bool,
    /// The taker is full.
    is_full: bool,
}

impl Lane {
    /// Puts as many as fit into the open digest; one that is full or whose time is over is closed
    /// first.
    fn take(mut self, ids: &[String], terms: &Terms, now: i64) -> (Step, usize) {
        let mut closed = Vec::new();
        let is_over = |open: &Open| open.due_at <= now || open.members.len() >= terms.size;
        if let Some(over) = self.open.take_if(|open| is_over(open)) {
            closed.push((over.digest, Closed { members: over.members, due_at: over.due_at }));
        }
        let is_new = self.open.is_none();
        let mut open = self.open.take().unwrap_or_else(|| Open {
            digest: format!("{}{LANE_END}{}", terms.lane, mark()),
            due_at: terms.due_at,
            members: Vec::new(),
        });
        let count = ids.len().min(terms.size.max(1) - open.members.len());
        open.members.extend_from_slice(&ids[..count]);
        let is_full = open.members.len() >= terms.size;
        if is_full && terms.full_is_due {
            open.due_at = now;
        }
        let taker = Due { digest: open.digest.clone(), at: open.due_at };
        if is_full {
            closed.push((open.digest, Closed { members: open.members, due_at: open.due_at }));
        } else {
            self.open = Some(open);
        }
        (Step { lane: self, closed, taker, is_new, is_full }, count)
    }
}

impl Store {
    /// Adds notifications to the digests of a recipient, each once however often it comes. Returns
    /// the digests to flush, and when: the caller sends for it, again when this is repeated.
    /// `envelope` is under whose name they are flushed.
    pub async fn add_to_digest(
        &self,
        envelope: &Envelope,
        collector: &Collector,
        terms: &Terms,
        members: &[Member],
    ) -> Result<Vec<Due>, Failure> {
        let mut due = Vec::new();
        // Two copies of one message can come together: each member once.
        let mut seen = HashSet::new();
        let mut rest: Vec<&Member> =
            members.iter().filter(|member| seen.insert(member.id.as_str())).collect();
        for _ in 0..TRIES + members.len() {
            if rest.is_empty() {
                due.sort_by(|one: &Due, other| one.digest.cmp(&other.digest));
                due.dedup_by(|one, other| one.digest == other.digest);
                return Ok(due);
            }
            let (step, writes, count) = self.step(envelope, collector, terms, &rest).await?;
            if self.tables.transact(writes).await? {
                rest.drain(..count);
                let earlier = step.closed.iter().filter(|(digest, _)| *digest != step.taker.digest);
                due.extend(
                    earlier.map(|(digest, list)| Due { digest: digest.clone(), at: list.due_at }),
                );
                due.extend((step.is_new || step.is_full).then_some(step.taker));
            } else {
                let there = self.waiting(&envelope.tenant, collector, &rest).await?;
                rest.retain(|member| !there.iter().any(|(id, _)| *id == member.id));
                due.extend(there.into_iter().map(|(_, due)| due));
            }
        }
        Err(Failure::unavailable("digests", "a digest is written by many at once"))
    }

    async fn step(
        &self,
        envelope: &Envelope,
        collector: &Collector,
        terms: &Terms,
        members: &[&Member],
    ) -> Result<(Step, Vec<Write>, usize), Failure> {
        let tenant = &envelope.tenant;
        let key = collector.lane(&terms.lane);
        let row = self.tables.get(Table::State, tenant.as_str(), &key).await?;
        let lane: Lane = row.as_ref().map(Item::read).transpose()?.unwrap_or_default();
        let ids: Vec<String> = fitting(members)?.iter().map(|member| member.id.clone()).collect();
        let (step, count) = lane.take(&ids, terms, self.clock.now_ms());
        let mut writes = vec![self.lane_write(tenant, key, &step.lane, row.map(|row| row.rev))?];
        for (digest, list) in &step.closed {
            let item = self.kept(tenant, collector.digest(digest), list)?;
            writes.push(Write::Put(Table::State, item, When::Absent));
        }
        if step.is_new {
            writes.push(self.waits(envelope, collector, &step.taker)?);
        }
        for member in &members[..count] {
            let Due { digest, at: due_at } = step.taker.clone();
            let waits = Waits { digest, due_at, notification: member.notification.clone() };
            let item = self.kept(tenant, collector.member(&member.id), &waits)?;
            writes.push(Write::Put(Table::State, item, When::Absent));
        }
        Ok((step, writes, count))
    }

    fn kept(&self, tenant: &Tenant, sk: String, body: &impl Serialize) -> Result<Item, Failure> {
        let expires = self.clock.now_secs() + KEEP_SECS;
        Ok(Item::new(tenant.as_str(), sk, body)?.with_expiry(expires))
    }

    /// A lane's row stays when nothing is open: its revision must not begin anew.
    fn lane_write(
        &self,
        tenant: &Tenant,
        key: String,
        lane: &Lane,
        rev: Option<u64>,
    ) -> Result<Write, Failure> {
        let mut item = self.kept(tenant, key, lane)?;
        item.rev = 1;
        Ok(Write::Put(Table::State, item, rev.map_or(When::Absent, When::Rev)))
    }

    /// Returns which of the members wait already, and for which digest.
    async fn waiting(
        &self,
        tenant: &Tenant,
        collector: &Collector,
        members: &[&Member],
    ) -> Result<Vec<(String, Due)>, Failure> {
        let members = fitting(members)?;
        let keys: Vec<_> = members.iter().map(|member| collector.member(&member.id)).collect();
        let rows = self.tables.get_many(Table::State, tenant.as_str(), &keys).await?;
        let mut there = Vec::new();
        for member in members {
            let key = collector.member(&member.id);
            if let Some(row) = rows.iter().find(|row| row.sk == key) {
                let Waits { digest, due_at, .. } = row.read()?;
                there.push((member.id.clone(), Due { digest, at: due_at }));
            }
        }
        Ok(there)
    }

    /// Closes a digest, whatever its time; the same list however often. `None` when there is no
    /// such digest (any more).
    pub async fn close_digest(
        &self,
        tenant: &Tenant,
        collector: &Collector,
        digest: &str,
    ) -> Result<Option<Closed>, Failure> {
        let pk = tenant.as_str();
        let key = collector.lane(digest.split(LANE_END).next().unwrap_or_default());
        for _ in 0..TRIES {
            let row = self.tables.get(Table::State, pk, &key).await?;
            let there = self.tables.get(Table::State, pk, &collector.digest(digest)).await?;
            if let Some(there) = there {
                return there.read().map(Some);
            }
            let lane: Lane = row.as_ref().map(Item::read).transpose()?.unwrap_or_default();
            let Some(open) = lane.open.filter(|open| open.digest == digest) else {
                return Ok(None);
            };
            let closed = Closed { members: open.members, due_at: open.due_at };
            let list = self.kept(tenant, collector.digest(digest), &closed)?;
            let writes = vec![
                self.lane_write(tenant, key.clone(), &Lane::default(), row.map(|row| row.rev))?,
                Write::Put(Table::State, list, When::Absent),
            ];
            if self.tables.transact(writes).await? {
                return Ok(Some(closed));
            }
        }
        Err(Failure::unavailable("digests", "a digest is written by many at once"))
    }

    /// Returns the notifications of a digest, in the order in which they came.
    pub async fn digest_members(
        &self,
        tenant: &Tenant,
        collector: &Collector,
        closed: &Closed,
    ) -> Result<Vec<Notification>, Failure> {
        let keys: Vec<_> = closed.members.iter().map(|id| collector.member(id)).collect();
        let rows = self.tables.get_many(Table::State, tenant.as_str(), &keys).await?;
        let lost = |key: &String| Failure::coded("DIGEST", format!("row {key} is not there"));
        keys.iter()
            .map(|key| {
                let row = rows.iter().find(|row| row.sk == *key).ok_or_else(|| lost(key))?;
                Ok(row.read::<Waits>()?.notification)
            })
            .collect()
    }

    /// Returns how long it is until a moment, for a message's delay.
    pub fn until(&self, at: i64) -> Duration {
        Duration::from_millis(at.saturating_sub(self.clock.now_ms()).max(0).unsigned_abs())
    }
}

/// As many as one transaction takes; never none.
fn fitting<'m, 'r>(members: &'r [&'m Member]) -> Result<&'r [&'m Member], Failure> {
    let mut bytes = 0;
    let mut count = 0;
    for member in members.iter().take(MOST) {
        let size = serde_json::to_string(&member.notification)
            .map_err(|e| Failure::coded("ROW", format!("cannot write a row: {e}")))?
            .len();
        if count > 0 && bytes + size > MOST_BYTES {
            break;
        }
        bytes += size;
        count += 1;
    }
    Ok(&members[..count])
}
