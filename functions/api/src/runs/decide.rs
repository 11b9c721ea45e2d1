//! Approves a run that its guard has stopped, or rejects it.

use axum::{Json, extract::State};
use ferrule_core::{Run, RunId};
use ferrule_store::{NotDecided, Store};
use http::StatusCode;

use crate::{auth::Caller, input::Steps, problem::Problem, views::RunView};

/// Answers `POST /v1/runs/{id}/approve`.
pub(crate) async fn approve(
    caller: Caller,
    State(store): State<Store>,
    Steps(id): Steps<String>,
) -> Result<Json<RunView>, Problem> {
    decide(&caller, &store, &id, true).await
}

/// Answers `POST /v1/runs/{id}/reject`.
pub(crate) async fn reject(
    caller: Caller,
    State(store): State<Store>,
    Steps(id): Steps<String>,
) -> Result<Json<RunView>, Problem> {
    decide(&caller, &store, &id, false).await
}

/// The use of the key is in the audit trail before this; what was decided is there after it.
async fn decide(
    caller: &Caller,
    store: &Store,
    id: &str,
    approved: bool,
) -> Result<Json<RunView>, Problem> {
    let (tenant, run) = (&caller.tenant, RunId::new(id));
    let decided = store.decide_run(tenant, &run, (approved, &caller.who())).await;
    let run = decided.map_err(refused)?;
    let action = if approved { "APPROVE" } else { "REJECT" };
    let action = format!("{action} run={} integration={}", run.run, run.integration);
    store.audit(tenant, &caller.key, &action, "decided").await?;
    Ok(Json(run.into()))
}

fn refused(why: NotDecided) -> Problem {
    let what = why.to_string();
    let conflict = |kind, detail| Problem::new(StatusCode::CONFLICT, kind, detail);
    match why {
        NotDecided::Unknown(run) => Problem::not_found(format!("run {run}")),
        NotDecided::Over(run) => conflict("over", format!("{what}: {}{}", state(&run), by(&run))),
        NotDecided::Decided(run) => conflict("decided", format!("{what}{}", by(&run))),
        NotDecided::NotWaiting(_) => conflict("not_waiting", what),
        NotDecided::Failed(failure) => failure.into(),
    }
}

fn state(run: &Run) -> String {
    crate::views::word(&run.state)
}

fn by(run: &Run) -> String {
    let decision = run.look.as_ref().and_then(|look| look.decision.as_ref());
    decision.map_or_else(String::new, |decision| {
        let did = if decision.approved { "approved" } else { "rejected" };
        format!("; {} {did} it", decision.by)
    })
}
