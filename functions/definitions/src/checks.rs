//! Tests of a connection: the connector tries it, and leaves the answer where it is asked for.

use axum::{Json, extract::State, response::IntoResponse};
use ferrule_core::{Check, Envelope, Name, RunId, Task};
use ferrule_http::time;
use ferrule_store::{Item, Store, Table, When};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    auth::Caller,
    input::{Steps, name},
    problem::Problem,
};

/// An unanswered check is forgotten after this long.
const KEEP_SECS: i64 = 3600;

/// A check that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CheckAsked {
    /// Look at `/v1/connections/{name}/check/{id}` for the answer.
    check: String,
}

/// What a check found so far.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CheckView {
    /// The connector has answered.
    done: bool,
    /// The connection works.
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<bool>,
    /// One sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Code of the failure: `unauthorized` is a bad credential, `unavailable` a dead host.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// When it was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

/// The row: empty until the connector fills it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Row {
    ok: Option<bool>,
    message: Option<String>,
    code: Option<String>,
    at: Option<i64>,
}

/// The connection is part of the key, so that an id is good under its own connection only.
fn row_key(connection: &Name, id: &str) -> String {
    format!("check#{connection}#{id}")
}

/// Answers `POST /v1/connections/{name}/check`.
pub(crate) async fn start(
    caller: Caller,
    State(store): State<Store>,
    Steps(connection): Steps<String>,
) -> Result<impl IntoResponse, Problem> {
    let connection = name("connection", &connection)?;
    let stored = store.connection(&caller.tenant, &connection).await?;
    let missing = || Problem::not_found(format!("connection {connection}"));
    let stored = stored.ok_or_else(missing)?;
    let id = uuid::Uuid::now_v7().simple().to_string();
    let reply_to = row_key(&connection, &id);
    let row = Item::new(caller.tenant.as_str(), &reply_to, &Row::default())?
        .with_expiry(store.clock.now_secs() + KEEP_SECS);
    store.tables.put(Table::State, row, When::Always).await?;
    let run = RunId::new(id.as_str());
    let envelope = Envelope::new(caller.tenant, connection.clone(), stored.hash, run);
    let task = Task::Check(Check { connection, reply_to });
    store.send_task(stored.definition.connector.as_str(), &envelope, task).await?;
    Ok((StatusCode::ACCEPTED, Json(CheckAsked { check: id })))
}

/// Answers `GET /v1/connections/{name}/check/{id}`.
pub(crate) async fn answer(
    caller: Caller,
    State(store): State<Store>,
    Steps((connection, id)): Steps<(String, String)>,
) -> Result<Json<CheckView>, Problem> {
    let connection = name("connection", &connection)?;
    let key = row_key(&connection, &id);
    let row = store.tables.get(Table::State, caller.tenant.as_str(), &key).await?;
    let row = row.ok_or_else(|| Problem::not_found(format!("check {id} of {connection}")))?;
    let Row { ok, message, code, at } = row.read()?;
    Ok(Json(CheckView { done: ok.is_some(), ok, message, code, at: at.map(time) }))
}
