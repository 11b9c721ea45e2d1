//! Customer keys: issue, list, revoke. A rotation is an issue, and later a revocation.

use axum::{Json, extract::State, response::IntoResponse};
use ferrule_core::duration::Span;
use ferrule_store::{Role, Store};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    auth::{Caller, Keys},
    input::{Asked, Sent, Steps},
    problem::Problem,
    views::KeyView,
};

/// Longest label, in characters.
const MAX_LABEL: usize = 100;

/// Body of `POST /v1/keys`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issue {
    /// What the key may do: `read`, `write` (also start runs) or `admin` (also change definitions
    /// and keys).
    #[schemars(with = "String")]
    role: Role,
    /// Who will hold it.
    #[serde(default)]
    label: String,
}

/// A new key. It is shown this once.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Issued {
    /// Send it as `X-Customer-Key`.
    key: String,
    #[serde(flatten)]
    about: KeyView,
}

/// All keys of the tenant.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyList {
    items: Vec<KeyView>,
}

/// Query of `DELETE /v1/keys/{id}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revoke {
    after: Option<Span>,
}

/// Answers `POST /v1/keys`.
pub(crate) async fn issue(
    caller: Caller,
    State(store): State<Store>,
    Sent(issue): Sent<Issue>,
) -> Result<impl IntoResponse, Problem> {
    if issue.label.chars().count() > MAX_LABEL {
        return Err(Problem::bad_request(format!("a label has at most {MAX_LABEL} characters")));
    }
    let (key, about) = store.issue_key(&caller.tenant, issue.role, &issue.label).await?;
    Ok((StatusCode::CREATED, Json(Issued { key, about: about.into() })))
}

/// Answers `GET /v1/keys`.
pub(crate) async fn list(
    caller: Caller,
    State(store): State<Store>,
) -> Result<Json<KeyList>, Problem> {
    let keys = store.keys(&caller.tenant).await?;
    Ok(Json(KeyList { items: keys.into_iter().map(KeyView::from).collect() }))
}

/// Answers `DELETE /v1/keys/{id}`: at once, or `after` a while, so that both keys of a rotation are
/// good until then.
pub(crate) async fn revoke(
    caller: Caller,
    State(store): State<Store>,
    State(memory): State<Keys>,
    Steps(id): Steps<String>,
    Asked(asked): Asked<Revoke>,
) -> Result<StatusCode, Problem> {
    let keys = store.keys(&caller.tenant).await?;
    let missing = || Problem::not_found(format!("key {id}"));
    let key = keys.iter().find(|key| key.id == id).ok_or_else(missing)?;
    let other_admins = keys
        .iter()
        .filter(|key| key.id != id && key.role == Role::Admin && key.revoked_at.is_none());
    if key.role == Role::Admin && other_admins.count() == 0 {
        let detail = "this is the last admin key that is not revoked: issue another one first";
        return Err(Problem::new(StatusCode::CONFLICT, "last_admin_key", detail));
    }
    let wait = asked.after.map_or(0, |after| after.duration().as_millis());
    let at_ms = store.clock.now_ms().saturating_add(i64::try_from(wait).unwrap_or(i64::MAX));
    store.revoke_key(&caller.tenant, &id, at_ms).await?;
    memory.forget();
    Ok(StatusCode::NO_CONTENT)
}
