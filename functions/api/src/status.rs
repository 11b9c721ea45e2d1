//! Shows how integrations stand.

use axum::{Json, extract::State};
use ferrule_core::{
    Failure, Name, Run, Tenant,
    definition::{Integration, Trigger},
};
use ferrule_store::{DefinitionKind, Store};
use futures_util::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    auth::Caller,
    input::{Asked, name},
    problem::Problem,
    views::{StatusView, is_running, time},
};

/// Integrations looked at in parallel.
const PARALLEL: usize = 16;

/// Query of `GET /v1/status`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    integration: Option<String>,
}

/// How integrations stand.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Status {
    integrations: Vec<StatusView>,
}

/// Answers `GET /v1/status`.
pub(crate) async fn status(
    caller: Caller,
    State(store): State<Store>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Status>, Problem> {
    let tenant = &caller.tenant;
    if let Some(asked) = filter.integration {
        let status = one(&store, tenant, name("integration", &asked)?).await?;
        let missing = || Problem::not_found(format!("integration {asked}"));
        return Ok(Json(Status { integrations: vec![status.ok_or_else(missing)?] }));
    }
    let names = store.definition_names(tenant, DefinitionKind::Integration).await?;
    let looks = names.into_iter().map(|name| one(&store, tenant, name));
    let found: Vec<_> = stream::iter(looks).buffered(PARALLEL).try_collect().await?;
    Ok(Json(Status { integrations: found.into_iter().flatten().collect() }))
}

async fn one(store: &Store, tenant: &Tenant, name: Name) -> Result<Option<StatusView>, Failure> {
    let Some(stored) = store.integration(tenant, &name).await? else { return Ok(None) };
    let last = last_run(store, tenant, &name).await?;
    let standing = store.standing(tenant, &name).await?;
    let pause = store.pause(tenant, &stored.definition).await?;
    let success_ms = Some(standing.success_ms).filter(|ms| *ms > 0);
    Ok(Some(StatusView {
        integration: name.to_string(),
        trigger: trigger(&stored.definition),
        running: is_running(last.as_ref()),
        last_run: last.map(Into::into),
        paused: pause.map(|pause| pause.to_string()),
        last_success: success_ms.map(time),
        cursor: standing.cursor.and_then(|cursor| cursor.high).map(|high| high.to_string()),
    }))
}

/// Plans that are looked past.
const PLANS: usize = 50;

/// Returns the newest run. A plan says nothing of how an integration stands.
async fn last_run(store: &Store, tenant: &Tenant, name: &Name) -> Result<Option<Run>, Failure> {
    for limit in [1, PLANS] {
        let (runs, next) = store.runs(tenant, Some(name), limit, None).await?;
        let run = runs.into_iter().find(|run| !run.purpose.is_plan());
        if run.is_some() || next.is_none() {
            return Ok(run);
        }
    }
    Ok(None)
}

fn trigger(integration: &Integration) -> &'static str {
    match integration.trigger {
        Some(Trigger::Schedule(_)) => "schedule",
        Some(Trigger::Webhook(_)) => "webhook",
        Some(Trigger::ConfigChange(_)) => "config_change",
        Some(Trigger::Event(_)) => "event",
        None => "manual",
    }
}
