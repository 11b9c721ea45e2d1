//! Definitions: integrations, connections, and the schemas of the connectors that are deployed.

use ferrule_core::{
    Digest, Failure, Name, Tenant, Value,
    definition::{Connection, Integration, Trigger},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Item, Query, Store, Table, When, Write, listeners::listens};

/// Partition of the pointers that `schedule` reads.
const SCHEDULES: &str = "#schedules";

/// Partition of the tenants that have, or had, an integration.
const TENANTS: &str = "#tenants";

/// Partition of the connectors that are deployed.
const CONNECTORS: &str = "#connectors";

/// A definition as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T> {
    /// The definition.
    pub definition: T,
    /// Its content hash.
    pub hash: Digest,
    /// Revision, for the `ETag`.
    pub rev: u64,
}

/// Which kind of definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionKind {
    /// `integrations`
    Integration,
    /// `connections`
    Connection,
}

impl DefinitionKind {
    fn key(self, name: &Name) -> String {
        format!("{}{name}", self.prefix())
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Integration => "integration#",
            Self::Connection => "connection#",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Body {
    hash: Digest,
    definition: Value,
}

/// A scheduled integration, as `schedule` finds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduled {
    /// Whose.
    pub tenant: Tenant,
    /// Which integration.
    pub integration: Name,
}

/// What a definition hashes to: the SHA-256 of its canonical JSON.
pub fn hash_of(definition: &impl Serialize) -> Result<Digest, Failure> {
    let value = Value::of(definition).map_err(|e| Failure::invalid(e.to_string()))?;
    Ok(Digest::of(&[value.to_string().as_bytes()]))
}

impl Store {
    /// Returns an integration as it is now.
    pub async fn integration(
        &self,
        tenant: &Tenant,
        name: &Name,
    ) -> Result<Option<Stored<Integration>>, Failure> {
        self.definition(tenant, DefinitionKind::Integration, name).await
    }

    /// Returns a connection as it is now.
    pub async fn connection(
        &self,
        tenant: &Tenant,
        name: &Name,
    ) -> Result<Option<Stored<Connection>>, Failure> {
        self.definition(tenant, DefinitionKind::Connection, name).await
    }

    /// Returns the integration that has this hash, however old.
    pub async fn integration_by_hash(
        &self,
        tenant: &Tenant,
        hash: &Digest,
    ) -> Result<Option<Integration>, Failure> {
        let row = self
            .tables
            .get(Table::Registry, tenant.as_str(), &format!("definition#{hash}"))
            .await?;
        row.map(|row| row.read()).transpose()
    }

    /// Stores an integration; a run keeps the definition it started with.
    pub async fn put_integration(
        &self,
        tenant: &Tenant,
        integration: &Integration,
        when: When,
    ) -> Result<Result<Stored<()>, Option<u64>>, Failure> {
        let hash = hash_of(integration)?;
        let name = &integration.metadata.name;
        let old = Item::new(tenant.as_str(), format!("definition#{hash}"), integration)?;
        self.tables.put(Table::Registry, old, When::Always).await?;
        let known = Item::new(TENANTS, tenant.as_str(), tenant)?;
        self.tables.put(Table::Registry, known, When::Always).await?;
        let kind = DefinitionKind::Integration;
        let listens = Some(listens(integration));
        let written =
            self.put_definition(tenant, kind, name, (integration, &hash), when, listens).await?;
        if written.is_ok() {
            self.point_schedule(tenant, integration).await?;
        }
        Ok(written)
    }

    /// Stores a connection.
    pub async fn put_connection(
        &self,
        tenant: &Tenant,
        connection: &Connection,
        when: When,
    ) -> Result<Result<Stored<()>, Option<u64>>, Failure> {
        let hash = hash_of(connection)?;
        let name = &connection.metadata.name;
        let kind = DefinitionKind::Connection;
        let written =
            self.put_definition(tenant, kind, name, (connection, &hash), when, None).await?;
        if written.is_ok() {
            self.point_check(tenant, name, true).await?;
        }
        Ok(written)
    }

    /// Removes a definition; `false` when it is not there (or not at this revision).
    pub async fn delete_definition(
        &self,
        tenant: &Tenant,
        kind: DefinitionKind,
        name: &Name,
        when: When,
    ) -> Result<bool, Failure> {
        let (pk, sk) = (tenant.as_str(), kind.key(name));
        if self.tables.get(Table::Registry, pk, &sk).await?.is_none() {
            return Ok(false);
        }
        let listening = match kind {
            DefinitionKind::Integration => self.listening(tenant, name, None).await?,
            DefinitionKind::Connection => None,
        };
        let is_deleted = match listening {
            Some(listening) => {
                let delete = Write::Delete(Table::Registry, pk.into(), sk, when);
                self.tables.transact(vec![delete, listening]).await?
            }
            None => self.tables.delete(Table::Registry, pk, &sk, when).await?.is_done(),
        };
        if !is_deleted {
            return Ok(false);
        }
        match kind {
            DefinitionKind::Integration => {
                let pointer = schedule_key(tenant, name);
                self.tables.delete(Table::Registry, SCHEDULES, &pointer, When::Always).await?;
            }
            DefinitionKind::Connection => self.point_check(tenant, name, false).await?,
        }
        Ok(true)
    }

