//! Gets a connection ready: settings read, secret read, HTTP client with the shared call limit. When a
//! secret was refused and there is a newer one by now, the connector is asked once more with that.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ferrule_core::{
    Envelope, Failure, Name, Object, Tenant, Value,
    definition::{Connection, Limits, Urgency},
};
use ferrule_store::Secret;
use serde::de::DeserializeOwned;
use tracing::{info, warn};

use super::Handler;
use crate::{Connector, Context, Http, HttpOptions, Limiter, ratelimit::Rates};

type Clients = HashMap<(Tenant, Name, Rates), Lanes>;

/// The client of a connection, and the same for urgent work.
#[derive(Debug, Clone)]
struct Lanes {
    usual: Http,
    urgent: Http,
}

/// HTTP clients by connection and limits: workers of one process share connections and call leases.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// Who was sent away last, and until when.
    pub(super) turns: super::turns::Turns,
    clients: Mutex<Clients>,
    /// Connections that failed in this process since their last success: only these have a breaker
    /// row to forget.
    down: Mutex<HashSet<(Tenant, Name)>>,
}

impl Connections {
    pub(super) fn note_down(&self, tenant: &Tenant, name: &Name) {
        let key = (tenant.clone(), name.clone());
        self.down.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
    }

    /// Tells whether the connection was down, and forgets it.
    pub(super) fn was_down(&self, tenant: &Tenant, name: &Name) -> bool {
        let key = (tenant.clone(), name.clone());
        self.down.lock().unwrap_or_else(PoisonError::into_inner).remove(&key)
    }
}

/// One connection, ready to use.
pub(super) struct Ready<C: Connector> {
    tenant: Tenant,
    pub(super) connection: Arc<Connection>,
    settings: C::Settings,
    secret: Option<C::Secret>,
    /// Version of the secret.
    version: Option<String>,
    http: Http,
}

impl<C: Connector> Ready<C> {
    fn new(
        tenant: &Tenant,
        connection: Arc<Connection>,
        stored: Option<&Secret>,
        http: Http,
    ) -> Result<Self, Failure> {
        let name = &connection.metadata.name;
        let settings = typed(&connection.settings, &format!("settings of connection {name}"))?;
        let secret = stored.map(|secret| secret_of(name, secret.expose())).transpose()?;
        let version = stored.map(|secret| secret.version.clone());
        Ok(Self { tenant: tenant.clone(), connection, settings, secret, version, http })
    }

    pub(super) fn settings(&self) -> &C::Settings {
        &self.settings
    }

    pub(super) fn context<'a>(
        &'a self,
        handler: &'a Handler<C>,
        time_left: Duration,
    ) -> Context<'a, C> {
        Context {
            tenant: &self.tenant,
            connection: &self.connection.metadata.name,
            settings: &self.settings,
            secret: self.secret.as_ref(),
            http: &self.http,
            store: &handler.store,
            local: handler.local,
            time_left,
        }
    }
}

impl<C: Connector> Handler<C> {
    /// Reads a connection with its secret. `limits` are the integration's own.
    pub(super) async fn ready(
        &self,
        envelope: &Envelope,
        name: &Name,
        limits: Option<&Limits>,
    ) -> Result<Ready<C>, Failure> {
        let tenant = &envelope.tenant;
        let connection = self.definitions.connection(tenant, name).await?;
        if connection.connector.as_str() != C::NAME {
            let connector = &connection.connector;
            let reason = format!("connection {name} belongs to connector {connector} now");
            return Err(Failure::coded("CONNECTION", reason));
        }
        let owner = owner::<C>()?;
        let secret = self.store.secrets.read(&owner, tenant, name, false).await?;
        let rates = Rates::of(connection.limits.as_ref(), limits);
        let lanes = self.lanes(tenant, name, rates);
        let http = if envelope.urgency == Urgency::High { lanes.urgent } else { lanes.usual };
        Ready::new(tenant, connection, secret.as_ref(), http)
    }

    /// Returns how many calls a connection may get in an hour, for an integration with these limits.
    pub(super) async fn per_hour(
        &self,
        tenant: &Tenant,
        name: &Name,
        limits: Option<&Limits>,
    ) -> Result<u64, Failure> {
        Ok(self.rates(tenant, name, limits).await?.per_hour())
    }

    /// Returns the connection with its secret as it is now, when `failure` says that an older one was
    /// refused: it was rotated.
    pub(super) async fn renewed(
        &self,
        ready: &Ready<C>,
        failure: Option<&Failure>,
    ) -> Option<Ready<C>> {
        if !matches!(failure, Some(Failure::Unauthorized { .. })) {
            return None;
        }
        let renewed = match Box::pin(self.newest(ready)).await {
            Ok(renewed) => renewed,
            // That it was refused says more.
            Err(failure) => {
                warn!(code = failure.code(), %failure, "cannot read the secret again");
                None
            }
        };
        if renewed.is_some() {
            let connection = &ready.connection.metadata.name;
            info!(%connection, "the secret was rotated: once more with the new one");
        }
        renewed
    }

    async fn newest(&self, ready: &Ready<C>) -> Result<Option<Ready<C>>, Failure> {
        let Ready { tenant, connection, version, http, .. } = ready;
        let name = &connection.metadata.name;
        let secret = self.store.secrets.read_newest(&owner::<C>()?, tenant, name).await?;
        if secret.as_ref().map(|secret| &secret.version) == version.as_ref() {
            return Ok(None);
        }
        Ready::new(tenant, Arc::clone(connection), secret.as_ref(), http.clone()).map(Some)
    }

    /// Returns the limits that an integration calls a connection under.
    pub(super) async fn rates(
        &self,
        tenant: &Tenant,
        name: &Name,
        limits: Option<&Limits>,
    ) -> Result<Rates, Failure> {
        let connection = self.definitions.connection(tenant, name).await?;
        Ok(Rates::of(connection.limits.as_ref(), limits))
    }

    fn lanes(&self, tenant: &Tenant, name: &Name, rates: Rates) -> Lanes {
        let mut clients = self.ready.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.clone(), name.clone(), rates);
        let lanes = clients.entry(key).or_insert_with(|| {
            let usual = Http::new(HttpOptions {
                local: self.local,
                clock: self.store.clock.clone(),
                limiter: Some(Limiter::new(&self.store, tenant, name, rates)),
                ..HttpOptions::new(name.as_str())
            });
            Lanes { urgent: usual.urgent(), usual }
        });
        lanes.clone()
    }
}

/// Whose secrets a connector's are.
fn owner<C: Connector>() -> Result<Name, Failure> {
    Name::new(C::NAME).map_err(|e| Failure::invalid(e.to_string()))
}

/// Reads a connector's own keys; the failure names the place.
pub(super) fn typed<T: DeserializeOwned>(keys: &Object, place: &str) -> Result<T, Failure> {
    let value = Value::Object(keys.clone());
    value.to().map_err(|e| Failure::coded("SETTINGS", format!("{place}: {e}")))
}

/// Reads a secret. What is wrong with it is not shown: it may hold what is secret.
fn secret_of<T: DeserializeOwned>(name: &Name, text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let reason = format!(
            "the secret of connection {name} does not have the keys that the connector's README \
             names (stuck at line {line}, column {column}); store it again with `ferrule secret set`"
        );
        Failure::coded("SECRET", reason)
    })
}
