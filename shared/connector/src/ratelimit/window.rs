//! The calls that count, as they are kept.

use std::collections::BTreeMap;

use ferrule_core::definition::Rate;
use serde::{Deserialize, Serialize};

/// Calls by the moment (milliseconds) from which they no longer count.
pub(super) type Grants = BTreeMap<i64, u32>;

/// What the row holds.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Window {
    /// Under the connection's own limit.
    #[serde(default)]
    pub(super) grants: Grants,
    /// Under those of integrations, by what they say, such as `10/m`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) own: BTreeMap<String, Grants>,
    /// Nobody calls before this moment: the vendor said so.
    #[serde(default)]
    pub(super) blocked_until_ms: i64,
    /// Who wrote it: no two writes are equal, or the store would take one for a repeat of the other.
    #[serde(default)]
    pub(super) by: String,
}

impl Window {
    pub(super) fn of(&mut self, limit: &Limit) -> &mut Grants {
        match &limit.of {
            None => &mut self.grants,
            Some(name) => self.own.entry(name.clone()).or_default(),
        }
    }

    /// Forgets calls that no longer count.
    pub(super) fn forget(&mut self, now_ms: i64) {
        self.grants.retain(|until_ms, _| *until_ms > now_ms);
        self.own.retain(|_, grants| {
            grants.retain(|until_ms, _| *until_ms > now_ms);
            !grants.is_empty()
        });
    }

    /// The last moment at which it matters.
    pub(super) fn last_ms(&self) -> i64 {
        let all = std::iter::once(&self.grants).chain(self.own.values());
        let last = all.filter_map(|grants| grants.keys().next_back()).copied().max();
        last.unwrap_or(0).max(self.blocked_until_ms)
    }
}

/// One limit that calls are made under.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    /// What integrations say; `None` is the connection's own.
    pub(super) of: Option<String>,
    pub(super) rate: Rate,
}

/// Returns when fewer than `most` of the `used` calls count; `None` when they are fewer already.
pub(super) fn free_at(grants: &Grants, used: u32, most: u32) -> Option<i64> {
    if used < most {
        return None;
    }
    let mut left = used;
    let frees = |(until_ms, calls): (&i64, &u32)| {
        left = left.saturating_sub(*calls);
        (left < most).then_some(*until_ms)
    };
    grants.iter().find_map(frees)
}
