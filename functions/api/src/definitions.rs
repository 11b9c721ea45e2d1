//! Stores and shows definitions: integrations and connections.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use ferrule_core::{
    Digest, Failure, Name, Tenant,
    definition::{Connection, Integration, Metadata},
};
use ferrule_store::{DefinitionKind, Store, Stored, When};
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    auth::Caller,
    etag::{self, ETag},
    input::{Asked, Steps, Text, name},
    page::{Page, Wanted},
    problem::Problem,
    validate,
};

/// One definition of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Listed {
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
pub(crate) struct Saved {
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

/// What the two kinds of definition have in common here.
trait Definition: Serialize {
    fn metadata(&self) -> &Metadata;
    fn connector(&self) -> Option<&Name>;
}

impl Definition for Integration {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn connector(&self) -> Option<&Name> {
        None
    }
}

impl Definition for Connection {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn connector(&self) -> Option<&Name> {
        Some(&self.connector)
    }
}

/// Answers `GET /v1/integrations`.
pub(crate) async fn integrations(
    caller: Caller,
    State(store): State<Store>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<Listed>>, Problem> {
    let kind = DefinitionKind::Integration;
    let (wanted, names, next) = names(&store, &caller.tenant, kind, &filter).await?;
    let mut items = Vec::with_capacity(names.len());
    for name in names {
        items.extend(store.integration(&caller.tenant, &name).await?.as_ref().map(listed));
    }
    Ok(Json(wanted.page(items, next)))
}

/// Answers `GET /v1/connections`.
pub(crate) async fn connections(
    caller: Caller,
    State(store): State<Store>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<Listed>>, Problem> {
    let kind = DefinitionKind::Connection;
    let (wanted, names, next) = names(&store, &caller.tenant, kind, &filter).await?;
    let mut items = Vec::with_capacity(names.len());
    for name in names {
        items.extend(store.connection(&caller.tenant, &name).await?.as_ref().map(listed));
    }
    Ok(Json(wanted.page(items, next)))
}

async fn names(
    store: &Store,
    tenant: &Tenant,
    kind: DefinitionKind,
    filter: &Filter,
) -> Result<(Wanted, Vec<Name>, Option<ferrule_store::Start>), Problem> {
    let list = format!("{kind:?}");
    let wanted = Wanted::read(filter.limit, filter.cursor.as_deref(), &["definitions", &list])?;
    let names = store.definition_names(tenant, kind).await?;
    let (names, next) = wanted.cut(names, Name::to_string);
    Ok((wanted, names, next))
}

fn listed(stored: &Stored<impl Definition>) -> Listed {
    let Metadata { name, owner, description } = stored.definition.metadata();
    Listed {
        name: name.to_string(),
        etag: ETag::new(stored.rev, &stored.hash).as_str().to_owned(),
        hash: stored.hash.to_string(),
        owner: owner.clone(),
        description: description.clone(),
        connector: stored.definition.connector().map(Name::to_string),
    }
}

/// Answers `GET /v1/integrations/{name}`.
pub(crate) async fn integration(
    caller: Caller,
    State(store): State<Store>,
    Steps(text): Steps<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let stored = store.integration(&caller.tenant, &name("integration", &text)?).await?;
    let missing = || Problem::not_found(format!("integration {text}"));
    Ok(show(&headers, &stored.ok_or_else(missing)?))
}

/// Answers `GET /v1/connections/{name}`.
pub(crate) async fn connection(
    caller: Caller,
    State(store): State<Store>,
    Steps(text): Steps<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let stored = store.connection(&caller.tenant, &name("connection", &text)?).await?;
    let missing = || Problem::not_found(format!("connection {text}"));
    Ok(show(&headers, &stored.ok_or_else(missing)?))
}

fn show(headers: &HeaderMap, stored: &Stored<impl Definition>) -> Response {
    let tag = ETag::new(stored.rev, &stored.hash);
    if etag::is_known(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, [tag.header()]).into_response();
    }
    ([tag.header()], Json(&stored.definition)).into_response()
}

/// Answers `PUT /v1/integrations/{name}`.
pub(crate) async fn put_integration(
    caller: Caller,
    State(store): State<Store>,
    Steps(name): Steps<String>,
    headers: HeaderMap,
    Text(text): Text,
) -> Result<Response, Problem> {
    let name = new_name(&name)?;
    let there = state(store.integration(&caller.tenant, &name).await);
    let when = etag::condition(&headers, there?.as_ref().map(|(rev, hash)| (*rev, hash)))?;
    let integration = validate::integration(&store, &caller.tenant, &name, &text).await?;
    let written = store.put_integration(&caller.tenant, &integration, when).await?;
    written.map(|stored| saved(&name, &stored)).map_err(|_| etag::failed())
}

/// Answers `PUT /v1/connections/{name}`.
pub(crate) async fn put_connection(
    caller: Caller,
    State(store): State<Store>,
    Steps(name): Steps<String>,
    headers: HeaderMap,
    Text(text): Text,
) -> Result<Response, Problem> {
    let name = new_name(&name)?;
    let there = state(store.connection(&caller.tenant, &name).await);
    let when = etag::condition(&headers, there?.as_ref().map(|(rev, hash)| (*rev, hash)))?;
    let connection = validate::connection(&store, &name, &text).await?;
    let written = store.put_connection(&caller.tenant, &connection, when).await?;
    written.map(|stored| saved(&name, &stored)).map_err(|_| etag::failed())
}

fn new_name(text: &str) -> Result<Name, Problem> {
    Name::new(text).map_err(|error| Problem::bad_request(error.to_string()))
}

fn state<T>(stored: Result<Option<Stored<T>>, Failure>) -> Result<Option<(u64, Digest)>, Failure> {
    Ok(stored?.map(|stored| (stored.rev, stored.hash)))
}

fn saved(name: &Name, stored: &Stored<()>) -> Response {
    let tag = ETag::new(stored.rev, &stored.hash);
    let status = if stored.rev == 1 { StatusCode::CREATED } else { StatusCode::OK };
    let etag = tag.as_str().to_owned();
    let body = Saved { name: name.to_string(), etag, hash: stored.hash.to_string() };
    (status, [tag.header()], Json(body)).into_response()
}

/// Answers `DELETE /v1/integrations/{name}`. A run that is going on keeps its definition.
pub(crate) async fn delete_integration(
    caller: Caller,
    State(store): State<Store>,
    Steps(text): Steps<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let name = name("integration", &text)?;
    let there = state(store.integration(&caller.tenant, &name).await)?;
    delete(&store, &caller.tenant, DefinitionKind::Integration, &name, &headers, there).await
}

/// Answers `DELETE /v1/connections/{name}`, unless an integration uses it.
pub(crate) async fn delete_connection(
    caller: Caller,
    State(store): State<Store>,
    Steps(text): Steps<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let name = name("connection", &text)?;
    let there = state(store.connection(&caller.tenant, &name).await)?;
    if there.is_some() {
        let users = users(&store, &caller.tenant, &name).await?;
        if !users.is_empty() {
            let detail = format!("connection {name} is used by {}", users.join(", "));
            return Err(Problem::new(StatusCode::CONFLICT, "in_use", detail));
        }
    }
    delete(&store, &caller.tenant, DefinitionKind::Connection, &name, &headers, there).await
}

async fn users(store: &Store, tenant: &Tenant, connection: &Name) -> Result<Vec<String>, Failure> {
    let mut users = Vec::new();
    for name in store.definition_names(tenant, DefinitionKind::Integration).await? {
        let Some(stored) = store.integration(tenant, &name).await? else { continue };
        if stored.definition.connections().contains(&connection) {
            users.push(name.to_string());
        }
    }
    Ok(users)
}

async fn delete(
    store: &Store,
    tenant: &Tenant,
    kind: DefinitionKind,
    name: &Name,
    headers: &HeaderMap,
    there: Option<(u64, Digest)>,
) -> Result<StatusCode, Problem> {
    let Some((rev, hash)) = there else {
        let word = match kind {
            DefinitionKind::Integration => "integration",
            DefinitionKind::Connection => "connection",
        };
        return Err(Problem::not_found(format!("{word} {name}")));
    };
    let when = match etag::condition(headers, Some((rev, &hash)))? {
        When::Absent | When::Always => When::Always,
        when @ When::Rev(_) => when,
    };
    let is_deleted = store.delete_definition(tenant, kind, name, when).await?;
    if is_deleted { Ok(StatusCode::NO_CONTENT) } else { Err(etag::failed()) }
}
