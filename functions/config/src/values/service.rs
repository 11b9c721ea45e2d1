//! One way to change values, for all requests that do.

use std::sync::Arc;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use ferrule_core::{Name, Tenant};
use ferrule_store::{
    Config, ConfigAt, ConfigChange, ConfigDone, ConfigKey, ConfigRefusal, ConfigWish, Listeners,
    Posted, Refused, Store,
};
use http::{HeaderMap, StatusCode};
use tracing::warn;

use super::{
    body::{Telling, checked_reason},
    view::ConfigView,
};
use crate::{
    auth::Caller,
    etag::{self, ETag},
    problem::Problem,
};

/// Changes values, and has everybody told who listens.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    store: Store,
    listeners: Arc<Listeners>,
}

impl Service {
    /// Works on a store.
    pub(crate) fn new(store: Store) -> Self {
        Self { listeners: Arc::new(Listeners::new(store.clone())), store }
    }

    /// Makes one change, if what the headers expect is so.
    pub(super) async fn only(
        &self,
        caller: &Caller,
        (at, wish): (ConfigAt, ConfigWish),
        reason: Option<String>,
        headers: &HeaderMap,
        telling: Telling,
    ) -> Result<ConfigDone, Problem> {
        let reason = checked_reason(reason)?;
        let there = self.store.config(&caller.tenant, &at).await?.filter(Config::is_there);
        let version = there.map(|there| there.latest.version);
        let when = etag::condition(headers, version.map(|v| (v, ETag::version(v))))?;
        let changes = [ConfigChange { at, wish, reason, when }];
        let made = self.all(caller, &changes, telling).await?;
        let made = made.map_err(|Refused { why, .. }| refused(&changes[0].at, why))?;
        made.into_iter().next().ok_or_else(|| missing(&changes[0].at))
    }

    /// Makes all changes or none. What is to be told is sent, or stays for `schedule` to send.
    pub(super) async fn all(
        &self,
        caller: &Caller,
        changes: &[ConfigChange],
        telling: Telling,
    ) -> Result<Result<Vec<ConfigDone>, Refused>, Problem> {
        let told = (!telling.local_only).then_some((&*self.listeners, caller.hops));
        let (tenant, by) = (&caller.tenant, caller.who());
        match self.store.change_config(tenant, &by, changes, told).await? {
            Ok((done, posted)) => {
                if let Some(posted) = posted {
                    self.send(tenant, &posted).await;
                }
                Ok(Ok(done))
            }
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// Writes down who is about to change what.
    pub(super) async fn note(&self, caller: &Caller, action: &str) -> Result<(), Problem> {
        Ok(self.store.audit(&caller.tenant, &caller.key, action, "started").await?)
    }

    async fn send(&self, tenant: &Tenant, posted: &Posted) {
        if let Err(failure) = self.store.send_posted(tenant, posted).await {
            warn!(code = failure.code(), %failure, "an event is sent later");
        }
    }
}

/// Reads the key of a value that is to be there; what is not a key names nothing.
pub(super) fn known(key: &str, environment: Option<Name>) -> Result<ConfigAt, Problem> {
    let missing = |_| Problem::not_found(format!("configuration value {key:?}"));
    let key = ConfigKey::new(key).map_err(missing)?;
    Ok(ConfigAt { environment: or_default(environment)?, key })
}

/// Reads the key of a value that is written.
pub(super) fn wanted(key: &str, environment: Option<Name>) -> Result<ConfigAt, Problem> {
    let key = ConfigKey::new(key).map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(ConfigAt { environment: or_default(environment)?, key })
}

fn or_default(environment: Option<Name>) -> Result<Name, Problem> {
    let default = || Name::new(ConfigAt::DEFAULT);
    environment.map_or_else(default, Ok).map_err(|error| Problem::bad_request(error.to_string()))
}

pub(super) fn missing(ConfigAt { environment, key }: &ConfigAt) -> Problem {
    Problem::not_found(format!("configuration value {key} in environment {environment}"))
}

/// Says why a change is refused.
pub(super) fn refused(at: &ConfigAt, why: ConfigRefusal) -> Problem {
    match why {
        ConfigRefusal::Unknown => missing(at),
        ConfigRefusal::NoVersion(version) => {
            Problem::not_found(format!("version {version} of configuration value {}", at.key))
        }
        ConfigRefusal::NotKept(version) => {
            let detail = format!("the secret of version {version} is not kept any more");
            Problem::new(StatusCode::GONE, "not_kept", detail)
        }
        ConfigRefusal::Conflict => etag::failed(),
        ConfigRefusal::Invalid(problems) => Problem::invalid_value(problems),
    }
}

/// Answers with what became of a change.
pub(super) fn saved(done: ConfigDone) -> Response {
    let status = if done.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let tag = ETag::version(done.config.latest.version);
    (status, [tag.header()], Json(ConfigView::after(done))).into_response()
}
