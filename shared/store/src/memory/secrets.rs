//! Secrets in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use ferrule_core::{Failure, Name, Tenant};

use super::{Fuse, lock};
use crate::Secret;

type Key = (Name, Tenant, Name);

/// Each with its label as long as it has it; by owner, tenant and path.
type Versions = HashMap<(Name, Tenant, String), Vec<(Option<String>, Secret)>>;

/// Secrets by owner, tenant and connection.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    kept: Arc<Mutex<Kept>>,
    fuse: Fuse,
}

#[derive(Debug, Default)]
struct Kept {
    secrets: HashMap<Key, Secret>,
    /// Newer ones that no cache knows of.
    rotated: HashMap<Key, Secret>,
    versions: Versions,
    writes: u64,
}

impl Secrets {
    /// Makes an empty vault that fails with the fuse, where versions are added or read.
    pub fn new(fuse: &Fuse) -> Self {
        Self { fuse: fuse.clone(), ..Self::default() }
    }

    /// Adds a version. Those without label are dropped at once, but for the last two: that is as soon
    /// as Secrets Manager may.
    pub async fn add_version(
        &self,
        owner: &Name,
        tenant: &Tenant,
        path: &str,
        (label, body): (&str, &str),
    ) -> Result<String, Failure> {
        self.fuse.before().await?;
        let version = {
            let mut kept = lock(&self.kept);
            kept.writes += 1;
            let version = format!("v{}", kept.writes);
            let all = kept.versions.entry((owner.clone(), tenant.clone(), path.to_owned()));
            let all = all.or_default();
            for (other, _) in all.iter_mut() {
                other.take_if(|other| other == label);
            }
            all.push((Some(label.to_owned()), Secret::new(version.as_str(), body)));
            let last = all.split_off(all.len().saturating_sub(2));
            all.retain(|(label, _)| label.is_some());
            all.extend(last);
            version
        };
        self.fuse.after()?;
        Ok(version)
    }

    /// Reads a version.
    pub async fn read_version(
        &self,
        owner: &Name,
        tenant: &Tenant,
        path: &str,
        version: &str,
    ) -> Result<Option<Secret>, Failure> {
        self.fuse.before().await?;
        let found = {
            let kept = lock(&self.kept);
            let all = kept.versions.get(&(owner.clone(), tenant.clone(), path.to_owned()));
            let mut all = all.into_iter().flatten().map(|(_, secret)| secret);
            all.find(|secret| secret.version == version).cloned()
        };
        self.fuse.after()?;
        Ok(found)
    }

    /// Reads a secret; one that was rotated elsewhere only when it is asked for `fresh`.
    pub fn read(
        &self,
        owner: &Name,
        tenant: &Tenant,
        connection: &Name,
        fresh: bool,
    ) -> Option<Secret> {
        let mut kept = lock(&self.kept);
        let key = key(owner, tenant, connection);
        if let Some(rotated) = fresh.then(|| kept.rotated.remove(&key)).flatten() {
            kept.secrets.insert(key.clone(), rotated);
        }
        kept.secrets.get(&key).cloned()
    }

    /// Has somebody else rotate a secret: this process knows the old one still.
    pub fn rotate_elsewhere(&self, owner: &Name, tenant: &Tenant, connection: &Name, body: &str) {
        let mut kept = lock(&self.kept);
        kept.writes += 1;
        let secret = Secret::new(format!("v{}", kept.writes), body);
        kept.rotated.insert(key(owner, tenant, connection), secret);
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
        if let Some(rotated) = kept.rotated.remove(&key) {
            kept.secrets.insert(key.clone(), rotated);
        }
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
