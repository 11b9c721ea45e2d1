//! What is parked: replays that are going on, and warnings before its time is over.

use std::time::Duration;

use ferrule_core::Failure;
use ferrule_store::{ReplayState, Store};
use tracing::{error, info, warn};

/// How long all replays together may be gone on with in one tick.
const TIME: Duration = Duration::from_secs(20);

/// Goes on with replays, each as far as its rate allows, and warns of what will soon be gone.
pub(crate) async fn go_on(store: &Store) {
    if let Err(failure) = advance(store).await {
        error!(code = failure.code(), %failure, "cannot look for replays");
    }
    match store.warn_of_expiry().await {
        Ok(0) => {}
        Ok(warnings) => warn!(warnings, "parked work will soon be kept no longer"),
        Err(failure) => {
            error!(code = failure.code(), %failure, "cannot look for what is kept no longer");
        }
    }
}

/// One replay's trouble does not keep the others waiting.
async fn advance(store: &Store) -> Result<(), Failure> {
    let going_on = store.replays_going_on().await?;
    let share = TIME / u32::try_from(going_on.len().max(1)).unwrap_or(u32::MAX);
    for (tenant, id) in going_on {
        match store.advance_replay(&tenant, &id, share).await {
            Ok(Some(replay)) if replay.state == ReplayState::Done => {
                info!(%tenant, replay = id, records = replay.records, "a replay is over");
            }
            Ok(_) => {}
            Err(failure) => {
                error!(%tenant, replay = id, code = failure.code(), %failure, "cannot replay");
            }
        }
    }
    Ok(())
}
