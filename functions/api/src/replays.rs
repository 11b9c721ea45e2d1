//! Shows what is parked, sends it again, gives it up: by id, run, integration, code and time.

mod asked;
mod view;

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use ferrule_core::Failure;
use ferrule_store::{NotReplayed, ReplayWish, Store};
use http::StatusCode;
use tracing::warn;

pub(crate) use asked::{DiscardAsked, ParkedAsked, ReplayAsked};
pub(crate) use view::{DiscardView, PreviewView, ReplayView};

use crate::{
    auth::Caller,
    input::{Asked, Sent, Steps},
    page::{Page, Wanted},
    problem::Problem,
    views::ErrorView,
};

/// How long a replay is gone on with before the answer; `schedule` does the rest.
const TIME: Duration = Duration::from_secs(10);

/// Answers `GET /v1/parked`.
pub(crate) async fn parked(
    caller: Caller,
    State(store): State<Store>,
    Asked(asked): Asked<ParkedAsked>,
) -> Result<Json<Page<ErrorView>>, Problem> {
    let (pick, limit, cursor) = asked.read();
    let wanted = Wanted::read(limit, cursor.as_deref(), &["parked", &format!("{pick:?}")])?;
    let start = wanted.start.clone();
    let (rows, next) = store.parked(&caller.tenant, &pick, wanted.limit, start).await?;
    let rows = rows.into_iter().map(|row| ErrorView::kept(row, &store)).collect();
    Ok(Json(wanted.page(rows, next)))
}

/// Answers `POST /v1/replays`: says what it would do, or begins with it.
pub(crate) async fn start(
    caller: Caller,
    State(store): State<Store>,
    Sent(asked): Sent<ReplayAsked>,
) -> Result<Response, Problem> {
    let rate = asked.rate()?;
    let pick = asked::resolved(&store, &caller.tenant, asked.pick()?).await?;
    if asked.preview {
        let preview = store.preview_replay(&caller.tenant, &pick, asked.with).await?;
        return Ok(Json(PreviewView::of(preview, asked.with, rate, &store)).into_response());
    }
    if !caller.may_approve() && store.is_any_guarded(&caller.tenant, &pick.ids).await? {
        return Err(guarded());
    }
    let action = format!("REPLAY {} with={} rate={rate}", asked.words(), view::word_of(asked.with));
    store.audit(&caller.tenant, &caller.key, &action, "started").await?;
    let (by, approves) = (caller.who(), caller.may_approve());
    let wish = ReplayWish { by, pick, with: asked.with, rate, approves };
    let begun = store.start_replay(&caller.tenant, wish).await?;
    let replay = match store.advance_replay(&caller.tenant, &begun.id, TIME).await {
        Ok(replay) => replay.unwrap_or(begun),
        Err(failure) => {
            warn!(code = failure.code(), %failure, replay = begun.id, "the next tick goes on with it");
            begun
        }
    };
    Ok((StatusCode::ACCEPTED, Json(ReplayView::from(replay))).into_response())
}

/// Says that it takes the right to approve.
pub(crate) fn guarded() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", NotReplayed::Guarded.to_string())
}

/// Answers `GET /v1/replays`.
pub(crate) async fn list(
    caller: Caller,
    State(store): State<Store>,
    Asked(asked): Asked<asked::ListAsked>,
) -> Result<Json<Page<ReplayView>>, Problem> {
    let wanted = Wanted::read(asked.limit, asked.cursor.as_deref(), &["replays"])?;
    let start = wanted.start.clone();
    let (replays, next) = store.replays(&caller.tenant, wanted.limit, start).await?;
    Ok(Json(wanted.page(replays.into_iter().map(ReplayView::from).collect(), next)))
}

/// Answers `GET /v1/replays/{id}`.
pub(crate) async fn one(
    caller: Caller,
    State(store): State<Store>,
    Steps(id): Steps<String>,
) -> Result<Json<ReplayView>, Problem> {
    let replay = store.replay_of(&caller.tenant, &id).await?;
    replay.map(|it| Json(it.into())).ok_or_else(|| Problem::not_found(format!("replay {id}")))
}

/// Answers `POST /v1/discards`: says what it would give up, or does.
pub(crate) async fn discard(
    caller: Caller,
    State(store): State<Store>,
    Sent(asked): Sent<DiscardAsked>,
) -> Result<Response, Problem> {
    let pick = asked::resolved(&store, &caller.tenant, asked.pick()?).await?;
    if asked.preview {
        let (with, rate) = (asked::NO_MATTER, ferrule_store::REPLAY_RATE);
        let preview = store.preview_replay(&caller.tenant, &pick, with).await?;
        return Ok(Json(PreviewView::of(preview, with, rate, &store)).into_response());
    }
    let wanted = Wanted::read(None, asked.cursor(), &["discards", &format!("{pick:?}")])?;
    let start = wanted.start.clone();
    let (tenant, key, action) = (&caller.tenant, &caller.key, format!("DISCARD {}", asked.words()));
    store.audit(tenant, key, &action, "started").await?;
    let discarded = store.discard(tenant, &pick, &caller.who(), start).await?;
    let noted: Result<(), Failure> =
        store.audit(tenant, key, &action, &format!("{} discarded", discarded.errors)).await;
    noted?;
    Ok(Json(DiscardView::of(discarded, &wanted)).into_response())
}
