//! Secrets in Secrets Manager.

use std::sync::{Arc, OnceLock};

use ferrule_core::{Failure, Name, Tenant};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{
    Session,
    cache::{Cache, Cached},
    engine::Refused,
    failure::Call,
    json::{Json, Protocol, read},
};
use crate::{Clock, Secret};

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html>
const PROTOCOL: Protocol =
    Protocol { service: "secretsmanager", target: "secretsmanager", version: "1.1" };

/// What is asked of Secrets Manager. It may hold a secret: it cannot be printed.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Asked<'a> {
    /// Which secret is read or written.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_id: Option<&'a str>,
    /// Which secret is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_string: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_stages: Option<[&'a str; 1]>,
    /// The same through all attempts, so that a lost answer makes no second version.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_token: Option<String>,
}

/// What it answers. It may hold a secret: it cannot be printed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    version_id: Option<String>,
    #[serde(default)]
    secret_string: Option<String>,
}

/// The secrets of one stage.
#[derive(Debug, Clone)]
pub struct SecretsManager {
    session: Session,
    client: Arc<OnceLock<Json>>,
    stage: Arc<str>,
    clock: Clock,
    cache: Cache,
}

impl SecretsManager {
    /// Takes the stage in secret names, and the clock that the cache goes by.
    pub(super) fn new(session: Session, stage: &str, clock: Clock) -> Self {
        let cache = Cache::default();
        Self { session, client: Arc::default(), stage: stage.into(), clock, cache }
    }

    /// Reads a secret, from the cache unless `fresh` is asked for. Several that ask at once wait
    /// for one answer.
    pub async fn read(
        &self,
        owner: &Name,
        tenant: &Tenant,
        connection: &Name,
        fresh: bool,
    ) -> Result<Option<Secret>, Failure> {
        let name = self.name(owner, tenant, connection.as_str());
        let asked_at = self.clock.now_ms();
        let slot = self.cache.slot(&name);
        let mut cached = slot.lock().await;
        let now = self.clock.now_ms();
        let known = cached
            .as_ref()
            .filter(|known| if fresh { known.answers(asked_at) } else { known.is_fresh(now) });
        if let Some(known) = known {
            return Ok(known.secret.clone());
        }
        match self.fetch(&name, None).await {
            Ok(secret) => {
                *cached = Some(Cached::new(secret.clone(), self.clock.now_ms()));
                Ok(secret)
            }
            Err(failure) if fresh => Err(failure),
            Err(failure) => self.stale(cached.as_mut(), failure),
        }
    }

    /// Reads a secret that somebody doubts: asks unless that was done a moment ago.
    pub async fn read_newest(
        &self,
        owner: &Name,
        tenant: &Tenant,
        connection: &Name,
    ) -> Result<Option<Secret>, Failure> {
        let name = self.name(owner, tenant, connection.as_str());
        let slot = self.cache.slot(&name);
        let mut cached = slot.lock().await;
        let now = self.clock.now_ms();
        if let Some(known) = cached.as_ref().filter(|known| known.is_newest(now)) {
            return Ok(known.secret.clone());
        }
        if cached.as_ref().is_some_and(|known| known.is_paused(now)) {
            return Err(Failure::own("secretsmanager", "it did not answer a moment ago"));
        }
        match self.fetch(&name, None).await {
            Ok(secret) => {
                *cached = Some(Cached::new(secret.clone(), self.clock.now_ms()));
                Ok(secret)
            }
            Err(failure) => {
                cached.iter_mut().for_each(|known| known.tried(now));
                Err(failure)
            }
        }
    }

    /// Writes a new version when `expected` is the current one, or when nothing is expected.
    ///
    /// Secrets Manager has no conditional write: between the look and the write somebody else can
    /// write, and loses. Whoever passes `expected` holds a lease on the connection meanwhile.
    pub async fn write(
        &self,
        owner: &Name,
        tenant: &Tenant,
        connection: &Name,
        body: &str,
        expected: Option<&str>,
    ) -> Result<bool, Failure> {
        let name = self.name(owner, tenant, connection.as_str());
        let slot = self.cache.slot(&name);
        let mut cached = slot.lock().await;
        if expected.is_some() {
            let current = self.fetch(&name, None).await?;
            let version = current.as_ref().map(|secret| secret.version.as_str());
            if version != expected {
                *cached = Some(Cached::new(current, self.clock.now_ms()));
                return Ok(false);
            }
        }
        let version = match self.put(&name, body, None).await? {
            Some(version) => version,
            None if expected.is_some() => return Ok(false),
            None => self.create(&name, Some(body)).await?,
        };
        *cached = Some(Cached::new(Some(Secret::new(version, body)), self.clock.now_ms()));
        Ok(true)
    }

