//! What the connectors of this build say about their keys; `build.rs` found them by their folders.

use ferrule_core::document::{Catalog, ConnectorSchema};
use ferrule_core::{Name, Value, json};

use crate::Fault;

const SCHEMAS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/schemas.rs"));

/// Returns each connector's name and schema.
pub(crate) fn schemas() -> Result<Vec<(Name, Value)>, Fault> {
    let read = |(name, text): &(&str, &str)| {
        let wrong = |why: &dyn std::fmt::Display| {
            Fault::Failed(format!("functions/{name}/schema.json cannot be used: {why}"))
        };
        let schema = json::parse(text.as_bytes()).map_err(|error| wrong(&error))?;
        Ok((Name::new(*name).map_err(|error| wrong(&error))?, schema))
    };
    SCHEMAS.iter().map(read).collect()
}

/// Returns what definitions are checked against. Connections may be elsewhere: they are not known.
pub(crate) fn catalog() -> Result<Catalog, Fault> {
    let mut connectors = Vec::new();
    for (name, schema) in schemas()? {
        let schema: ConnectorSchema = schema.to().map_err(|error| {
            Fault::Failed(format!("functions/{name}/schema.json cannot be used: {error}"))
        })?;
        connectors.push((name.to_string(), schema));
    }
    Ok(if connectors.is_empty() { Catalog::new() } else { Catalog::new().connectors(connectors) })
}
