//! Starts runs and plans, shows them, and takes what is decided about them.

mod decide;
mod view;

use axum::{Json, extract::State, response::IntoResponse};
pub(crate) use decide::{approve, reject};
use ferrule_core::{Name, RunId};
use ferrule_store::{MOST_SAMPLED, NotStarted, PlanWish, Store};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub(crate) use view::{GuardView, PlanView};

use crate::{
    auth::Caller,
    input::{Asked, Sent, Steps, name},
    page::{Page, Wanted},
    problem::Problem,
    views::RunView,
};

/// Body of `POST /v1/sync`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sync {
    /// What to run.
    integration: String,
    /// Read everything, whatever the cursor says.
    #[serde(default)]
    full: bool,
    /// Only say what a run would do: it is read and mapped for real, compared with what the target is
    /// known to hold, and nothing is written. `GET /v1/runs/{id}` shows the answer.
    #[serde(default)]
    plan: bool,
    /// Most records that a plan looks at; 1,000 by default.
    #[schemars(range(min = 1, max = 10_000))]
    sample: Option<u64>,
}

/// Records that a plan looks at when nothing else is said.
const SAMPLE: u64 = 1_000;

/// A run that was started.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Started {
    run: String,
}

/// Query of `GET /v1/runs`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    integration: Option<Name>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Answers `POST /v1/sync`.
pub(crate) async fn sync(
    caller: Caller,
    State(store): State<Store>,
    Sent(sync): Sent<Sync>,
) -> Result<impl IntoResponse, Problem> {
    let name = name("integration", &sync.integration)?;
    let (tenant, full) = (&caller.tenant, sync.full);
    let started = match (sync.plan, sync.sample) {
        (false, None) => store.start_run(tenant, &name, "api", full).await,
        (false, Some(_)) => return Err(Problem::bad_request("a sample needs plan: true")),
        (true, sample) => {
            let sample = sample.unwrap_or(SAMPLE);
            if !(1..=MOST_SAMPLED).contains(&sample) {
                let detail = format!("a sample has 1 to {MOST_SAMPLED} records");
                return Err(Problem::bad_request(detail));
            }
            store.start_plan(tenant, &name, "api", PlanWish { full, sample }).await
        }
    };
    let run = started.map_err(refused)?;
    Ok((StatusCode::ACCEPTED, Json(Started { run: run.run.to_string() })))
}

/// Says why a run does not start.
fn refused(why: NotStarted) -> Problem {
    match why {
        NotStarted::Running(run) => Problem::running(run),
        NotStarted::Unknown(name) => Problem::not_found(format!("integration {name}")),
        NotStarted::NoSource(_) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_source", why.to_string())
        }
        NotStarted::NoTarget(_) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_target", why.to_string())
        }
        NotStarted::Spent(_) => Problem::new(StatusCode::CONFLICT, "budget_spent", why.to_string()),
        NotStarted::Failed(failure) if failure.code() == "CONNECTION" => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "connection", failure.to_string())
        }
        NotStarted::Failed(failure) => failure.into(),
    }
}

/// Answers `GET /v1/runs`.
pub(crate) async fn list(
    caller: Caller,
    State(store): State<Store>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<RunView>>, Problem> {
    let integration = filter.integration.as_ref();
    let list = ["runs", integration.map_or("", Name::as_str)];
    let wanted = Wanted::read(filter.limit, filter.cursor.as_deref(), &list)?;
    let start = wanted.start.clone();
    let (runs, next) = store.runs(&caller.tenant, integration, wanted.limit, start).await?;
    Ok(Json(wanted.page(runs.into_iter().map(RunView::in_short).collect(), next)))
}

/// Answers `GET /v1/runs/{id}`.
pub(crate) async fn one(
    caller: Caller,
    State(store): State<Store>,
    Steps(id): Steps<String>,
) -> Result<Json<RunView>, Problem> {
    let run = store.run(&caller.tenant, &RunId::new(id.as_str())).await?;
    run.map(|run| Json(run.into())).ok_or_else(|| Problem::not_found(format!("run {id}")))
}
