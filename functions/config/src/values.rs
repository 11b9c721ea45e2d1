//! The configuration service: sets, shows and takes back values.
//!
//! A write never waits for anybody who is told of it: the event is stored with the change, and sent
//! after it; what cannot be sent now is sent by `schedule`.

mod batch;
mod body;
mod service;
mod view;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use ferrule_core::{Name, pattern::Patterns};
use ferrule_store::{Config, ConfigWish, Store};
use http::{HeaderMap, StatusCode};

pub(crate) use batch::batch;
pub use batch::{Batch, Done};
pub use body::{Back, Put};
use body::{Filter, Place, Removal, Telling};
pub(crate) use service::Service;
use service::{known, missing, saved, wanted};
pub use view::{ConfigView, VersionView};

use crate::{
    auth::Caller,
    etag::{self, ETag},
    input::{Asked, Sent, Steps},
    page::{Page, Wanted},
    problem::Problem,
};

/// Answers `GET /v1/config/{key}`.
pub(crate) async fn one(
    caller: Caller,
    State(store): State<Store>,
    Steps(key): Steps<String>,
    Asked(place): Asked<Place>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let at = known(&key, place.environment)?;
    let found = store.config(&caller.tenant, &at).await?.filter(Config::is_there);
    let found = found.ok_or_else(|| missing(&at))?;
    let tag = ETag::version(found.latest.version);
    if etag::is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [tag.header()]).into_response());
    }
    Ok(([tag.header()], Json(ConfigView::of(found))).into_response())
}

/// Answers `GET /v1/config`: by environment and key.
pub(crate) async fn list(
    caller: Caller,
    State(store): State<Store>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<ConfigView>>, Problem> {
    let Filter { environment, matching, limit, cursor } = filter;
    let matching = matching.unwrap_or_default();
    let texts = matching.split(',').map(str::trim).filter(|text| !text.is_empty());
    let texts: Vec<String> = texts.map(str::to_owned).collect();
    let patterns = Patterns::new(&texts).map_err(Problem::bad_request)?;
    let of = environment.as_ref();
    let list = ["config", of.map_or("", Name::as_str), &matching];
    let wanted = Wanted::read(limit, cursor.as_deref(), &list)?;
    let start = wanted.start.clone();
    let found = store.configs(&caller.tenant, of, &patterns, wanted.limit, start).await?;
    Ok(Json(wanted.page(found.0.into_iter().map(ConfigView::of).collect(), found.1)))
}

/// Answers `GET /v1/config/{key}/history`: newest first.
pub(crate) async fn history(
    caller: Caller,
    State(store): State<Store>,
    Steps(key): Steps<String>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<VersionView>>, Problem> {
    if filter.matching.is_some() {
        return Err(Problem::bad_request("a history takes no match"));
    }
    let at = known(&key, filter.environment)?;
    let list = ["config-history", at.environment.as_str(), at.key.as_str()];
    let wanted = Wanted::read(filter.limit, filter.cursor.as_deref(), &list)?;
    let start = wanted.start.clone();
    let (versions, next) = store.config_history(&caller.tenant, &at, wanted.limit, start).await?;
    if versions.is_empty() && wanted.start.is_none() {
        return Err(missing(&at));
    }
    Ok(Json(wanted.page(versions.into_iter().map(VersionView::from).collect(), next)))
}

/// Answers `PUT /v1/config/{key}`.
pub(crate) async fn put(
    caller: Caller,
    State(service): State<Service>,
    Steps(key): Steps<String>,
    Asked(telling): Asked<Telling>,
    headers: HeaderMap,
    Sent(put): Sent<Put>,
) -> Result<Response, Problem> {
    let Put { value, reason, environment, schema, sensitive } = put;
    let at = wanted(&key, environment)?;
    let wish = ConfigWish::Set { value, schema, sensitive };
    let done = service.only(&caller, (at, wish), reason, &headers, telling).await?;
    Ok(saved(done))
}

/// Answers `POST /v1/config/{key}/rollback`.
pub(crate) async fn rollback(
    caller: Caller,
    State(service): State<Service>,
    Steps(key): Steps<String>,
    Asked(telling): Asked<Telling>,
    headers: HeaderMap,
    Sent(back): Sent<Back>,
) -> Result<Response, Problem> {
    let at = known(&key, back.environment)?;
    let wish = ConfigWish::Rollback(back.version);
    let done = service.only(&caller, (at, wish), back.reason, &headers, telling).await?;
    Ok(saved(done))
}

/// Answers `DELETE /v1/config/{key}`. The history stays.
pub(crate) async fn remove(
    caller: Caller,
    State(service): State<Service>,
    Steps(key): Steps<String>,
    Asked(removal): Asked<Removal>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let Removal { environment, reason, local_only } = removal;
    let at = known(&key, environment)?;
    let telling = Telling { local_only };
    service.only(&caller, (at, ConfigWish::Delete), reason, &headers, telling).await?;
    Ok(StatusCode::NO_CONTENT)
}
