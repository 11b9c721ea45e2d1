//! A cache of secrets: what may be served without asking, and what when nobody answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::Secret;

/// How long a secret is served without asking.
const FRESH: Duration = Duration::from_mins(1);
/// How long the absence of a secret is believed: somebody may be about to create it.
const ABSENT: Duration = Duration::from_secs(10);
/// How long a secret is served while nobody answers.
const STALE: Duration = Duration::from_hours(1);
/// How long nobody is asked again after not answering.
const PAUSE: Duration = Duration::from_secs(10);

/// How long a secret is believed to be the newest when somebody doubts it: whoever is refused, or sends
/// forgeries, makes us ask no more often.
const NEWEST: Duration = Duration::from_secs(10);

/// One secret's place. Whoever holds the lock asks; others wait for the same answer.
pub(super) type Slot = Arc<tokio::sync::Mutex<Option<Cached>>>;

/// Slots by name of secret.
#[derive(Debug, Clone, Default)]
pub(super) struct Cache(Arc<Mutex<HashMap<String, Slot>>>);

impl Cache {
    /// Returns the place of a secret.
    pub(super) fn slot(&self, name: &str) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(name.to_owned()).or_default())
    }
}

/// What was found, and when. Times in milliseconds.
#[derive(Debug, Clone)]
pub(super) struct Cached {
    /// The secret; `None` when there is none.
    pub(super) secret: Option<Secret>,
    read_at: i64,
    tried_at: i64,
}

impl Cached {
    /// Keeps what was read.
    pub(super) fn new(secret: Option<Secret>, read_at: i64) -> Self {
        Self { secret, read_at, tried_at: read_at }
    }

    /// Tells whether this can be served without asking.
    pub(super) fn is_fresh(&self, now: i64) -> bool {
        let age = if self.secret.is_some() { FRESH } else { ABSENT };
        is_within(age, self.read_at, now) || (self.is_usable(now) && self.is_paused(now))
    }

    /// Tells whether nobody answered a moment ago.
    pub(super) fn is_paused(&self, now: i64) -> bool {
        self.tried_at > self.read_at && is_within(PAUSE, self.tried_at, now)
    }

    /// Tells whether this was read after somebody asked for it: they waited for the same answer.
    pub(super) fn answers(&self, asked_at: i64) -> bool {
        self.read_at > asked_at
    }

    /// Tells whether this was read so lately that asking again tells nothing new.
    pub(super) fn is_newest(&self, now: i64) -> bool {
        is_within(NEWEST, self.read_at, now)
    }

    /// Tells whether this can be served while nobody answers.
    pub(super) fn is_usable(&self, now: i64) -> bool {
        self.secret.is_some() && is_within(STALE, self.read_at, now)
    }

    /// Notes that nobody answered.
    pub(super) fn tried(&mut self, now: i64) {
        self.tried_at = now;
    }
}

fn is_within(age: Duration, since: i64, now: i64) -> bool {
    u128::from(now.abs_diff(since)) < age.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1000;
    const MINUTE: i64 = 60 * SECOND;

    fn known() -> Cached {
        Cached::new(Some(Secret::new("v1", "{}")), 0)
    }

    #[test]
    fn serves_a_secret_for_a_minute_and_its_absence_for_ten_seconds() {
        assert!(known().is_fresh(MINUTE - 1));
        assert!(!known().is_fresh(MINUTE));
        let absent = Cached::new(None, 0);
        assert!(absent.is_fresh(10 * SECOND - 1));
        assert!(!absent.is_fresh(10 * SECOND));
    }

    #[test]
    fn serves_a_stale_secret_for_an_hour_and_asks_every_ten_seconds() {
        let mut cached = known();
        cached.tried(5 * MINUTE);
        assert!(cached.is_fresh(5 * MINUTE + 9 * SECOND));
        assert!(!cached.is_fresh(5 * MINUTE + 10 * SECOND));
        assert!(cached.is_usable(60 * MINUTE - 1));
        assert!(!cached.is_usable(60 * MINUTE));
        cached.tried(60 * MINUTE);
        assert!(!cached.is_fresh(60 * MINUTE + 1));
        assert!(cached.is_paused(60 * MINUTE + 9 * SECOND));
        assert!(!cached.is_paused(60 * MINUTE + 10 * SECOND));
        assert!(!known().is_paused(1));
    }

    #[test]
    fn never_serves_a_stale_absence() {
        assert!(!Cached::new(None, 0).is_usable(1));
    }

    #[test]
    fn answers_those_who_asked_before_it_was_read() {
        assert!(Cached::new(None, 5).answers(4));
        assert!(!Cached::new(None, 5).answers(5));
    }

    #[test]
    fn gives_each_name_its_own_slot_and_clones_the_same_ones() {
        let cache = Cache::default();
        assert!(Arc::ptr_eq(&cache.slot("a"), &cache.clone().slot("a")));
        assert!(!Arc::ptr_eq(&cache.slot("a"), &cache.slot("b")));
    }
}
