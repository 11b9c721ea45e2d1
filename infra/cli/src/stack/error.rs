//! Why a stack did not come up, by what the operator does next.

use std::path::{Path, PathBuf};

/// Why a stack did not come up or go down.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Something must be installed first.
    #[error("{0}")]
    Missing(String),
    /// A command failed; its last lines say why.
    #[error("{command} failed ({outcome}), the whole log is in {}:\n{tail}", log.display())]
    Command {
        /// What was run.
        command: String,
        /// How it ended.
        outcome: String,
        /// Where all it said is.
        log: PathBuf,
        /// The last it said.
        tail: String,
    },
    /// A file could not be read or written.
    #[error("could not {attempt} {}: {cause}", path.display())]
    Io {
        /// What was tried, as a verb.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        cause: std::io::Error,
    },
    /// A stack is up in this folder already.
    #[error("a stack is up already at {0}; `ferrule down` ends it")]
    AlreadyUp(String),
    /// No stack is up in this folder.
    #[error("no stack is up in {}; `ferrule up` starts one", .0.display())]
    NotUp(PathBuf),
    /// Something that should not happen; a defect here or in a tool.
    #[error("{0}")]
    Unexpected(String),
}

impl StackError {
    /// Wraps an I/O error: `.map_err(StackError::io("read", path))`.
    pub(super) fn io(attempt: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { attempt, path, cause }
    }
}
