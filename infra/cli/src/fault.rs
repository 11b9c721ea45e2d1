//! How a command ends, and with which exit code.

use ferrule_core::Failure;

use crate::stack::StackError;

/// How a command that did its work ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything is done.
    Well,
    /// It is done in part: some records are in the error log.
    InPart,
    /// It was done, and what came out is not as it should be.
    Badly,
    /// Nothing is written yet: the hub wants somebody to approve it.
    Waiting,
}

/// Why a command could not do its work, by what the operator does next.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It was tried and failed.
    #[error("{0}")]
    Failed(String),
    /// The command line, a definition or the input is wrong.
    #[error("{0}")]
    Invalid(String),
    /// No stack is up, or nothing answers where it should be.
    #[error("{0}")]
    Unreachable(String),
    /// The hub says no: the key, the role, or something that changed meanwhile.
    #[error("{0}")]
    Refused(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Ended {
    /// Returns the exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Badly => 1,
            Self::InPart => 4,
            Self::Waiting => 5,
        }
    }
}

impl Fault {
    /// Returns the exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Invalid(_) => 2,
            Self::Unreachable(_) => 3,
            Self::Refused(_) => 5,
            Self::Interrupted => 130,
        }
    }

    /// Wraps an I/O error: `.map_err(Fault::io("read", path))`.
    pub(crate) fn io(attempt: &str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        move |cause| Self::Invalid(format!("could not {attempt} {}: {cause}", path.display()))
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable { .. } => Self::Unreachable(failure.to_string()),
            Failure::Unauthorized { .. } => Self::Refused(failure.to_string()),
            _ => Self::Failed(failure.to_string()),
        }
    }
}

impl From<StackError> for Fault {
    fn from(error: StackError) -> Self {
        match error {
            StackError::NotUp(_) => Self::Unreachable(error.to_string()),
            StackError::AlreadyUp(_) | StackError::Missing(_) => Self::Invalid(error.to_string()),
            StackError::Command { .. } | StackError::Io { .. } | StackError::Unexpected(_) => {
                Self::Failed(error.to_string())
            }
        }
    }
}

/// What `ferrule help exit-codes` says, too.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    it ran and failed: a failed run, an example that came out differently, counts that are wrong
  2    invalid: the command line, a definition or the input
  3    not reachable: no stack is up, or nothing answers
  4    done in part: some records are in the error log
  5    refused by the hub: unknown key, missing role, unknown name, changed by somebody else, or a run
       that waits for approval
  130  interrupted with Ctrl-C";
