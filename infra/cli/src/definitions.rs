//! Definitions as an operator keeps them: files, or a folder of files.

use std::path::{Path, PathBuf};

use ferrule_core::definition::{Connection, Integration, Problem};
use ferrule_core::document::{self, Catalog, Document};

use crate::{Fault, connectors};

/// One file and what it defines.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) documents: Vec<Document>,
}

/// Something wrong in a file.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Wrong {
    pub(crate) file: PathBuf,
    #[serde(flatten)]
    pub(crate) problem: Problem,
}

/// Everything that was read.
#[derive(Debug)]
pub(crate) struct Definitions {
    pub(crate) files: Vec<File>,
}

impl Definitions {
    /// Reads files and folders. Either all definitions are right, or everything that is wrong is returned.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Result<Self, Vec<Wrong>>, Fault> {
        let mut texts = Vec::new();
        for path in paths {
            for file in files(path)? {
                let text = std::fs::read_to_string(&file).map_err(Fault::io("read", &file))?;
                texts.push((file, text));
            }
        }
        let catalog = connectors::catalog()?;
        Ok(load(&texts, &catalog).and_then(|all| {
            let connections = all.connections().map(|(_, connection)| {
                (connection.metadata.name.to_string(), connection.connector.to_string())
            });
            let connections: Vec<_> = connections.collect();
            // Definitions without a single connection use those that the hub has already.
            if connections.is_empty() || texts.len() == 1 {
                return Ok(all);
            }
            load(&texts, &catalog.clone().connections(connections))
        }))
    }

    /// Like [`Definitions::read`], with everything that is wrong in one message.
    pub(crate) fn read_right(paths: &[PathBuf]) -> Result<Self, Fault> {
        Self::read(paths)?.map_err(|wrong| {
            Fault::Invalid(wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })
    }

    /// Goes through the connections, each with its file.
    pub(crate) fn connections(&self) -> impl Iterator<Item = (&Path, &Connection)> {
        self.documents().filter_map(|(path, document)| match document {
            Document::Connection(connection) => Some((path, &**connection)),
            Document::Integration(_) => None,
        })
    }

    /// Goes through the integrations, each with its file.
    pub(crate) fn integrations(&self) -> impl Iterator<Item = (&Path, &Integration)> {
        self.documents().filter_map(|(path, document)| match document {
            Document::Integration(integration) => Some((path, &**integration)),
            Document::Connection(_) => None,
        })
    }

    fn documents(&self) -> impl Iterator<Item = (&Path, &Document)> {
        self.files
            .iter()
            .flat_map(|file| file.documents.iter().map(|document| (file.path.as_path(), document)))
    }
}

/// Writes `file:line:column: path: message; did you mean ...?`.
impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let gap = if self.problem.line > 0 { "" } else { " " };
        write!(f, "{}:{gap}{}", self.file.display(), self.problem)
    }
}

fn load(texts: &[(PathBuf, String)], catalog: &Catalog) -> Result<Definitions, Vec<Wrong>> {
    let mut files = Vec::new();
    let mut wrong = Vec::new();
    for (path, text) in texts {
        match document::load(text, catalog) {
            Ok(documents) => files.push(File { path: path.clone(), documents }),
            Err(problems) => wrong
                .extend(problems.into_iter().map(|problem| Wrong { file: path.clone(), problem })),
        }
    }
    if wrong.is_empty() { Ok(Definitions { files }) } else { Err(wrong) }
}

/// Returns the file itself, or the definitions in a folder and the folders below, by name.
fn files(path: &Path) -> Result<Vec<PathBuf>, Fault> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(Fault::io("read", path))?;
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            found.extend(files(&entry)?);
        } else if is_definition(&entry) {
            found.push(entry);
        }
    }
    Ok(found)
}

fn is_definition(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kind = path.extension().unwrap_or_default().to_string_lossy();
    matches!(&*kind, "yaml" | "yml" | "json") && !name.ends_with("schema.json")
}
