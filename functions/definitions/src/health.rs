//! How a connection stands: its last check, its breaker, and targets that are gone.

use axum::{Json, extract::State};
use ferrule_http::time;
use ferrule_store::{Breaker, ConnectionHealth, Disabled, Store};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    auth::Caller,
    input::{Steps, name},
    problem::Problem,
};

/// How a connection stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HealthView {
    /// The connection.
    connection: String,
    /// The last check went well; left out before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<bool>,
    /// What it found, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Code of the failure: `unauthorized` is a bad credential, `unavailable` a dead host.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// When it was checked last. That is done every hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    checked_at: Option<String>,
    /// Since when it is as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Whether messages wait for it.
    breaker: BreakerView,
    /// Targets that said that they are gone.
    disabled: Vec<DisabledView>,
}

/// The breaker: after repeated failures it opens, and messages wait.
#[derive(Debug, Serialize, JsonSchema)]
struct BreakerView {
    /// `closed` or `open`.
    state: &'static str,
    /// Failures in a row.
    failures: u32,
    /// Since when it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<String>,
    /// When the next message is let through as a probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_probe_at: Option<String>,
}

/// A target to which nothing is sent any more.
#[derive(Debug, Serialize, JsonSchema)]
struct DisabledView {
    /// The target.
    target: String,
    /// What it said.
    reason: String,
    /// Which integration found out.
    integration: String,
    since: String,
}

impl From<Breaker> for BreakerView {
    fn from(Breaker { failures, open_until, opened_at }: Breaker) -> Self {
        let is_open = opened_at > 0;
        Self {
            state: if is_open { "open" } else { "closed" },
            failures,
            opened_at: is_open.then(|| time(opened_at)),
            next_probe_at: is_open.then(|| time(open_until)),
        }
    }
}

impl From<Disabled> for DisabledView {
    fn from(Disabled { target, reason, since, integration, .. }: Disabled) -> Self {
        Self { target, reason, integration: integration.to_string(), since: time(since) }
    }
}

/// Answers `GET /v1/connections/{name}/health`.
pub(crate) async fn connection(
    caller: Caller,
    State(store): State<Store>,
    Steps(connection): Steps<String>,
) -> Result<Json<HealthView>, Problem> {
    let (tenant, name) = (&caller.tenant, name("connection", &connection)?);
    let stored = store.connection(tenant, &name).await?;
    let missing = || Problem::not_found(format!("connection {name}"));
    let stored = stored.ok_or_else(missing)?;
    let health = store.connection_health(tenant, &name).await?;
    let (breaker, _) = store.breaker(tenant, &name).await?;
    let disabled = store.disabled_targets(tenant, &stored.definition).await?;
    let (at, since) = (health.as_ref().map(|it| it.at), health.as_ref().map(|it| it.since));
    let (ok, message, code) = match health {
        Some(ConnectionHealth { ok, message, code, .. }) => (Some(ok), Some(message), code),
        None => (None, None, None),
    };
    Ok(Json(HealthView {
        connection: name.to_string(),
        ok,
        message,
        code,
        checked_at: at.map(time),
        since: since.map(time),
        breaker: breaker.into(),
        disabled: disabled.into_iter().map(DisabledView::from).collect(),
    }))
}
