//! What an operator writes, and what Secrets Manager holds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// One account or installation.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Address of the API; `https://api.github.com` when absent. An enterprise server's ends in
    /// `/api/v3`.
    pub api_url: Option<String>,
    /// How to sign in: with a `token`, or as an `app` with its private key.
    pub auth: Auth,
    /// Id of the app, or its client id. With `auth: app`.
    pub app_id: Option<String>,
    /// Id of the app's installation. With `auth: app`.
    pub installation_id: Option<u64>,
}

impl Settings {
    pub(crate) fn api_url(&self) -> &str {
        self.api_url.as_deref().unwrap_or("https://api.github.com")
    }
}

/// How to sign in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// With a token. Secret: `token`.
    #[default]
    Token,
    /// As an app. Secret: `private_key`, PEM as it was downloaded.
    App,
}

/// Where something is written, and as what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Owner and name, such as `acme/platform`.
    pub repository: String,
    /// What a notification becomes. Records always become issues.
    #[serde(default)]
    pub through: Through,
    /// Labels of new issues.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Logins to whom new issues are assigned.
    #[serde(default)]
    pub assignees: Vec<String>,
    /// With `through: repository_dispatch`: name of the event, at most 100 characters. The
    /// notification's type when absent.
    #[serde(default)]
    pub event_type: Option<String>,
    /// With `through: workflow`: file name or id of the workflow, such as `deploy.yml`.
    #[serde(default)]
    pub workflow: Option<String>,
    /// With `through: workflow`: branch or tag; `main` when absent.
    #[serde(default, rename = "ref")]
    pub reference: Option<String>,
    /// With `through: workflow`: its inputs, at most 25. `${...}` in them is a jq expression over the
    /// record, which has `.notification_id` too.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
}

/// What a notification becomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// An issue; later notifications of the same matter are comments, the last one closes it.
    #[default]
    Issue,
    /// An event that starts the workflows that listen for it.
    RepositoryDispatch,
    /// A run of one workflow.
    Workflow,
}

/// What signs in. It has no `Debug`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secret {
    /// A fine-grained or classic token.
    pub token: Option<String>,
    /// The app's private key, PEM.
    pub private_key: Option<String>,
}
