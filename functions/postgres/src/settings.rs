//! What an operator writes about a database, a source and a target.

use ferrule_core::duration::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Host name or address, such as `shop.cluster-abc.eu-central-1.rds.amazonaws.com`.
    pub host: String,
    /// Port. Ports below 1024 are refused.
    #[serde(default = "port")]
    pub port: u16,
    /// Name of the database.
    pub database: String,
    /// Schema of tables that are named without one, and first in the search path. The user's own
    /// search path when absent.
    #[serde(default)]
    pub schema: Option<String>,
    /// The database may have a private address (10/8, 172.16/12, 192.168/16, 100.64/10,
    /// `fc00::/7`). Loopback, link-local and metadata addresses are never connected to.
    #[serde(default)]
    pub private: bool,
    /// How the connection is encrypted, and how the server proves who it is.
    #[serde(default)]
    pub tls: Tls,
    /// The server gives up a statement after this long. Never longer than the function may run.
    #[serde(default = "statement_timeout")]
    pub statement_timeout: Span,
}

/// How the connection is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// What is checked, in the words of `libpq`.
    #[serde(default)]
    pub mode: TlsMode,
    /// Certificates (PEM) that alone are trusted to sign the server's: the pinned CA. What the
    /// machine trusts when absent.
    #[serde(default)]
    pub ca: Option<String>,
}

/// What is checked of the server's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// Signed by a trusted CA, and made for this host.
    #[default]
    VerifyFull,
    /// Signed by the pinned CA, for whatever host: for tunnels and internal names. Needs `ca`.
    VerifyCa,
    /// Nothing: encrypted, but anybody in between can read it. Not with `ca`.
    Require,
    /// Not encrypted. Only with `private: true`, or on the local stack.
    Disable,
}

/// Who signs in. Never printed.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) password: Option<String>,
}

/// What is read: a table or a query.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Table or view to read.
    #[serde(default)]
    pub table: Option<String>,
    /// Schema of the table, when it is not the connection's.
    #[serde(default)]
    pub schema: Option<String>,
    /// Columns that are wanted. All when absent. Key and cursor columns are always read.
    #[serde(default)]
    pub columns: Vec<String>,
    /// One `select` in place of a table. It runs as a subquery in a read-only transaction, once a
    /// page.
    #[serde(default)]
    pub query: Option<String>,
    /// Columns that together tell rows apart. The table's primary key when absent, else the
    /// cursor's `tie_break`.
    #[serde(default)]
    pub key_columns: Vec<String>,
    /// Rows a page, at most 1,000.
    #[serde(default)]
    pub page_size: Option<u16>,
}

/// What is written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Table to write. Fields of the record go into the columns of the same names.
    pub table: String,
    /// Schema of the table, when it is not the connection's.
    #[serde(default)]
    pub schema: Option<String>,
    /// Columns that together find the row of a record; they need a unique index. The table's
    /// primary key when absent.
    #[serde(default)]
    pub key_columns: Vec<String>,
    /// Column that holds the record's version: an older version never replaces a newer one. Gets
    /// the version of the record (`output.version`) when the record has no field of that name.
    #[serde(default)]
    pub version_column: Option<String>,
    /// Remove a row when the source says that its record is gone. Otherwise such a record is
    /// refused.
    #[serde(default)]
    pub deletes: bool,
    /// Remember in `batch_table`, in the transaction that writes a batch, that it is written: a
    /// batch that comes again writes nothing, whatever died in between.
    #[serde(default = "yes")]
    pub exactly_once: bool,
    /// Table for that, in the schema of the target table. It is made when it is not there.
    #[serde(default = "batch_table")]
    pub batch_table: String,
}

fn port() -> u16 {
    5432
}

fn statement_timeout() -> Span {
    Span::from_secs(30)
}

fn batch_table() -> String {
    "ferrule_batches".to_owned()
}

fn yes() -> bool {
    true
}
