//! What an operator writes about an instance, a source and a target.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One instance.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address of the instance, such as `https://acme.service-now.com`.
    pub instance_url: String,
    /// How to sign in with what the secret holds: `basic` (user and password), `oauth` (a token
    /// from `/oauth_token.do`), `api_key` (the header `x-sn-apikey`).
    #[serde(default)]
    pub auth: Auth,
    /// Version of the API. The instance's newest when absent.
    #[serde(default)]
    pub api_version: Option<ApiVersion>,
    /// Check names of fields against `sys_dictionary` first: the instance ignores a misspelt one
    /// without a word, and returns or changes everything. Off only for a user who cannot read
    /// `sys_dictionary` and `sys_db_object`.
    #[serde(default = "yes")]
    pub check_fields: bool,
}

/// How to sign in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// User and password with every call. Secret: `username`, `password`.
    #[default]
    Basic,
    /// A token from `/oauth_token.do`. Secret: `client_id`, `client_secret`, and for the password
    /// grant `username` and `password` too.
    Oauth,
    /// The header `x-sn-apikey`. Secret: `api_key`.
    ApiKey,
}

/// A version of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApiVersion {
    /// Answers 404 where there are no records.
    V1,
    /// Answers 200 and an empty list.
    V2,
}

/// What is read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Table, such as `incident`.
    pub table: String,
    /// Fields that are wanted, also dot-walked (`caller_id.email`). All when absent. `sys_id` and
    /// the cursor's field are always read.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Encoded query, such as `active=true^priority<=2`. Without `ORDERBY`: the order is the hub's.
    #[serde(default)]
    pub query: Option<String>,
    /// Values as stored, as shown to the user (times in the user's zone), or both.
    #[serde(default)]
    pub display_value: DisplayValue,
    /// Records a page, at most 1,000.
    #[serde(default)]
    pub page_size: Option<u16>,
    /// After the changed records of an incremental run, read `sys_audit_delete` for deleted ones.
    #[serde(default)]
    pub deletes: bool,
}

/// Which form values have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisplayValue {
    /// As stored: text; a reference is its `sys_id`.
    #[default]
    Stored,
    /// As shown to the user.
    Shown,
    /// An object with `value` and `display_value`.
    Both,
}

impl DisplayValue {
    /// Returns the value of `sysparm_display_value`.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Stored => "false",
            Self::Shown => "true",
            Self::Both => "all",
        }
    }
}

/// What is written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Table, such as `incident`; a staging table when `via` is an import set.
    pub table: String,
    /// Field that holds the record's key, such as `correlation_id`: what is there is found by it.
    /// A column of the staging table when `via` is an import set.
    pub key_field: String,
    /// How records get there.
    #[serde(default)]
    pub via: Via,
    /// Field that holds the record's version. An older version than what is there is dropped.
    /// Only with `via: table`.
    #[serde(default)]
    pub version_field: Option<String>,
    /// Remove a record there when the source says that it is gone. Otherwise such a record is
    /// refused.
    #[serde(default)]
    pub deletes: bool,
}

/// How records get into the instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// Table API: look up many, then insert or update one by one.
    #[default]
    Table,
    /// Import set, one call a record; the transform map must coalesce on the key.
    ImportSet,
    /// Import set, one call a batch (`insertMultiple`), then its outcome is read from the staging
    /// table; the transform map must coalesce on the key.
    ImportSetMany,
}

fn yes() -> bool {
    true
}
