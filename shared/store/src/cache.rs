//! Definitions, kept in memory: by hash for ever, connections for a short time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ferrule_core::{
    Digest, Envelope, Failure, Name, Tenant,
    definition::{Connection, Integration},
};

use crate::Store;

/// A connection is read again after this long, before scaling.
const CONNECTION_MS: i64 = 30_000;

/// Most definitions kept; beyond, all are forgotten and read again.
const MOST: usize = 500;

type ByHash = HashMap<(Tenant, Digest), Arc<Integration>>;
type ByName = HashMap<(Tenant, Name), (Arc<Connection>, i64)>;

/// Reads definitions once.
#[derive(Debug)]
pub struct Definitions {
    store: Store,
    integrations: Mutex<ByHash>,
    connections: Mutex<ByName>,
}

impl Definitions {
    /// Makes an empty cache over the store.
    pub fn new(store: Store) -> Self {
        Self { store, integrations: Mutex::default(), connections: Mutex::default() }
    }

    /// Returns the definition under which a message travels.
    pub async fn of(&self, envelope: &Envelope) -> Result<Arc<Integration>, Failure> {
        let key = (envelope.tenant.clone(), envelope.definition.clone());
        if let Some(there) = lock(&self.integrations).get(&key) {
            return Ok(Arc::clone(there));
        }
        let found = self.store.integration_by_hash(&key.0, &key.1).await?;
        let found = Arc::new(found.ok_or_else(|| {
            let name = &envelope.integration;
            Failure::coded("DEFINITION", format!("definition {} of {name} is not there", key.1))
        })?);
        let mut integrations = lock(&self.integrations);
        if integrations.len() >= MOST {
            integrations.clear();
        }
        integrations.insert(key, Arc::clone(&found));
        Ok(found)
    }

    /// Returns a connection as it was at most half a minute ago.
    pub async fn connection(
        &self,
        tenant: &Tenant,
        name: &Name,
    ) -> Result<Arc<Connection>, Failure> {
        let key = (tenant.clone(), name.clone());
        let now = self.store.clock.now_ms();
        if let Some((there, read_ms)) = lock(&self.connections).get(&key)
            && now - read_ms < CONNECTION_MS / i64::from(self.store.time_scale.max(1))
        {
            return Ok(Arc::clone(there));
        }
        let found = self.store.connection(tenant, name).await?.ok_or_else(|| {
            Failure::coded("CONNECTION", format!("there is no connection {name}"))
        })?;
        let found = Arc::new(found.definition);
        let mut connections = lock(&self.connections);
        if connections.len() >= MOST {
            connections.clear();
        }
        connections.insert(key, (Arc::clone(&found), now));
        Ok(found)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
