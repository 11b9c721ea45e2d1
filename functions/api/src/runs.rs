//! Starts runs, and shows them.

use axum::{Json, extract::State, response::IntoResponse};
use ferrule_core::{Name, RunId};
use ferrule_store::{NotStarted, Store};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

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
    let run = store.start_run(&caller.tenant, &name, "api", sync.full).await?;
    Ok((StatusCode::ACCEPTED, Json(Started { run: run.run.to_string() })))
}

impl From<NotStarted> for Problem {
    fn from(why: NotStarted) -> Self {
        match why {
            NotStarted::Running(run) => Self::running(run),
            NotStarted::Unknown(name) => Self::not_found(format!("integration {name}")),
            NotStarted::NoSource(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no_source", why.to_string())
            }
            NotStarted::Failed(failure) if failure.code() == "CONNECTION" => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "connection", failure.to_string())
            }
            NotStarted::Failed(failure) => failure.into(),
        }
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
    Ok(Json(wanted.page(runs.into_iter().map(RunView::from).collect(), next)))
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
