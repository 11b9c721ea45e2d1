//! Secrets: `ferrule/<stage>/<connector>/<tenant>/<connection>`, cached for a short time.

use std::fmt;

use ferrule_core::{Failure, Name, Tenant};

use crate::{aws, memory};

/// Most labels of a secret's versions. Secrets Manager takes 20, and needs some itself.
pub(crate) const MOST_LABELS: u64 = 16;

/// What a secret holds. It has no `Debug` that shows it, and no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Version id; changes with every write.
    pub version: String,
    /// JSON text.
    body: String,
}

impl Secret {
    /// Wraps secret text.
    pub fn new(version: impl Into<String>, body: impl Into<String>) -> Self {
        Self { version: version.into(), body: body.into() }
    }

    /// Shows the text. Only connectors and `ingest` call this, to parse it.
    pub fn expose(&self) -> &str {
        &self.body
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.version)
    }
}

/// The secrets, in AWS or in memory.
#[derive(Debug, Clone)]
pub enum Secrets {
    /// Secrets Manager.
    Aws(aws::SecretsManager),
    /// The embedded twin.
    Memory(memory::Secrets),
}

impl Secrets {
    /// Reads a secret; `None` when there is none. Served from a cache for up to a minute; while
    /// Secrets Manager cannot be reached, for up to an hour.
    ///
    /// `fresh` asks Secrets Manager now: after a 401, or when a rotated token is expected.
    pub async fn read(
        &self,
        owner: &Name,
        tenant: &Tenant,
        connection: &Name,
        fresh: bool,
    ) -> Result<Option<Secret>, Failure> {
        match self {
            Self::Aws(secrets) => secrets.read(owner, tenant, connection, fresh).await,
            Self::Memory(secrets) => Ok(secrets.read(owner, tenant, connection, fresh)),
        }
    }

    /// Reads a secret that may have been rotated, because what it says was refused. However often that
    /// is so, a process asks Secrets Manager once in ten seconds.
    pub async fn read_newest(
        &self,
        owner: &Name,
        tenant: &Tenant,
        connection: &Name,
    ) -> Result<Option<Secret>, Failure> {
        match self {
            Self::Aws(secrets) => secrets.read_newest(owner, tenant, connection).await,
            Self::Memory(secrets) => Ok(secrets.read(owner, tenant, connection, true)),
        }
    }

    /// Writes a new version when `expected` is still the current one; `false` when it is not.
    /// `expected: None` creates the secret or replaces whatever is there.
    pub async fn write(
        &self,
        owner: &Name,
        tenant: &Tenant,
        connection: &Name,
        body: &str,
        expected: Option<&str>,
    ) -> Result<bool, Failure> {
        match self {
            Self::Aws(secrets) => secrets.write(owner, tenant, connection, body, expected).await,
            Self::Memory(secrets) => Ok(secrets.write(owner, tenant, connection, body, expected)),
        }
    }

    /// Adds a version and returns its id, by which it stays readable until another one gets the
    /// same label. A secret has at most sixteen labels.
    pub async fn add_version(
        &self,
        owner: &Name,
        tenant: &Tenant,
        path: &str,
        (label, body): (&str, &str),
    ) -> Result<String, Failure> {
        match self {
            Self::Aws(secrets) => secrets.add_version(owner, tenant, path, (label, body)).await,
            Self::Memory(secrets) => secrets.add_version(owner, tenant, path, (label, body)).await,
        }
    }

    /// Reads one version that was added; `None` when it is not kept any more.
    pub async fn read_version(
        &self,
        owner: &Name,
        tenant: &Tenant,
        path: &str,
        version: &str,
    ) -> Result<Option<Secret>, Failure> {
        match self {
            Self::Aws(secrets) => secrets.read_version(owner, tenant, path, version).await,
            Self::Memory(secrets) => secrets.read_version(owner, tenant, path, version).await,
        }
    }
}
