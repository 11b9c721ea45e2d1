//! Many changes at once: all or nothing.

use axum::{Json, extract::State};
use ferrule_core::{Name, Value};
use ferrule_store::{ConfigChange, ConfigWish, MOST_CHANGES, When};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    body::{Telling, checked_reason, given},
    service::{Service, refused, wanted},
    view::ConfigView,
};
use crate::{
    auth::Caller,
    input::{Asked, Sent},
    problem::Problem,
};

/// Body of `POST /v1/config`: up to 40 changes of different values, all made or none. It may hold
/// secrets: it cannot be printed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    changes: Vec<One>,
    /// Why, for those that do not say.
    #[serde(default)]
    reason: Option<String>,
}

/// One change: a value that is set, or `rollback`, or `delete`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct One {
    key: String,
    /// Such as `production`; `default` when left out.
    #[serde(default)]
    environment: Option<Name>,
    /// Any JSON of at most 64 KiB.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Value")]
    value: Option<Value>,
    /// A JSON Schema that this and later values must fit; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Value")]
    schema: Option<Value>,
    /// Values are secrets from now on.
    #[serde(default)]
    sensitive: Option<bool>,
    /// The version whose value is set again.
    #[serde(default)]
    rollback: Option<u64>,
    /// Take the value away.
    #[serde(default)]
    delete: bool,
    /// Only when the value is of this version; 0 is only when there is none.
    #[serde(default)]
    if_version: Option<u64>,
    /// Why.
    #[serde(default)]
    reason: Option<String>,
}

/// The values as they are now, in the order of the changes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Done {
    items: Vec<ConfigView>,
}

/// Answers `POST /v1/config`.
pub(crate) async fn batch(
    caller: Caller,
    State(service): State<Service>,
    Asked(telling): Asked<Telling>,
    Sent(batch): Sent<Batch>,
) -> Result<Json<Done>, Problem> {
    let Batch { changes, reason } = batch;
    if !(1..=MOST_CHANGES).contains(&changes.len()) {
        let detail = format!("send 1 to {MOST_CHANGES} changes");
        return Err(Problem::bad_request(detail));
    }
    let mut wishes = Vec::with_capacity(changes.len());
    for (index, one) in changes.into_iter().enumerate() {
        let why = reason.clone();
        wishes.push(change(one, why).map_err(|problem| problem.of_change(index))?);
    }
    let actions: Vec<String> = wishes.iter().map(action).collect();
    // One row for all: they are made together or not at all.
    service.note(&caller, &format!("POST /v1/config {}", actions.join(", "))).await?;
    let made = service.all(&caller, &wishes, telling).await?;
    let done = made.map_err(|no| refused(&wishes[no.index].at, no.why).of_change(no.index))?;
    Ok(Json(Done { items: done.into_iter().map(ConfigView::after).collect() }))
}

/// Says what a change does, for the audit trail.
fn action(ConfigChange { at, wish, .. }: &ConfigChange) -> String {
    let verb = match wish {
        ConfigWish::Set { .. } => "set",
        ConfigWish::Rollback(_) => "rollback",
        ConfigWish::Delete => "delete",
    };
    format!("{verb} {} {}", at.environment, at.key)
}

fn change(one: One, reason: Option<String>) -> Result<ConfigChange, Problem> {
    let at = wanted(&one.key, one.environment)?;
    let One { value, schema, sensitive, .. } = one;
    let sets = value.is_some() || schema.is_some() || sensitive.is_some();
    let wish = match (one.rollback, one.delete, sets) {
        (Some(version), false, false) => ConfigWish::Rollback(version),
        (None, true, false) => ConfigWish::Delete,
        (None, false, true) => ConfigWish::Set { value, schema, sensitive },
        _ => return Err(Problem::bad_request("a change is a value, or rollback, or delete")),
    };
    let when = match one.if_version {
        None => When::Always,
        Some(0) => When::Absent,
        Some(version) => When::Rev(version),
    };
    Ok(ConfigChange { at, wish, reason: checked_reason(one.reason.or(reason))?, when })
}
