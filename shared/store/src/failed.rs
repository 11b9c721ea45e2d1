//! A run that fails is an event, written together with its end.

use ferrule_core::{Event, Failure, Object, Run, RunState, Tenant, Value, event};
use tracing::warn;

use crate::{Posted, Store, Write, outbox::post};

/// Returns the event of a run that has failed; none when it tells of a failure itself, nor when what
/// started it goes round.
fn posted(run: &Run) -> Option<Posted> {
    let is_told = !run.alert && !run.purpose.is_plan() && !run.hops.is_told();
    if run.state != RunState::Failed || !is_told {
        return None;
    }
    let data = Object::from_iter([
        ("integration", Value::from(run.integration.as_str())),
        ("run", Value::from(run.run.as_str())),
        ("trigger", Value::from(run.trigger.as_str())),
        ("reason", run.reason.as_deref().map_or(Value::Null, Value::from)),
    ]);
    let event = Event {
        id: format!("run-failed-{}", run.run),
        kind: event::RUN_FAILED.into(),
        at: run.ended_at.unwrap_or(run.started_at),
        subject: run.integration.to_string(),
        data,
    };
    Some(Posted { hops: run.hops, ..Posted::one(event) })
}

/// Returns the write that belongs to the end of a run.
pub(crate) fn write(tenant: &Tenant, run: &Run) -> Result<Option<Write>, Failure> {
    posted(run).map(|posted| post(tenant, &posted)).transpose()
}

impl Store {
    /// Sends the event of a run that has failed. When that does not succeed, `schedule` does it.
    pub(crate) async fn tell_of_failure(&self, tenant: &Tenant, run: &Run) {
        let Some(posted) = posted(run) else { return };
        if let Err(failure) = self.send_posted(tenant, &posted).await {
            warn!(code = failure.code(), %failure, "the event of a failed run waits in the outbox");
        }
    }
}
