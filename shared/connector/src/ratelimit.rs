//! The call limit of a connection, shared by all its workers.
//!
//! A sliding window, kept as one row: each grant of calls counts until it is certain that a vendor
//! who looks back one window no longer sees them. A worker takes a single call at first and a few
//! at once when it is busy, so that a long job does not pay a write for each call. A small part of
//! each window is left to urgent work, which so never waits behind what is not.
//!
//! A limit of an integration is a window of its own beside the connection's: a call counts in each
//! that it is made under. Integrations that say the same limit share it. So a slow one is not kept from
//! calling by what a fast one did, nor a fast one by how far a slow one looks back.

mod queue;
mod rates;
mod window;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ferrule_core::{Failure, Name, Tenant, definition::Rate};
use ferrule_store::{Item, Store, Table, When, Written};
use queue::Queue;
pub use rates::Rates;
use tracing::warn;
use uuid::Uuid;
use window::{Limit, Window, free_at};

/// What is allowed when neither connection nor integration says so.
pub const DEFAULT_RATE: Rate = Rate { calls: 60, window_secs: 60 };

/// Begins what our own limit is called in a failure. No connection has a space in its name.
pub(crate) const OWN_LIMIT: &str = "call limit of ";

/// Most calls taken at once, where a hundredth of what a window allows is not more.
const LARGEST_LEASE: u32 = 10;

/// How often a lost race for the row is run again before the message goes back.
const TRIES: usize = 12;

/// Calls that this worker may still make.
#[derive(Debug, Default)]
struct Lease {
    left: u32,
    size: u32,
    use_until_ms: i64,
}

/// Permission for one call.
#[derive(Debug)]
pub(crate) struct Permit {
    use_until_ms: i64,
}

/// Hands out calls of one connection. Clones share what they hold.
#[derive(Clone)]
pub struct Limiter {
    store: Store,
    service: String,
    pk: String,
    sk: String,
    limits: Arc<[Limit]>,
    is_urgent: bool,
    lease: Arc<Mutex<Lease>>,
    queue: Arc<Queue>,
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limiter({} {:?})", self.sk, self.limits)
    }
}

impl Limiter {
    /// Limits the calls of a connection. Windows get shorter by the store's time scale.
    pub fn new(store: &Store, tenant: &Tenant, connection: &Name, rates: impl Into<Rates>) -> Self {
        Self {
            store: store.clone(),
            service: format!("{OWN_LIMIT}{connection}"),
            pk: tenant.to_string(),
            sk: format!("limit#{connection}"),
            limits: rates.into().limits(),
            is_urgent: false,
            lease: Arc::default(),
            queue: Arc::default(),
        }
    }

    /// Returns one for urgent work on the same connection: it may take every call of a window.
    #[must_use]
    pub fn urgent(&self) -> Self {
        Self { is_urgent: true, lease: Arc::default(), queue: Arc::default(), ..self.clone() }
    }

    /// Takes one call, or says exactly how long until one is free.
    pub(crate) async fn take(&self) -> Result<Permit, Failure> {
        if let Some(permit) = self.take_leased(self.store.clock.now_ms()) {
            return Ok(permit);
        }
        let in_line = self.queue.join();
        let _turn = in_line.turn().await;
        if let Some(permit) = self.take_leased(self.store.clock.now_ms()) {
            return Ok(permit);
        }
        for _ in 0..TRIES {
            let (mut window, there) = self.read().await?;
            let now_ms = self.store.clock.now_ms();
            let wanted = self.wanted(now_ms);
            let (calls, use_until_ms) = self.grant(&mut window, now_ms, wanted)?;
            if self.write(window, there).await? && self.store.clock.now_ms() <= use_until_ms {
                let lease = Lease { left: calls - 1, size: calls, use_until_ms };
                *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = lease;
                return Ok(Permit { use_until_ms });
            }
        }
        Err(self.wait(Duration::from_millis(u64::try_from(self.slack_ms()).unwrap_or(0).max(50))))
    }

    /// Notes a call that took so long that the vendor may have counted it later than we did.
    pub(crate) async fn settle(&self, permit: Permit) {
        let now_ms = self.store.clock.now_ms();
        if now_ms <= permit.use_until_ms + self.slack_ms() {
            return;
        }
        let count = |window: &mut Window| {
            for limit in &*self.limits {
                let until_ms = now_ms + self.window_ms(limit);
                *window.of(limit).entry(until_ms).or_default() += 1;
            }
        };
        self.change(count).await;
    }

    /// Stops every worker of the connection for this long.
    pub(crate) async fn block(&self, wait: Duration) {
        let until_ms = self.store.clock.now_ms().saturating_add(millis(wait));
        self.lease.lock().unwrap_or_else(PoisonError::into_inner).left = 0;
        self.change(|window| window.blocked_until_ms = window.blocked_until_ms.max(until_ms)).await;
    }

    fn take_leased(&self, now_ms: i64) -> Option<Permit> {
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        if lease.left == 0 || now_ms > lease.use_until_ms {
            return None;
        }
        lease.left -= 1;
        Some(Permit { use_until_ms: lease.use_until_ms })
    }

