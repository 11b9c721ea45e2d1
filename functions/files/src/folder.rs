//! A folder of this machine that must not be left, by `..` or by a link.

use std::io::ErrorKind;
use std::path::{Path as FilePath, PathBuf};

use ferrule_connector::Failure;
use object_store::{local::LocalFileSystem, path::Path};

/// A folder, with every link in its own path resolved.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Finds the folder.
    pub(crate) fn open(root: &str) -> Result<Self, Failure> {
        let found = std::fs::canonicalize(root).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Failure::coded("FILE_MISSING", format!("there is no folder {root}"))
            }
            ErrorKind::PermissionDenied => {
                Failure::unauthorized("the file store", format!("folder {root}: {error}"))
            }
            _ => Failure::unavailable("the file store", format!("folder {root}: {error}")),
        })?;
        if !found.is_dir() {
            return Err(Failure::coded("FILE_MISSING", format!("{root} is not a folder")));
        }
        Ok(Self { root: found })
    }

    /// Returns a store over the folder.
    pub(crate) fn store(&self) -> Result<LocalFileSystem, Failure> {
        LocalFileSystem::new_with_prefix(&self.root)
            .map_err(|error| crate::fault::failure("open the folder", &error))
    }

    /// Refuses a path that leads out of the folder. What does not exist yet is judged by the
    /// folder it would be in.
    pub(crate) fn vet(&self, path: &Path) -> Result<(), Failure> {
        let mut place: &FilePath = &self.root.join(path.as_ref());
        loop {
            match std::fs::canonicalize(place) {
                Ok(real) if real.starts_with(&self.root) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::NotFound && !place.is_symlink() => {
                    match place.parent() {
                        Some(parent) => place = parent,
                        None => return Ok(()),
                    }
                }
                _ => {
                    let text = format!("{path} leads out of the folder of the connection");
                    return Err(Failure::coded("FILE_PATH", text));
                }
            }
        }
    }
}
