//! Sends parked work again, or gives it up: one, many, by run, integration, code and time.
//!
//! A replay is a row that says how far it is. The API begins with it, and `schedule` goes on each
//! minute, as far as its rate allows, until everything is on its queues. A batch that was parked
//! whole goes again as what it was (same run, same number), so that its receiver recognises what it
//! has done. Records that were refused alone get a run of their own, in which what becomes of them
//! is counted.

mod expiry;
mod job;
mod pick;
mod preview;
mod route;
mod step;
mod take;

use std::time::Duration;

use ferrule_core::{Failure, Tenant, definition::Rate};

pub use expiry::EXPIRY_WARNING_DAYS;
pub use job::{Replay, ReplayRun, ReplayState, ReplayWish, With};
pub use pick::{MOST_IDS, Pick};
pub use preview::{OfDefinition, Preview, Tried, price};
pub use take::Discarded;

use crate::{ErrorRow, ErrorState, Store, Table};

/// Records that are sent again in a while when nothing else is said.
pub const REPLAY_RATE: Rate = Rate { calls: 6000, window_secs: 60 };

/// How long a single row may take.
const A_MOMENT: Duration = Duration::from_secs(10);

/// Why a row is left that a guard has stopped.
pub(crate) const GUARDED: &str = "the guard of its run had not let it write yet: sending it again takes a \
                                  key with role admin, as approving does";

/// Why a row was not replayed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotReplayed {
    /// There is no such row.
    #[error("there is no error {0}")]
    Unknown(String),
    /// There is nothing to send.
    #[error("{0}")]
    Nothing(String),
    /// Whoever asks may not let pass what a guard has stopped.
    #[error("{}", GUARDED)]
    Guarded,
    /// Something else.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Store {
    /// Sends what one row keeps again, as it was. Asked a second time it does nothing. What a guard has
    /// stopped is sent when `by` may approve.
    pub async fn replay(
        &self,
        tenant: &Tenant,
        id: &str,
        (by, approves): (&str, bool),
    ) -> Result<ErrorRow, NotReplayed> {
        let unknown = || NotReplayed::Unknown(id.to_owned());
        let nothing = |why: &str| NotReplayed::Nothing(format!("nothing to replay: {why}"));
        let row = self.error(tenant, id).await?.ok_or_else(unknown)?;
        match row.state {
            ErrorState::Parked => {}
            ErrorState::Replayed => return Ok(row),
            ErrorState::Open => {
                let why = "nothing of it was kept; correct it where it comes from, and the next \
                           run takes it";
                return Err(nothing(why));
            }
            ErrorState::Discarded => return Err(nothing("it was given up by a person")),
        }
        if self.expires_at(row.at) <= self.clock.now_ms() {
            return Err(nothing("the payload is no longer kept"));
        }
        if row.guarded && !approves {
            return Err(NotReplayed::Guarded);
        }
        let pick = Pick { ids: vec![id.to_owned()], ..Pick::default() };
        let (by, rate) = (by.to_owned(), REPLAY_RATE);
        let wish = ReplayWish { by, pick, with: With::AsWas, rate, approves };
        let replay = self.start_replay(tenant, wish).await?;
        let replay = self.advance_replay(tenant, &replay.id, A_MOMENT).await?;
        let row = self.error(tenant, id).await?.ok_or_else(unknown)?;
        if row.state == ErrorState::Replayed {
            return Ok(row);
        }
        let why = replay.and_then(|replay| replay.reasons.into_keys().next());
        Err(nothing(why.as_deref().unwrap_or("somebody else changed it meanwhile")))
    }

    /// Tells whether one of these rows is of what a guard has stopped.
    pub async fn is_any_guarded(&self, tenant: &Tenant, ids: &[String]) -> Result<bool, Failure> {
        let rows = self.tables.get_many(Table::ErrorLog, tenant.as_str(), ids).await?;
        for row in rows {
            let row: ErrorRow = row.read()?;
            if row.guarded && row.state == ErrorState::Parked {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
