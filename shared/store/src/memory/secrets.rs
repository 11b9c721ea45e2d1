//! Secrets in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use ferrule_core::{Name, Tenant};

use super::lock;
use crate::Secret;

type Key = (Name, Tenant, Name);

/// Secrets by owner, tenant and connection.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    secrets: HashMap<Key, Secret>,
    writes: u64,
}

impl Secrets {
    /// Reads a secret.
    pub fn read(&self, owner: &Name, tenant: &Tenant, connection: &Name) -> Option<Secret> {
        lock(&self.kept).secrets.get(&key(owner, tenant, connection)).cloned()
    }

    /// Writes a new version when `expected` is the current one, or when nothing is expected.
    pub fn write(
        &self,
        owner: &Name,
        tenant: &Tenant,
        connection: &Name,
        body: &str,
        expected: Option<&str>,
    ) -> bool {
        let mut kept = lock(&self.kept);
        let key = key(owner, tenant, connection);
        let current = kept.secrets.get(&key).map(|secret| secret.version.as_str());
        if expected.is_some() && expected != current {
            return false;
        }
        kept.writes += 1;
        let version = format!("v{}", kept.writes);
        kept.secrets.insert(key, Secret::new(version, body));
        true
    }
}

fn key(owner: &Name, tenant: &Tenant, connection: &Name) -> Key {
    (owner.clone(), tenant.clone(), connection.clone())
}
