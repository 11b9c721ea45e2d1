//! How the twin waits.

use std::time::Duration;

use ferrule_store::Clock;

/// How the twin waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// In real time: somebody outside is waiting too, such as a vendor's API.
    Real,
    /// Not at all: the clock is moved on.
    Skipping,
}

impl Pace {
    pub(super) async fn wait(self, clock: &Clock, millis: u64) {
        let wait = Duration::from_millis(millis.max(1));
        match self {
            Self::Real => crate::pause(wait).await,
            Self::Skipping => clock.advance(wait),
        }
    }

    /// Lets the last run's changes become old enough to be read: a second, which the change feed leaves out.
    pub(super) async fn settle(self, clock: &Clock) {
        if self == Self::Skipping {
            self.wait(clock, 1001).await;
        }
    }
}
