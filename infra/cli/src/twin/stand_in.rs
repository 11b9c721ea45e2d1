//! What stands in for places that a laptop does not have: the hub's own bucket becomes a folder, and
//! `--input` puts one file in the place of whatever a source reads.

use std::path::{Path, PathBuf};

use ferrule_core::definition::{Connection, Integration};
use ferrule_core::{Name, Object, Value};

use crate::Fault;

/// What stands in for the places of `files` connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StandIn {
    /// This folder, for the hub's own bucket.
    Folder(PathBuf),
    /// This one file, for everything that the integration reads.
    File(PathBuf),
}

const FILES: &str = "files";

impl StandIn {
    /// Returns the connection as the twin uses it. `beside` is the folder of its definition, which a
    /// relative folder is meant from. `is_source` tells whether an integration reads from it.
    pub fn connection(
        &self,
        connection: &Connection,
        beside: &Path,
        is_source: bool,
    ) -> Result<Connection, Fault> {
        let mut connection = connection.clone();
        if connection.connector.as_str() != FILES {
            return Ok(connection);
        }
        match self {
            Self::File(file) if is_source => {
                let folder = file.parent().unwrap_or(Path::new("/"));
                connection.settings = folder_settings(folder)?;
            }
            Self::Folder(folder) | Self::File(folder) => {
                own_bucket(&mut connection.settings, folder)?;
                relative_root(&mut connection.settings, beside)?;
            }
        }
        Ok(connection)
    }

    /// Returns the integration as the twin uses it, `files` being the names of the connections that
    /// serve files.
    pub fn integration(&self, integration: &Integration, files: &[&Name]) -> Integration {
        let mut integration = integration.clone();
        if let (Self::File(file), Some(source)) = (self, &mut integration.source)
            && files.contains(&&source.connection)
        {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            source.settings.insert("path", Value::from(literal(&name)));
        }
        integration
    }
}

/// Puts a folder in the place of the hub's own bucket.
fn own_bucket(settings: &mut Object, folder: &Path) -> Result<(), Fault> {
    if settings.get("bucket").and_then(Value::as_str) != Some("default") {
        return Ok(());
    }
    let prefix = settings.get("prefix").and_then(Value::as_str).unwrap_or_default();
    *settings = folder_settings(&folder.join(prefix))?;
    Ok(())
}

fn relative_root(settings: &mut Object, beside: &Path) -> Result<(), Fault> {
    match settings.get("root").and_then(Value::as_str).map(|root| beside.join(root)) {
        Some(root) => folder_settings(&root).map(|folder| *settings = folder),
        None => Ok(()),
    }
}

fn folder_settings(folder: &Path) -> Result<Object, Fault> {
    let folder = std::path::absolute(folder).map_err(Fault::io("find", folder))?;
    let text = folder.to_str().ok_or_else(|| {
        Fault::Invalid(format!("the path {} has characters outside of Unicode", folder.display()))
    })?;
    Ok(Object::from_iter([("root", Value::from(text))]))
}

/// Writes a file name as a pattern that matches just this name.
fn literal(name: &str) -> String {
    if !name.contains(['*', '?', '[', '{']) {
        return name.to_owned();
    }
    name.chars().fold(String::new(), |mut pattern, c| {
        match c {
            '*' | '?' | '[' | ']' | '{' | '}' => pattern.extend(['[', c, ']']),
            other => pattern.push(other),
        }
        pattern
    })
}

#[cfg(test)]
mod tests {
    use ferrule_core::document::{Catalog, Document, load};

    use super::*;

    fn connection(settings: &str) -> Connection {
        let text = format!(
            "{{apiVersion: ferrule/v1, kind: Connection, metadata: {{name: export}}, \
             connector: files, settings: {{{settings}}}}}"
        );
        match load(&text, &Catalog::new()).unwrap().remove(0) {
            Document::Connection(connection) => *connection,
            Document::Integration(_) => unreachable!("it is a connection"),
        }
    }

    fn root(stand_in: &StandIn, settings: &str) -> String {
        let connection = connection(settings);
        let used = stand_in.connection(&connection, Path::new("/defs"), true).unwrap();
        used.settings.get("root").unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn a_folder_stands_in_for_the_hubs_own_bucket() {
        let data = StandIn::Folder("/defs/data".into());
        assert_eq!(root(&data, "bucket: default, prefix: in"), "/defs/data/in");
        assert_eq!(root(&data, "root: exports"), "/defs/exports");
    }

    #[test]
    fn one_file_stands_in_for_any_place() {
        let file = StandIn::File("/tmp/some.csv".into());
        assert_eq!(root(&file, "bucket: acme-exports"), "/tmp");
    }

    #[test]
    fn a_file_name_that_looks_like_a_pattern_is_taken_as_it_is() {
        assert_eq!(literal("a.csv"), "a.csv");
        assert_eq!(literal("a[1].csv"), "a[[]1[]].csv");
    }
}
