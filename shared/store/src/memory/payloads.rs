//! Payloads in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use ferrule_core::{Failure, Tenant};

use super::lock;

type Bodies = HashMap<(Tenant, String), Vec<u8>>;

/// Payloads by tenant and key.
#[derive(Debug, Clone, Default)]
pub struct Payloads {
    bodies: Arc<Mutex<Bodies>>,
}

impl Payloads {
    /// Stores `body`; the same key is overwritten.
    pub fn put(&self, tenant: &Tenant, key: &str, body: Vec<u8>) -> Result<(), Failure> {
        lock(&self.bodies).insert((tenant.clone(), key.to_owned()), body);
        Ok(())
    }

    /// Forgets what was stored.
    pub fn remove(&self, tenant: &Tenant, key: &str) {
        lock(&self.bodies).remove(&(tenant.clone(), key.to_owned()));
    }

    /// Tells whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        lock(&self.bodies).is_empty()
    }

    /// Reads what was stored.
    pub fn get(&self, tenant: &Tenant, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(lock(&self.bodies).get(&(tenant.clone(), key.to_owned())).cloned())
    }
}
