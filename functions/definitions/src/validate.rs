//! Reads a definition as somebody wrote it, and checks it against what is there.

use ferrule_core::{
    Failure, Name, Tenant,
    definition::{Connection, Integration, Problem as Fault},
    document::{Catalog, ConnectorSchema, Document, load},
};
use ferrule_store::{DefinitionKind, Store};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::problem::Problem;

/// Connections read in parallel.
const PARALLEL: usize = 16;

/// Reads the integration that must be called `name`.
pub(crate) async fn integration(
    store: &Store,
    tenant: &Tenant,
    name: &Name,
    text: &str,
) -> Result<Integration, Problem> {
    let catalog = catalog(store).await?.connections(connections(store, tenant).await?);
    match only(text, &catalog, name)? {
        Document::Integration(integration) => Ok(*integration),
        Document::Connection(_) => Err(other_kind("Integration")),
    }
}

/// Reads the connection that must be called `name`.
pub(crate) async fn connection(
    store: &Store,
    name: &Name,
    text: &str,
) -> Result<Connection, Problem> {
    match only(text, &catalog(store).await?, name)? {
        Document::Connection(connection) => Ok(*connection),
        Document::Integration(_) => Err(other_kind("Connection")),
    }
}

fn only(text: &str, catalog: &Catalog, name: &Name) -> Result<Document, Problem> {
    let mut documents = load(text, catalog).map_err(Problem::invalid)?;
    let (Some(document), true) = (documents.pop(), documents.is_empty()) else {
        let message = "send one definition at a time";
        return Err(Problem::invalid(vec![Fault::new("", message)]));
    };
    if document.name() == name {
        return Ok(document);
    }
    let message = format!("the path says {name}, the definition says {}", document.name());
    Err(Problem::invalid(vec![Fault::new("metadata.name", message)]))
}

fn other_kind(wanted: &str) -> Problem {
    let message = format!("this path takes definitions with kind: {wanted}");
    Problem::invalid(vec![Fault::new("kind", message)])
}

/// Returns what is known of connectors. Before the first one has registered, nothing is.
async fn catalog(store: &Store) -> Result<Catalog, Failure> {
    let mut connectors = Vec::new();
    for (name, schema) in store.connectors().await? {
        let schema: ConnectorSchema = schema.to().map_err(|error| {
            Failure::coded("SCHEMA", format!("schema of connector {name} is unreadable: {error}"))
        })?;
        connectors.push((name, schema));
    }
    Ok(if connectors.is_empty() { Catalog::new() } else { Catalog::new().connectors(connectors) })
}

async fn connections(store: &Store, tenant: &Tenant) -> Result<Vec<(String, String)>, Failure> {
    let names = store.definition_names(tenant, DefinitionKind::Connection).await?;
    let reads = names.into_iter().map(async |name| {
        let stored = store.connection(tenant, &name).await?;
        let connector = stored.map(|stored| stored.definition.connector.to_string());
        Ok::<_, Failure>(connector.map(|connector| (name.to_string(), connector)))
    });
    let found: Vec<_> = stream::iter(reads).buffered(PARALLEL).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}
