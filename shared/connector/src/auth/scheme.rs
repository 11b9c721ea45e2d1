//! How a connection signs in (settings), and with what (secret).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// How calls are signed in. What is secret stands in the connection's secret.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Not at all.
    #[default]
    None,
    /// A key in a header or in the query. Secret: `api_key`.
    ApiKey(ApiKey),
    /// User and password. Secret: `username`, `password`.
    Basic,
    /// A fixed token. Secret: `token`.
    Bearer,
    /// Headers of one's own. Secret: `headers`, an object.
    Headers,
    /// OAuth 2 client credentials. Secret: `client_id`, `client_secret`.
    ClientCredentials(Grant),
    /// OAuth 2 refresh token; a rotated one is written back. Secret: `refresh_token`, `client_id`,
    /// and `client_secret` unless the client is public.
    RefreshToken(Grant),
    /// OAuth 2 password grant, for systems that have nothing better. Secret: `username`,
    /// `password`, `client_id`, `client_secret`.
    Password(Grant),
}

impl Scheme {
    /// Returns the parameter of the query that holds the key, when one does.
    pub fn query_param(&self) -> Option<&str> {
        match self {
            Self::ApiKey(place) => place.query.as_deref(),
            _ => None,
        }
    }
}

/// Where an API key goes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiKey {
    /// Name of the header. `x-api-key` when neither header nor query is named.
    pub header: Option<String>,
    /// What stands before the key in the header, such as `Token `.
    pub prefix: String,
    /// Name of the query parameter; instead of a header.
    pub query: Option<String>,
}

/// How a token is fetched.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Address of the token endpoint.
    pub token_url: String,
    /// What the token should be good for, separated by spaces.
    #[serde(default)]
    pub scope: Option<String>,
    /// How the client says who it is.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// Further fields of the form, such as `audience`.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
}

/// How a client says who it is at the token endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In the `Authorization` header.
    #[default]
    Basic,
    /// In the form.
    Post,
}

/// What the secret of a connection can hold. It has no `Debug`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Credentials {
    /// For `api_key`.
    pub api_key: Option<String>,
    /// For `basic` and `password`.
    pub username: Option<String>,
    /// For `basic` and `password`.
    pub password: Option<String>,
    /// For `bearer`.
    pub token: Option<String>,
    /// For `headers`.
    pub headers: BTreeMap<String, String>,
    /// For OAuth 2.
    pub client_id: Option<String>,
    /// For OAuth 2.
    pub client_secret: Option<String>,
    /// For `refresh_token`.
    pub refresh_token: Option<String>,
}
