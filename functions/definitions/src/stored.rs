//! Stores and shows definitions: integrations and connections.

mod kind;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use ferrule_core::{Name, definition::Metadata};
use ferrule_store::{Store, Stored, When};
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    auth::Caller,
    etag::{self, ETag},
    input::{Asked, Steps, Text, name},
    page::{Page, Wanted},
    problem::Problem,
};
use kind::Definition;

/// One definition of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed {
    name: String,
    /// Pass it as `If-Match` to change or remove exactly this.
    etag: String,
    /// Content hash; every run names the one that it ran under.
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Of a connection: which connector serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    connector: Option<String>,
}

/// What was stored.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Saved {
    name: String,
    /// Pass it as `If-Match` to change or remove exactly this.
    etag: String,
    /// Content hash; every run names the one that it ran under.
    hash: String,
}

/// Query of lists.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Answers `GET /v1/integrations` and `/v1/connections`.
pub(crate) async fn list<D: Definition>(
    caller: Caller,
    State(store): State<Store>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<Listed>>, Problem> {
    let list = ["definitions", D::WORD];
    let wanted = Wanted::read(filter.limit, filter.cursor.as_deref(), &list)?;
    let names = store.definition_names(&caller.tenant, D::KIND).await?;
    let (names, next) = wanted.cut(names, Name::to_string);
    let mut items = Vec::with_capacity(names.len());
    for name in names {
        items.extend(D::stored(&store, &caller.tenant, &name).await?.as_ref().map(listed));
    }
    Ok(Json(wanted.page(items, next)))
}

fn listed(stored: &Stored<impl Definition>) -> Listed {
    let Metadata { name, owner, description } = stored.definition.metadata();
    Listed {
        name: name.to_string(),
        etag: tag(stored).as_str().to_owned(),
        hash: stored.hash.to_string(),
        owner: owner.clone(),
        description: description.clone(),
        connector: stored.definition.connector().map(Name::to_string),
    }
}

fn tag<T>(stored: &Stored<T>) -> ETag {
    ETag::new(stored.rev, &stored.hash)
}

/// Answers `GET /v1/integrations/{name}` and `/v1/connections/{name}`.
pub(crate) async fn one<D: Definition>(
    caller: Caller,
    State(store): State<Store>,
    Steps(text): Steps<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let stored = D::stored(&store, &caller.tenant, &name(D::WORD, &text)?).await?;
    let stored = stored.ok_or_else(|| Problem::not_found(format!("{} {text}", D::WORD)))?;
    let tag = tag(&stored);
    if etag::is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [tag.header()]).into_response());
    }
    Ok(([tag.header()], Json(&stored.definition)).into_response())
}

/// Answers `PUT /v1/integrations/{name}` and `/v1/connections/{name}`.
pub(crate) async fn put<D: Definition>(
    caller: Caller,
    State(store): State<Store>,
    Steps(name): Steps<String>,
    headers: HeaderMap,
    Text(text): Text,
) -> Result<Response, Problem> {
    let name = Name::new(name).map_err(|error| Problem::bad_request(error.to_string()))?;
    let there = D::stored(&store, &caller.tenant, &name).await?;
    let when = etag::condition(&headers, there.map(|there| (there.rev, tag(&there))))?;
    let definition = D::read(&store, &caller.tenant, &name, &text).await?;
    let written = definition.put(&store, &caller.tenant, when).await?;
    written.map(|stored| saved(&name, &stored)).map_err(|_| etag::failed())
}

fn saved(name: &Name, stored: &Stored<()>) -> Response {
    let tag = tag(stored);
    let status = if stored.rev == 1 { StatusCode::CREATED } else { StatusCode::OK };
    let etag = tag.as_str().to_owned();
    let body = Saved { name: name.to_string(), etag, hash: stored.hash.to_string() };
    (status, [tag.header()], Json(body)).into_response()
}

/// Answers `DELETE /v1/integrations/{name}` and `/v1/connections/{name}`.
pub(crate) async fn remove<D: Definition>(
    caller: Caller,
    State(store): State<Store>,
    Steps(text): Steps<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let name = name(D::WORD, &text)?;
    let there = D::stored(&store, &caller.tenant, &name).await?;
    let there = there.ok_or_else(|| Problem::not_found(format!("{} {name}", D::WORD)))?;
    D::check_unused(&store, &caller.tenant, &name).await?;
    let when = match etag::condition(&headers, Some((there.rev, tag(&there))))? {
        When::Absent | When::Always => When::Always,
        when @ When::Rev(_) => when,
    };
    let is_deleted = store.delete_definition(&caller.tenant, D::KIND, &name, when).await?;
    if is_deleted { Ok(StatusCode::NO_CONTENT) } else { Err(etag::failed()) }
}
