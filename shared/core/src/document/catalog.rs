//! Which connectors and connections there are, and whether a definition fits them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Document, schema_problem};
use crate::{
    Object, Value,
    definition::{Connection, Integration, Output, Problem, Recipient},
};

/// What a connector understands: a JSON Schema for each place where its keys stand.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct ConnectorSchema {
    /// Under `settings` of a connection.
    #[serde(default)]
    pub settings: Option<Value>,
    /// Under `source` of an integration; absent when the connector cannot be read.
    #[serde(default)]
    pub source: Option<Value>,
    /// Under `output` of an integration; absent when the connector cannot be written.
    #[serde(default)]
    pub target: Option<Value>,
    /// Under an entry of `output.notify` or `tell`; absent when nobody can be told through it.
    #[serde(default)]
    pub notify: Option<Value>,
}

/// Which connectors and connections there are. What is not known is not checked.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    connectors: Option<BTreeMap<String, ConnectorSchema>>,
    /// Connection to connector.
    connections: BTreeMap<String, String>,
    /// There are no other connections.
    all_connections: bool,
}

impl Catalog {
    /// Knows nothing: documents are checked by themselves.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on only these connectors are allowed, and keys must fit their schemas.
    #[must_use]
    pub fn connectors(
        mut self,
        connectors: impl IntoIterator<Item = (impl Into<String>, ConnectorSchema)>,
    ) -> Self {
        let connectors = connectors.into_iter().map(|(name, schema)| (name.into(), schema));
        self.connectors.get_or_insert_default().extend(connectors);
        self
    }

    /// From now on only these connections (and those in the text itself) are allowed. Each is
    /// given with its connector.
    #[must_use]
    pub fn connections(
        mut self,
        connections: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        let connections = connections.into_iter().map(|(name, of)| (name.into(), of.into()));
        self.connections.extend(connections);
        self.all_connections = true;
        self
    }

    /// Adds the connections among `documents`.
    pub(super) fn with_connections_of<'d>(
        &self,
        documents: impl Iterator<Item = &'d Document>,
    ) -> Self {
        let mut catalog = self.clone();
        for document in documents {
            if let Document::Connection(connection) = document {
                let name = connection.metadata.name.to_string();
                catalog.connections.insert(name, connection.connector.to_string());
            }
        }
        catalog
    }

    /// Returns the connector of a connection, `None` when that is not known.
    fn connector_of(&self, connection: &str) -> Result<Option<&str>, String> {
        match self.connections.get(connection) {
            Some(connector) => Ok(Some(connector)),
            None if !self.all_connections => Ok(None),
            None => {
                let known = list(&self.connections);
                Err(format!("there is no connection {connection:?}; there is {known}"))
            }
        }
    }

    /// Returns the schemas of a connector, `None` when connectors are not known.
    fn schema(&self, connector: &str) -> Result<Option<&ConnectorSchema>, String> {
        let Some(connectors) = &self.connectors else { return Ok(None) };
        connectors.get(connector).map(Some).ok_or_else(|| {
            let known = list(connectors);
            format!("there is no connector {connector:?} here; there is {known}")
        })
    }

    /// Checks names and keys against what there is.
    pub(super) fn check(&self, document: &Document) -> Vec<Problem> {
        match document {
            Document::Connection(connection) => self.check_connection(connection),
            Document::Integration(integration) => self.check_integration(integration),
        }
    }

    fn check_connection(&self, connection: &Connection) -> Vec<Problem> {
        let name = connection.connector.as_str();
        match self.schema(name) {
            Ok(None) => Vec::new(),
            Ok(Some(schema)) => fit(&connection.settings, schema.settings.as_ref(), "settings"),
            Err(message) => {
                let known = self.connectors.iter().flat_map(BTreeMap::keys).map(String::as_str);
                vec![Problem::new("connector", message).suggest(name, known)]
            }
        }
    }

    fn check_integration(&self, integration: &Integration) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(source) = &integration.source {
            let at = "source".to_owned();
            let role = Role { at, verb: "read from", of: |schema| schema.source.as_ref() };
            problems.extend(self.check_role(&role, source.connection.as_str(), &source.settings));
        }
        match &integration.output {
            Output::Load(to) => {
                let at = "output".to_owned();
                let role = Role { at, verb: "write to", of: |schema| schema.target.as_ref() };
                problems.extend(self.check_role(&role, to.connection.as_str(), &to.settings));
            }
            Output::Notify(notify) => problems.extend(self.check_told("output.notify", &notify.to)),
        }
        problems.extend(self.check_told("tell", &integration.tell));
        problems
    }

    fn check_told(&self, at: &str, recipients: &[Recipient]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, recipient) in recipients.iter().enumerate() {
            let at = format!("{at}[{index}]");
            problems.extend(self.check_told(&format!("{at}.else"), &recipient.fallback));
            let role = Role { at, verb: "tell", of: |schema| schema.notify.as_ref() };
            let connection = recipient.connection.as_str();
            problems.extend(self.check_role(&role, connection, &recipient.settings));
        }
        problems
    }

    fn check_role(&self, role: &Role, connection: &str, settings: &Object) -> Vec<Problem> {
        let at = format!("{}.connection", role.at);
        let connector = match self.connector_of(connection) {
            Ok(Some(connector)) => connector,
            Ok(None) => return Vec::new(),
            Err(message) => {
                let known = self.connections.keys().map(String::as_str);
                return vec![Problem::new(at, message).suggest(connection, known)];
            }
        };
        match self.schema(connector) {
            Ok(None) => Vec::new(),
            Err(message) => vec![Problem::new(at, message)],
            Ok(Some(schema)) => {
                let Some(schema) = (role.of)(schema) else {
                    let verb = role.verb;
                    let message =
                        format!("the connector {connector} of {connection} has nothing to {verb}");
                    return vec![Problem::new(at, message)];
                };
                fit(settings, Some(schema), &role.at)
            }
        }
    }
}

/// One side of an integration.
struct Role {
    at: String,
    verb: &'static str,
    of: fn(&ConnectorSchema) -> Option<&Value>,
}

fn fit(settings: &Object, schema: Option<&Value>, at: &str) -> Vec<Problem> {
    schema.map(|schema| schema_problem::find(settings, schema, at)).unwrap_or_default()
}

fn list(names: &BTreeMap<String, impl Sized>) -> String {
    let names: Vec<_> = names.keys().map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
