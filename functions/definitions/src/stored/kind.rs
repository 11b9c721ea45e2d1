//! The two kinds of definition: what is different about them.

use ferrule_core::{
    Failure, Name, Tenant,
    definition::{Connection, Integration, Metadata},
};
use ferrule_store::{DefinitionKind, Store, Stored, When};
use http::StatusCode;
use serde::Serialize;

use crate::{problem::Problem, validate};

/// What became of a write: the new state, or the revision that is there instead.
type Written = Result<Result<Stored<()>, Option<u64>>, Failure>;

/// A kind of definition.
pub(crate) trait Definition: Serialize + Sized + Send + Sync + 'static {
    /// Which.
    const KIND: DefinitionKind;
    /// What it is called in a sentence.
    const WORD: &'static str;

    /// Returns what both kinds have.
    fn metadata(&self) -> &Metadata;

    /// Returns the connector that serves it, if one does.
    fn connector(&self) -> Option<&Name>;

    /// Looks it up.
    fn stored(
        store: &Store,
        tenant: &Tenant,
        name: &Name,
    ) -> impl Future<Output = Result<Option<Stored<Self>>, Failure>> + Send;

    /// Reads and checks what somebody wrote.
    fn read(
        store: &Store,
        tenant: &Tenant,
        name: &Name,
        text: &str,
    ) -> impl Future<Output = Result<Self, Problem>> + Send;

    /// Stores it.
    fn put(
        &self,
        store: &Store,
        tenant: &Tenant,
        when: When,
    ) -> impl Future<Output = Written> + Send;

    /// Refuses to remove what is in use.
    fn check_unused(
        store: &Store,
        tenant: &Tenant,
        name: &Name,
    ) -> impl Future<Output = Result<(), Problem>> + Send;
}

impl Definition for Integration {
    const KIND: DefinitionKind = DefinitionKind::Integration;
    const WORD: &'static str = "integration";

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn connector(&self) -> Option<&Name> {
        None
    }

    async fn stored(
        store: &Store,
        tenant: &Tenant,
        name: &Name,
    ) -> Result<Option<Stored<Self>>, Failure> {
        store.integration(tenant, name).await
    }

    async fn read(
        store: &Store,
        tenant: &Tenant,
        name: &Name,
        text: &str,
    ) -> Result<Self, Problem> {
        validate::integration(store, tenant, name, text).await
    }

    async fn put(&self, store: &Store, tenant: &Tenant, when: When) -> Written {
        store.put_integration(tenant, self, when).await
    }

    /// A run that is going on keeps its definition.
    async fn check_unused(_: &Store, _: &Tenant, _: &Name) -> Result<(), Problem> {
        Ok(())
    }
}

impl Definition for Connection {
    const KIND: DefinitionKind = DefinitionKind::Connection;
    const WORD: &'static str = "connection";

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn connector(&self) -> Option<&Name> {
        Some(&self.connector)
    }

    async fn stored(
        store: &Store,
        tenant: &Tenant,
        name: &Name,
    ) -> Result<Option<Stored<Self>>, Failure> {
        store.connection(tenant, name).await
    }

    async fn read(store: &Store, _: &Tenant, name: &Name, text: &str) -> Result<Self, Problem> {
        validate::connection(store, name, text).await
    }

    async fn put(&self, store: &Store, tenant: &Tenant, when: When) -> Written {
        store.put_connection(tenant, self, when).await
    }

    async fn check_unused(store: &Store, tenant: &Tenant, name: &Name) -> Result<(), Problem> {
        let mut users = Vec::new();
        for user in store.definition_names(tenant, DefinitionKind::Integration).await? {
            let Some(stored) = store.integration(tenant, &user).await? else { continue };
            if stored.definition.connections().contains(&name) {
                users.push(user.to_string());
            }
        }
        if users.is_empty() {
            return Ok(());
        }
        let detail = format!("connection {name} is used by {}", users.join(", "));
        Err(Problem::new(StatusCode::CONFLICT, "in_use", detail))
    }
}
