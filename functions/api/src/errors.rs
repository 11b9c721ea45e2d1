//! Shows the error log, and sends what is parked in it again.

use axum::{Json, extract::State};
use ferrule_core::Name;
use ferrule_store::{ErrorFilter, ErrorState, NotReplayed, Store};
use http::StatusCode;
use serde::Deserialize;

use crate::{
    auth::Caller,
    input::{Asked, Steps},
    page::{Page, Wanted},
    problem::Problem,
    replays::guarded,
    views::ErrorView,
};

/// Query of `GET /v1/errors`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    integration: Option<Name>,
    code: Option<String>,
    state: Option<ErrorState>,
    since: Option<jiff::Timestamp>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Answers `GET /v1/errors`.
pub(crate) async fn list(
    caller: Caller,
    State(store): State<Store>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<ErrorView>>, Problem> {
    let Filter { integration, code, state, since, limit, cursor } = filter;
    let since = since.map(jiff::Timestamp::as_millisecond);
    let filter = ErrorFilter { integration, code, state, since };
    let wanted = Wanted::read(limit, cursor.as_deref(), &["errors", &format!("{filter:?}")])?;
    let start = wanted.start.clone();
    let (rows, next) = store.errors(&caller.tenant, &filter, wanted.limit, start).await?;
    Ok(Json(wanted.page(rows.into_iter().map(ErrorView::from).collect(), next)))
}

/// Answers `GET /v1/errors/{id}`.
pub(crate) async fn one(
    caller: Caller,
    State(store): State<Store>,
    Steps(id): Steps<String>,
) -> Result<Json<ErrorView>, Problem> {
    let row = store.error(&caller.tenant, &id).await?;
    row.map(|row| Json(row.into())).ok_or_else(|| Problem::not_found(format!("error {id}")))
}

/// Answers `POST /v1/errors/{id}/replay`.
pub(crate) async fn replay(
    caller: Caller,
    State(store): State<Store>,
    Steps(id): Steps<String>,
) -> Result<Json<ErrorView>, Problem> {
    let by = (&*caller.who(), caller.may_approve());
    match store.replay(&caller.tenant, &id, by).await {
        Ok(row) => Ok(Json(row.into())),
        Err(NotReplayed::Unknown(id)) => Err(Problem::not_found(format!("error {id}"))),
        Err(NotReplayed::Nothing(why)) => {
            Err(Problem::new(StatusCode::CONFLICT, "nothing_to_replay", why))
        }
        Err(NotReplayed::Guarded) => Err(guarded()),
        Err(NotReplayed::Failed(failure)) => Err(failure.into()),
    }
}