    /// Serves what is known while Secrets Manager cannot be reached.
    fn stale(
        &self,
        cached: Option<&mut Cached>,
        failure: Failure,
    ) -> Result<Option<Secret>, Failure> {
        let now = self.clock.now_ms();
        let is_passing = matches!(failure, Failure::Unavailable { .. });
        match cached.filter(|known| is_passing && known.is_usable(now)) {
            Some(known) => {
                warn!(%failure, "serving a cached secret");
                known.tried(now);
                Ok(known.secret.clone())
            }
            None => Err(failure),
        }
    }

    /// Adds a version with a label: Secrets Manager may drop those that have none.
    pub async fn add_version(
        &self,
        owner: &Name,
        tenant: &Tenant,
        path: &str,
        (label, body): (&str, &str),
    ) -> Result<String, Failure> {
        let name = self.name(owner, tenant, path);
        if let Some(version) = self.put(&name, body, Some(label)).await? {
            return Ok(version);
        }
        // A secret is created with a version that has no label of ours, so it gets no value yet.
        // Somebody else may be doing the same: whoever is second finds it there.
        let created = self.create(&name, None).await;
        let missing = || Failure::own("secretsmanager", format!("{name} is not there yet"));
        match self.put(&name, body, Some(label)).await? {
            Some(version) => Ok(version),
            None => Err(created.err().unwrap_or_else(missing)),
        }
    }

    /// Reads one version, never from the cache.
    pub async fn read_version(
        &self,
        owner: &Name,
        tenant: &Tenant,
        path: &str,
        version: &str,
    ) -> Result<Option<Secret>, Failure> {
        self.fetch(&self.name(owner, tenant, path), Some(version)).await
    }

    async fn fetch(&self, name: &str, version: Option<&str>) -> Result<Option<Secret>, Failure> {
        let call = Call { service: "secretsmanager", action: "GetSecretValue", place: name };
        let asked = Asked { secret_id: Some(name), version_id: version, ..Asked::default() };
        let Some(answer) = self.ask(call, &asked).await? else { return Ok(None) };
        let Some(body) = answer.secret_string else {
            return Err(Failure::invalid(format!("the secret {name} holds bytes instead of text")));
        };
        Ok(Some(Secret::new(answer.version_id.unwrap_or_default(), body)))
    }

    /// Writes a new version and returns its id; `None` when there is no such secret.
    async fn put(
        &self,
        name: &str,
        body: &str,
        label: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        let call = Call { service: "secretsmanager", action: "PutSecretValue", place: name };
        let asked = Asked {
            secret_id: Some(name),
            secret_string: Some(body),
            // With a label of ours it does not become AWSCURRENT: nobody reads these by that.
            version_stages: label.map(|label| [label]),
            client_request_token: Some(token()),
            ..Asked::default()
        };
        Ok(self.ask(call, &asked).await?.map(|answer| answer.version_id.unwrap_or_default()))
    }

    async fn create(&self, name: &str, body: Option<&str>) -> Result<String, Failure> {
        let call = Call { service: "secretsmanager", action: "CreateSecret", place: name };
        let asked = Asked {
            name: Some(name),
            secret_string: body,
            client_request_token: Some(token()),
            ..Asked::default()
        };
        let answer = self.ask(call, &asked).await?;
        Ok(answer.and_then(|answer| answer.version_id).unwrap_or_default())
    }

    /// Makes a call; `None` says that there is no such secret.
    async fn ask(&self, call: Call<'_>, asked: &Asked<'_>) -> Result<Option<Answer>, Failure> {
        let client = self.client.get_or_init(|| Json::new(self.session.config(), PROTOCOL));
        match client.ask(call.action, asked).await {
            Ok(answer) => read(call, &answer).map(Some),
            Err(Refused::ServiceError(error)) if error.err().is("ResourceNotFoundException") => {
                Ok(None)
            }
            Err(error) => Err(call.failure(&error)),
        }
    }

    fn name(&self, owner: &Name, tenant: &Tenant, path: &str) -> String {
        format!("ferrule/{}/{owner}/{tenant}/{path}", self.stage)
    }
}

/// A name for one write.
fn token() -> String {
    uuid::Uuid::new_v4().to_string()
}
