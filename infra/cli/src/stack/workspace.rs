//! Where things are in the repository.

use std::path::{Path, PathBuf};

use super::StackError;

/// The repository this command works in.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the repository: the folder above the current one that has the template, or else the one this command was built in.
    pub fn find() -> Result<Self, StackError> {
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR"));
        let here = std::env::current_dir().unwrap_or_default();
        here.ancestors()
            .chain(built_in.ancestors())
            .find(|folder| folder.join("infra/template.yaml").is_file())
            .map(|root| Self { root: root.to_owned() })
            .ok_or_else(|| {
                StackError::Missing("run this inside a clone of the Ferrule repository".to_owned())
            })
    }

    /// Returns the repository's own folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the SAM template.
    pub fn template(&self) -> PathBuf {
        self.root.join("infra/template.yaml")
    }

    /// Returns where builds go, honouring `CARGO_TARGET_DIR`.
    pub fn target(&self) -> PathBuf {
        match std::env::var_os("CARGO_TARGET_DIR") {
            Some(target) => self.root.join(target),
            None => self.root.join("target"),
        }
    }

    /// Returns where the template looks for a function's bootstrap.
    pub fn lambda(&self, function: &str) -> PathBuf {
        self.root.join("target/lambda").join(function)
    }

    /// Returns the names of all functions: the folders under `functions/`. Deployment is registration; there is no other list.
    pub fn functions(&self) -> Result<Vec<String>, StackError> {
        let folder = self.root.join("functions");
        let entries = std::fs::read_dir(&folder).map_err(StackError::io("read", &folder))?;
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().join("Cargo.toml").is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_functions_by_their_folders() {
        let functions = Workspace::find().unwrap().functions().unwrap();
        assert!(functions.contains(&"transform".to_owned()), "{functions:?}");
    }
}