    /// One call for each who waits here; twice as many as before when those were used up in time.
    fn wanted(&self, now_ms: i64) -> u32 {
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        let is_busy = lease.left == 0 && now_ms <= lease.use_until_ms + self.hold_ms();
        let calls = self.limits.iter().map(|limit| limit.rate.calls).min().unwrap_or(1);
        let most = (calls / 6).clamp(1, LARGEST_LEASE.max(calls / 100));
        let waiting = self.queue.waiting();
        let wanted = if is_busy { waiting.max(lease.size * 2) } else { waiting };
        wanted.clamp(1, most)
    }

    /// Enters a grant into its windows; returns its calls and until when they may be made.
    fn grant(&self, window: &mut Window, now_ms: i64, wanted: u32) -> Result<(u32, i64), Failure> {
        window.forget(now_ms);
        if window.blocked_until_ms > now_ms {
            return Err(self.wait_until(window.blocked_until_ms, now_ms));
        }
        let (mut calls, mut free_ms) = (wanted, now_ms);
        for limit in &*self.limits {
            let grants = window.of(limit);
            let (most, used) = (self.most(limit), grants.values().sum::<u32>());
            calls = calls.min(most.saturating_sub(used));
            free_ms = free_ms.max(free_at(grants, used, most).unwrap_or(now_ms));
        }
        if calls == 0 {
            return Err(self.wait_until(free_ms, now_ms));
        }
        let hold_ms = if calls == 1 { self.slack_ms() } else { self.hold_ms() };
        let use_until_ms = now_ms + hold_ms;
        for limit in &*self.limits {
            let grid_ms = (self.window_ms(limit) / 100).max(1);
            let until_ms = use_until_ms + self.slack_ms() + self.window_ms(limit);
            let until_ms = (until_ms + grid_ms).div_euclid(grid_ms) * grid_ms;
            *window.of(limit).entry(until_ms).or_default() += calls;
        }
        Ok((calls, use_until_ms))
    }

    /// Calls of a window that may be taken: all of them by urgent work, about nine in ten by other.
    fn most(&self, limit: &Limit) -> u32 {
        let calls = limit.rate.calls;
        if self.is_urgent { calls } else { calls - calls / 10 }
    }

    /// Changes the row outside of a grant. When it cannot, the limit is a little less exact.
    async fn change(&self, change: impl Fn(&mut Window)) {
        for _ in 0..TRIES {
            let written = match self.read().await {
                Ok((mut window, there)) => {
                    change(&mut window);
                    self.write(window, there).await
                }
                Err(failure) => Err(failure),
            };
            match written {
                Ok(true) => return,
                Ok(false) => {}
                Err(failure) => {
                    warn!(code = failure.code(), "cannot correct the call limit");
                    return;
                }
            }
        }
    }

    async fn read(&self) -> Result<(Window, Option<u64>), Failure> {
        let Some(item) = self.store.tables.get(Table::State, &self.pk, &self.sk).await? else {
            return Ok((Window::default(), None));
        };
        let window = serde_json::from_str(&item.body).unwrap_or_default();
        Ok((window, Some(item.rev)))
    }

    async fn write(&self, mut window: Window, there: Option<u64>) -> Result<bool, Failure> {
        window.by = Uuid::now_v7().to_string();
        let item = Item {
            pk: self.pk.clone(),
            sk: self.sk.clone(),
            expires: Some(window.last_ms().div_euclid(1000) + 3600),
            body: serde_json::to_string(&window)
                .map_err(|error| Failure::invalid(error.to_string()))?,
            ..Item::default()
        };
        let when = there.map_or(When::Absent, When::Rev);
        Ok(self.store.tables.put(Table::State, item, when).await? == Written::Done)
    }

    fn wait_until(&self, until_ms: i64, now_ms: i64) -> Failure {
        let left = u64::try_from(until_ms.saturating_sub(now_ms)).unwrap_or(0);
        self.wait(Duration::from_millis(left.max(1)))
    }

    fn wait(&self, wait: Duration) -> Failure {
        Failure::Throttled { service: self.service.clone(), retry_after: Some(wait) }
    }

    fn window_ms(&self, limit: &Limit) -> i64 {
        let window_ms = i64::from(limit.rate.window_secs) * 1000;
        (window_ms / i64::from(self.store.time_scale.max(1))).max(1)
    }

    /// The shortest of its windows.
    fn shortest_ms(&self) -> i64 {
        self.limits.iter().map(|limit| self.window_ms(limit)).min().unwrap_or(1)
    }

    /// How long a lease of several calls may be used.
    fn hold_ms(&self) -> i64 {
        (self.shortest_ms() / 12).clamp(self.floor_ms(), 5000)
    }

    /// How much later than planned a call may arrive without being noted again.
    fn slack_ms(&self) -> i64 {
        (self.shortest_ms() / 40).clamp(self.floor_ms(), 1500)
    }

    /// What a write may take, also where the window is short: or no call would ever be granted in time.
    fn floor_ms(&self) -> i64 {
        self.shortest_ms().min(100)
    }
}

fn millis(wait: Duration) -> i64 {
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "ratelimit/tests.rs"]
mod tests;
