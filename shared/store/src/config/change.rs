//! Changes: all or nothing, together with the event that tells of them.

use std::collections::{HashMap, HashSet};

use ferrule_core::{Event, Failure, Hops, Tenant, Value, definition::Problem};
use tracing::warn;

use super::{
    Config, ConfigAt,
    event::{Told, posted},
    plan::{Author, Planned},
};
use crate::{Item, Listeners, Posted, Store, Table, When, Write, post};

/// Most changes in one transaction: two rows each, and one for the event.
pub const MOST_CHANGES: usize = 40;

/// Times a change is planned again because somebody else was quicker.
const TRIES: usize = 10;

/// What somebody wants. It may hold a secret: it cannot be printed.
#[derive(Clone)]
pub struct ConfigChange {
    /// Which value.
    pub at: ConfigAt,
    /// What with it.
    pub wish: ConfigWish,
    /// Why.
    pub reason: Option<String>,
    /// Only when the value is in this state: not there, or of this version.
    pub when: When,
}

/// What somebody wants with a value.
#[derive(Clone)]
pub enum ConfigWish {
    /// Set it. What is `None` stays as it is.
    Set {
        /// The value.
        value: Option<Value>,
        /// What values must fit; `null` takes the schema away.
        schema: Option<Value>,
        /// Its values are secrets.
        sensitive: Option<bool>,
    },
    /// Set the value of this version again.
    Rollback(u64),
    /// Take it away.
    Delete,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigDone {
    /// The value as it is now.
    pub config: Config,
    /// There is a new version; else everything was so already.
    pub is_changed: bool,
    /// There was no value before.
    pub is_new: bool,
}

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq)]
pub enum ConfigRefusal {
    /// There is no such value.
    Unknown,
    /// There is no such version.
    NoVersion(u64),
    /// The value of this version is not kept any more.
    NotKept(u64),
    /// The value is not in the state that was expected.
    Conflict,
    /// What is wrong with what was sent.
    Invalid(Vec<Problem>),
}

impl ConfigRefusal {
    /// Says what is wrong at `path` of what was sent.
    pub(super) fn invalid(path: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem::new(path, message)])
    }
}

/// Which of the changes is refused; then none is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Its place in the list, from 0.
    pub index: usize,
    /// Why.
    pub why: ConfigRefusal,
}

/// What was done, and what must be sent for it.
type Made = Result<(Vec<ConfigDone>, Option<Posted>), Refused>;

impl Store {
    /// Changes up to [`MOST_CHANGES`] values, all or none of them, and posts the events in the same
    /// transaction, which have come as far as what asks for the change. What is returned beside the values should be sent with [`Store::send_posted`];
    /// `schedule` does so otherwise. Without listeners nobody is told.
    pub async fn change_config(
        &self,
        tenant: &Tenant,
        by: &str,
        changes: &[ConfigChange],
        listeners: Option<(&Listeners, Hops)>,
    ) -> Result<Made, Failure> {
        if let Some(index) = repeated(changes) {
            let why = ConfigRefusal::invalid("key", "this value is changed twice");
            return Ok(Err(Refused { index, why }));
        }
        let local_only = listeners.is_none();
        let author = Author { tenant, by, at: self.clock.now_ms(), local_only };
        for _ in 0..TRIES {
            let mut plan = match self.plan(&author, changes).await? {
                Ok(plan) => plan,
                Err(refused) => return Ok(Err(refused)),
            };
            let posted = match listeners {
                Some(listeners) => posted_to(listeners, tenant, &plan).await,
                None => None,
            };
            if let Some(posted) = &posted {
                plan.writes.push(post(tenant, posted)?);
            }
            if plan.told.is_empty() || self.tables.transact(plan.writes).await? {
                return Ok(Ok((plan.done, posted)));
            }
        }
        Err(Failure::unavailable("configuration", "too many writers at once"))
    }

    async fn plan(
        &self,
        author: &Author<'_>,
        changes: &[ConfigChange],
    ) -> Result<Result<Plan, Refused>, Failure> {
        let keys: Vec<String> = changes.iter().map(|change| change.at.row()).collect();
        let rows = self.tables.get_many(Table::Registry, author.tenant.as_str(), &keys).await?;
        let rows: HashMap<&str, &Item> = rows.iter().map(|row| (row.sk.as_str(), row)).collect();
        let mut all = Vec::with_capacity(changes.len());
        for (index, (change, key)) in changes.iter().zip(&keys).enumerate() {
            match self.check_one(author, change, rows.get(key.as_str()).copied()).await? {
                Ok(checked) => all.push(checked),
                Err(why) => return Ok(Err(Refused { index, why })),
            }
        }
        let mut plan = Plan::default();
        for checked in all {
            plan.add(self.plan_one(author, checked).await?);
        }
        Ok(Ok(plan))
    }
}

/// What a transaction will do.
#[derive(Default)]
struct Plan {
    done: Vec<ConfigDone>,
    told: Vec<Told>,
    writes: Vec<Write>,
}

impl Plan {
    fn add(&mut self, planned: Planned) {
        let Planned { done, old, writes } = planned;
        if done.is_changed {
            self.told.push(Told {
                at: done.config.at.clone(),
                old,
                new: done.config.latest.clone(),
                is_sensitive: done.config.is_sensitive,
            });
        }
        self.writes.extend(writes);
        self.done.push(done);
    }
}

/// Makes the events, as urgent as those who listen want them. A definition that cannot be read is
/// no reason to refuse a change: then nobody has said that it is urgent.
async fn posted_to(
    (listeners, hops): (&Listeners, Hops),
    tenant: &Tenant,
    plan: &Plan,
) -> Option<Posted> {
    let mut posted = Posted { hops, ..posted(tenant, &plan.told)? };
    let records: Vec<Value> = posted.events.iter().map(Event::record).collect();
    match listeners.urgency(tenant, &records).await {
        Ok(urgency) => posted.urgency = urgency,
        Err(failure) => warn!(code = failure.code(), %failure, "who listens is not known"),
    }
    Some(posted)
}

/// Returns the place of the first change of a value that was changed before.
fn repeated(changes: &[ConfigChange]) -> Option<usize> {
    let mut seen = HashSet::new();
    changes.iter().position(|change| !seen.insert(&change.at))
}
