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

/// One replay's trouble does not keep the others waiting, nor do many replays the rest of the tick:
/// each minute another one is first.
async fn advance(store: &Store) -> Result<(), Failure> {
    let begun = store.clock.now_ms();
    let mut going_on = store.replays_going_on().await?;
    let count = going_on.len();
    going_on.rotate_left(first(begun, count));
    for (at, (tenant, id)) in going_on.into_iter().enumerate() {
        let Some(share) = share(store.clock.now_ms() - begun, count - at) else {
            info!(replays = count - at, "they are gone on with in the next minutes");
            return Ok(());
        };
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

/// Returns the place of the replay that is first in this minute.
fn first(now_ms: i64, count: usize) -> usize {
    let minute = usize::try_from(now_ms / 60_000).unwrap_or_default();
    minute.checked_rem(count).unwrap_or_default()
}

/// Returns how long the next of so many replays may take; none when all the time is used up.
fn share(used_ms: i64, left: usize) -> Option<Duration> {
    let used = Duration::from_millis(u64::try_from(used_ms).unwrap_or_default());
    let rest = TIME.checked_sub(used).filter(|rest| !rest.is_zero())?;
    Some(rest / u32::try_from(left.max(1)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_as_many_minutes_each_replay_is_first_once() {
        let now_ms = 1_760_000_000_000;
        let mut firsts: Vec<usize> =
            (0..7).map(|minute| first(now_ms + minute * 60_000, 7)).collect();
        firsts.sort_unstable();
        assert_eq!(firsts, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(first(now_ms, 0), 0);
    }

    #[test]
    fn what_one_does_not_use_the_next_has_and_all_end_in_time() {
        assert_eq!(share(0, 4), Some(Duration::from_secs(5)));
        assert_eq!(share(2_000, 3), Some(Duration::from_secs(6)));
        assert_eq!(share(19_000, 1), Some(Duration::from_secs(1)));
        assert_eq!((share(20_000, 1), share(40_000, 1)), (None, None));
    }
}
