//! From text to definitions: YAML or JSON, strict, every problem with line, column and a hint.
//!
//! The text becomes a [`Value`] and a note of where each part stands (`tree`); an older
//! `apiVersion` is brought up to date (`migrate`); the typed definition is read from that
//! (`typed`); and what types cannot say is checked (`check`, `secret`, `catalog`).

mod catalog;
mod check;
mod effort;
mod migrate;
mod misfit;
mod place;
mod regexes;
mod scalar;
mod schema_problem;
mod secret;
mod told;
mod tree;
mod typed;

pub use catalog::{Catalog, ConnectorSchema};
pub use misfit::Fit;
use place::Places;

use crate::{
    Digest, Name, Value,
    definition::{Connection, Integration, Problem},
    json,
};

/// Longest text that is read.
pub const MAX_BYTES: usize = 1024 * 1024;

/// One definition.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// Trigger, source, map, validate, output, errors, limits.
    Integration(Box<Integration>),
    /// A connector, its settings and its limits.
    Connection(Box<Connection>),
}

impl Document {
    /// Returns the name, unique within the tenant and the kind.
    pub fn name(&self) -> &Name {
        match self {
            Self::Integration(integration) => &integration.metadata.name,
            Self::Connection(connection) => &connection.metadata.name,
        }
    }

    /// Returns the definition as canonical JSON: keys in one order, nothing that says nothing.
    pub fn to_value(&self) -> Result<Value, json::Error> {
        match self {
            Self::Integration(integration) => Value::of(integration),
            Self::Connection(connection) => Value::of(connection),
        }
    }

    /// Returns the content address of the definition: stamped on messages, logs and replays.
    pub fn hash(&self) -> Result<Digest, json::Error> {
        Ok(Digest::of(&[self.to_value()?.to_string().as_bytes()]))
    }
}

/// A document whose parts can still be found in the text.
struct Placed {
    document: Document,
    places: Places,
}

/// Reads all documents of a text and checks them, against `catalog` too. Either all are right, or
/// all problems that were found are returned.
pub fn load(text: &str, catalog: &Catalog) -> Result<Vec<Document>, Vec<Problem>> {
    if text.len() > MAX_BYTES {
        let message = format!("a definition has at most {MAX_BYTES} bytes");
        return Err(vec![Problem::new("", message)]);
    }
    let trees = tree::read(text).map_err(|problem| vec![problem])?;
    if trees.is_empty() {
        return Err(vec![Problem::new("", "there is no definition in this text")]);
    }
    let mut problems = Vec::new();
    let mut placed = Vec::new();
    for tree in trees {
        match typed::read(tree) {
            Ok(document) => placed.push(document),
            Err(found) => problems.extend(found),
        }
    }
    problems.extend(twice(&placed));
    let catalog = catalog.with_connections_of(placed.iter().map(|placed| &placed.document));
    for Placed { document, places } in &placed {
        let mut found = check::check(document);
        found.extend(catalog.check(document));
        problems.extend(found.into_iter().map(|problem| places.locate(problem)));
    }
    if problems.is_empty() {
        Ok(placed.into_iter().map(|placed| placed.document).collect())
    } else {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Err(problems)
    }
}

/// Two documents of one kind cannot have one name.
fn twice(placed: &[Placed]) -> Vec<Problem> {
    let same = |a: &Document, b: &Document| {
        std::mem::discriminant(a) == std::mem::discriminant(b) && a.name() == b.name()
    };
    let again = placed.iter().enumerate().filter(|(at, this)| {
        placed[..*at].iter().any(|other| same(&other.document, &this.document))
    });
    again
        .map(|(_, Placed { document, places })| {
            let message = format!("{} is defined twice in this text", document.name());
            places.locate(Problem::new("metadata.name", message))
        })
        .collect()
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod fit;
#[cfg(test)]
mod tests;
