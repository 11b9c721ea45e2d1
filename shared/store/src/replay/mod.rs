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

use crate::{ErrorRow, ErrorState, Store};

/// Records that are sent again in a while when nothing else is said.
pub const REPLAY_RATE: Rate = Rate { calls: 6000, window_secs: 60 };

/// How long a single row may take.
const A_MOMENT: Duration = Duration::from_secs(10);

/// Why a row was not replayed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotReplayed {
    /// There is no such row.
    #[error("there is no error {0}")]
    Unknown(String),
    /// There is nothing to send.
    #[error("{0}")]
    Nothing(String),
    /// Something else.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Store {
    /// Sends what one row keeps again, as it was. Asked a second time it does nothing.
    pub async fn replay(
        &self,
        tenant: &Tenant,
        id: &str,
        by: &str,
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
        let pick = Pick { ids: vec![id.to_owned()], ..Pick::default() };
        let wish = ReplayWish { by: by.to_owned(), pick, with: With::AsWas, rate: REPLAY_RATE };
        let replay = self.start_replay(tenant, wish).await?;
        let replay = self.advance_replay(tenant, &replay.id, A_MOMENT).await?;
        let row = self.error(tenant, id).await?.ok_or_else(unknown)?;
        if row.state == ErrorState::Replayed {
            return Ok(row);
        }
        let why = replay.and_then(|replay| replay.reasons.into_keys().next());
        Err(nothing(why.as_deref().unwrap_or("somebody else changed it meanwhile")))
    }
}

#[cfg(test)]
mod tests;
