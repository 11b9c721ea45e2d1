//! What an operator writes about an organisation and a source.

use ferrule_core::duration::Span;
use schemars::JsonSchema;
use serde::Deserialize;

/// Each run reads this far back behind the last one: Okta's clocks and ours may disagree, and its
/// lists lag behind its writes by seconds.
pub(crate) const OVERLAP: Span = Span::from_secs(300);

/// One organisation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address of the organisation, such as `https://acme.okta.com`.
    pub org_url: String,
    /// How to sign in with what the secret holds: `token` (an API token, sent as `SSWS`; secret:
    /// `api_key`) or `oauth` (client credentials with a client secret; secret: `client_id`,
    /// `client_secret`).
    #[serde(default)]
    pub auth: Auth,
}

/// How to sign in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// An API token.
    #[default]
    Token,
    /// A token from `/oauth2/v1/token`.
    Oauth,
}

/// What is read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Which kind of record.
    pub read: Read,
    /// Only these groups, by name: of `groups` and `memberships`. All when absent.
    #[serde(default)]
    pub groups: Vec<String>,
    /// After what changed in an incremental run, read the System Log for what is gone: deleted users
    /// and groups, removed members. Needs the right to read it (`okta.logs.read`).
    #[serde(default = "yes")]
    pub deletes: bool,
    /// Records a page: at most, and by default, 200.
    #[serde(default)]
    pub page_size: Option<u16>,
}

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    /// Users as Okta gives them, deactivated ones (`status: DEPROVISIONED`) included.
    Users,
    /// Groups as Okta gives them.
    Groups,
    /// Who is in which group: `id`, `group_id`, `group`, `user_id`, `login`, `status`, `changed_at`.
    Memberships,
}

/// Nothing is written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

fn yes() -> bool {
    true
}
