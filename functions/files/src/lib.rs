#![doc = include_str!("../README.md")]

mod catalog;
mod charset;
mod csv;
mod encode;
mod encode_csv;
mod encode_xml;
mod extract;
mod fault;
mod fields;
mod folder;
mod format;
mod frame;
mod gzip;
mod json;
mod lines;
mod listing;
mod load;
mod markup;
mod outside;
mod page;
mod position;
mod scan;
mod settings;
mod source;
mod store;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod wire;
mod xml;

use std::sync::{Mutex, PoisonError};

use ferrule_connector::{
    Connector, Context, Disposition, Extract, Failure, Fetched, Health, Load, Role, Tenant,
};
use futures_util::TryStreamExt as _;
use object_store::ObjectStore as _;

pub use crate::format::{Compression, Csv, Format};
use crate::load::Job;
pub use crate::settings::{Acl, Encryption, Secret, Settings};
pub use crate::source::{Operation, Source};
pub use crate::store::Own;
use crate::store::{Depot, Request};
pub use crate::target::{Effect, Target};

/// Connections that are kept open.
const KEPT: usize = 16;

/// Reads and writes files in folders, S3 buckets and Azure containers.
#[derive(Default)]
pub struct Files {
    own: Own,
    open: Mutex<Vec<(Key, Depot)>>,
}

/// Everything that makes one connection differ from another.
#[derive(Clone, PartialEq)]
struct Key(Tenant, Settings, Option<Secret>, bool);

impl Files {
    /// Makes the connector of a hub that has these buckets of its own.
    pub fn new(own: Own) -> Self {
        Self { own, open: Mutex::default() }
    }

    /// Returns the files of a connection; opens them once per process.
    fn depot(&self, context: &Context<'_, Self>) -> Result<Depot, Failure> {
        let Context { tenant, settings, secret, local, .. } = *context;
        let key = Key(tenant.clone(), settings.clone(), secret.cloned(), local);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, depot)) = open.iter().find(|(known, _)| *known == key) {
            return Ok(depot.clone());
        }
        let depot = Request { tenant, settings, secret, local, own: &self.own }.open()?;
        open.truncate(KEPT - 1);
        open.insert(0, (key, depot.clone()));
        Ok(depot)
    }
}

impl Connector for Files {
    const NAME: &'static str = "files";
    const ROLES: &'static [Role] = &[Role::Source, Role::Target];
    const IDEMPOTENT: bool = true;
    const CALLS: bool = false;
    type Settings = Settings;
    type Secret = Secret;
    type Source = Source;
    type Target = Target;

    async fn extract(&self, task: &Extract<'_, Self>) -> Result<Fetched, Failure> {
        let depot = self.depot(&task.context)?;
        extract::extract(&depot, task.source, task.position, task.page_size).await
    }

    async fn load(
        &self,
        task: &Load<'_, Self>,
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        let depot = self.depot(&task.context)?;
        let &Load { target, mode, records, batch_id, .. } = task;
        Job { depot: &depot, target, mode, records, batch_id }.run(done).await
    }

    async fn check(&self, context: &Context<'_, Self>) -> Result<Health, Failure> {
        let depot = self.depot(context)?;
        let first = depot.store.list(None).try_next().await;
        let first =
            first.map_err(|error| fault::failure(&format!("list {}", depot.name), &error))?;
        let found = if first.is_some() { "has files" } else { "is empty" };
        Ok(Health { message: format!("{} can be listed and {found}", depot.name) })
    }
}
