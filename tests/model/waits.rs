//! I5: attempts and waits are as the policy says, and never before `Retry-After`.

use ferrule_core::{Message, SCHEDULE, Task};
use ferrule_store::ErrorRow;

use crate::world::World;

/// A message that was delivered in this step.
#[derive(Debug, Clone)]
pub(crate) struct Delivered {
    work: String,
    failures: u32,
}

/// The same piece of work, however often it has been tried.
impl PartialEq for Delivered {
    fn eq(&self, other: &Self) -> bool {
        self.work == other.work
    }
}

impl Delivered {
    pub(crate) fn of(message: &Message) -> Option<Self> {
        let work = work_of(message)?;
        Some(Self { work, failures: message.envelope.failures })
    }
}

/// Names the piece of work that a message asks for, as the world names it.
fn work_of(message: &Message) -> Option<String> {
    let envelope = &message.envelope;
    match &message.task {
        Task::Extract(page) => {
            let start = page.position.as_i64().unwrap_or(0);
            Some(format!("page {} {start}", envelope.tenant))
        }
        Task::Load(batch) => {
            Some(format!("{}-{}-{}", envelope.run, batch.seq, &batch.digest().as_str()[..8]))
        }
        Task::Transform(batch) => Some(format!("transform {}-{}", envelope.run, batch.seq)),
        _ => None,
    }
}

/// A message that was sent again waits as long as it must, and no longer.
pub(crate) fn check_wait(
    world: &World,
    now: i64,
    message: &Message,
    delivered: &[Delivered],
) -> Result<(), String> {
    // What an earlier stage sends waits for nothing.
    let is_again = message.envelope.not_before > 0;
    let Some(work) = work_of(message).filter(|_| is_again) else { return Ok(()) };
    let wait = message.envelope.not_before - now;
    let state = world.state();
    let asked = state.asked.get(&work).map_or(0, |until| until - now);
    // Of two with the same message only one was asked to wait.
    let bounds = (if state.is_twin { 0 } else { asked }, asked);
    // A message can be there twice, and both can be at work.
    let mut wrong = None;
    for before in delivered.iter().filter(|delivered| delivered.work == work) {
        match after(before, message.envelope.failures, wait, bounds) {
            Ok(()) => return Ok(()),
            Err(reason) => wrong = Some(reason),
        }
    }
    wrong.map_or(Ok(()), Err)
}

/// Whether a message with so many failures that waits so long can come after `before`.
fn after(
    before: &Delivered,
    failures: u32,
    wait: i64,
    (demanded, asked): (i64, i64),
) -> Result<(), String> {
    let Delivered { work, failures: known } = before;
    if wait < demanded {
        return Err(format!("I5: {work} waits {wait} ms, and was asked to wait {demanded}"));
    }
    let (least, most) = if failures == *known {
        // A rate limit, another worker, an open breaker: no attempt.
        (i64::MIN, asked.max(MOST_WAIT_MS))
    } else if failures == known + 1 && failures as usize <= SCHEDULE.len() {
        let planned = SCHEDULE[failures as usize - 1].as_millis();
        let planned = i64::try_from(planned).unwrap();
        (planned, asked.max(planned))
    } else {
        return Err(format!("I5: {work} went from {known} to {failures} attempts"));
    };
    if wait < least || wait > most {
        return Err(format!("I5: {work} waits {wait} ms after {failures} attempts"));
    }
    Ok(())
}

/// Longest wait that is no attempt and that nobody asked for.
const MOST_WAIT_MS: i64 = 20 * 60_000;

/// What was only not there is parked after all of its attempts, and not before.
pub(crate) fn check_attempts(row: &ErrorRow) -> Result<(), String> {
    let most = SCHEDULE.len() + 1;
    let is_tried = row.code == "unavailable" && row.payload.is_some();
    if is_tried && row.attempt as usize != most {
        return Err(format!("I5: {} is parked after {} attempts", row.id, row.attempt));
    }
    Ok(())
}