    /// Returns the names of all definitions of a kind, in order.
    pub async fn definition_names(
        &self,
        tenant: &Tenant,
        kind: DefinitionKind,
    ) -> Result<Vec<Name>, Failure> {
        let rows = self.all_rows(Table::Registry, tenant.as_str(), kind.prefix()).await?;
        let name = |row: &Item| Name::new(row.sk.strip_prefix(kind.prefix()).unwrap_or_default());
        Ok(rows.iter().filter_map(|row| name(row).ok()).collect())
    }

    /// Returns every integration with a schedule, over all tenants.
    pub async fn scheduled(&self) -> Result<Vec<Scheduled>, Failure> {
        self.all_rows(Table::Registry, SCHEDULES, "").await?.iter().map(Item::read).collect()
    }

    /// Returns every tenant that has, or had, an integration.
    pub(crate) async fn tenants(&self) -> Result<Vec<Tenant>, Failure> {
        self.all_rows(Table::Registry, TENANTS, "").await?.iter().map(Item::read).collect()
    }

    /// Stores the schemas of a deployed connector (`functions/<name>/schema.json`).
    pub async fn put_connector(&self, name: &Name, schema: &Value) -> Result<(), Failure> {
        let row = Item::new(CONNECTORS, name.as_str(), schema)?;
        self.tables.put(Table::Registry, row, When::Always).await.map(drop)
    }

    /// Returns the connectors that are deployed, with their schemas.
    pub async fn connectors(&self) -> Result<Vec<(String, Value)>, Failure> {
        let rows = self.all_rows(Table::Registry, CONNECTORS, "").await?;
        rows.into_iter().map(|row| Ok((row.sk.clone(), row.read()?))).collect()
    }

    async fn definition<T: DeserializeOwned>(
        &self,
        tenant: &Tenant,
        kind: DefinitionKind,
        name: &Name,
    ) -> Result<Option<Stored<T>>, Failure> {
        let row = self.tables.get(Table::Registry, tenant.as_str(), &kind.key(name)).await?;
        let Some(row) = row else { return Ok(None) };
        let body: Body = row.read()?;
        let definition = body.definition.to().map_err(|e| {
            Failure::coded("DEFINITION", format!("definition {name} is unreadable: {e}"))
        })?;
        Ok(Some(Stored { definition, hash: body.hash, rev: row.rev }))
    }

    async fn put_definition(
        &self,
        tenant: &Tenant,
        kind: DefinitionKind,
        name: &Name,
        (definition, hash): (&impl Serialize, &Digest),
        when: When,
        listens: Option<bool>,
    ) -> Result<Result<Stored<()>, Option<u64>>, Failure> {
        let definition = Value::of(definition).map_err(|e| Failure::invalid(e.to_string()))?;
        let body = Body { hash: hash.clone(), definition };
        let sk = kind.key(name);
        loop {
            let there = self.tables.get(Table::Registry, tenant.as_str(), &sk).await?;
            let rev = there.as_ref().map(|row| row.rev);
            let allowed = match when {
                When::Always => true,
                When::Absent => rev.is_none(),
                When::Rev(wanted) => rev == Some(wanted),
            };
            if !allowed {
                return Ok(Err(rev));
            }
            let mut row = Item::new(tenant.as_str(), &sk, &body)?;
            row.rev = 1;
            let condition = rev.map_or(When::Absent, When::Rev);
            let listening = match listens {
                Some(listens) => self.listening(tenant, name, listens.then_some(hash)).await?,
                None => None,
            };
            let is_done = match listening {
                Some(listening) => {
                    // In a transaction the row's next revision is ours to write.
                    row.rev = rev.map_or(1, |rev| rev + 1);
                    let write = Write::Put(Table::Registry, row, condition);
                    self.tables.transact(vec![write, listening]).await?
                }
                None => self.tables.put(Table::Registry, row, condition).await?.is_done(),
            };
            if is_done {
                let rev = rev.map_or(1, |rev| rev + 1);
                return Ok(Ok(Stored { definition: (), hash: hash.clone(), rev }));
            }
        }
    }

    async fn point_schedule(
        &self,
        tenant: &Tenant,
        integration: &Integration,
    ) -> Result<(), Failure> {
        let name = &integration.metadata.name;
        let key = schedule_key(tenant, name);
        let watched = matches!(integration.trigger, Some(Trigger::Schedule(_)))
            || integration.expect.is_some();
        if watched {
            let pointer = Scheduled { tenant: tenant.clone(), integration: name.clone() };
            let row = Item::new(SCHEDULES, key, &pointer)?;
            self.tables.put(Table::Registry, row, When::Always).await.map(drop)
        } else {
            self.tables.delete(Table::Registry, SCHEDULES, &key, When::Always).await.map(drop)
        }
    }

    /// Reads all rows of a partition whose sort key starts so.
    pub(crate) async fn all_rows(
        &self,
        table: Table,
        pk: &str,
        prefix: &str,
    ) -> Result<Vec<Item>, Failure> {
        let prefix = (!prefix.is_empty()).then(|| prefix.to_owned());
        let mut query = Query { pk: pk.into(), prefix, ..Query::default() };
        let mut all = Vec::new();
        loop {
            let rows = self.tables.query(table, query.clone()).await?;
            all.extend(rows.items);
            match rows.next {
                Some(next) => query.start = Some(next),
                None => return Ok(all),
            }
        }
    }
}

fn schedule_key(tenant: &Tenant, name: &Name) -> String {
    format!("{tenant}#{name}")
}
