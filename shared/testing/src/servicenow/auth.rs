//! Who may come in: basic, OAuth and API key.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{HeaderMap, StatusCode};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::answer::{Answer, json_answer};

/// The credentials that the instance knows.
#[derive(Debug, Clone)]
pub struct Login {
    /// User of basic and of the password grant.
    pub username: String,
    /// Their password.
    pub password: String,
    /// OAuth client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Value of `x-sn-apikey`.
    pub api_key: String,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            username: "integration".into(),
            password: "s3cret-password".into(),
            client_id: "ferrule".into(),
            client_secret: "s3cret-client".into(),
            api_key: "s3cret-key".into(),
        }
    }
}

/// Tokens given out.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    access: BTreeSet<String>,
    refresh: BTreeSet<String>,
    pub(super) calls: u64,
}

impl Tokens {
    /// Makes every access token worthless; refresh tokens stay.
    pub(super) fn revoke(&mut self) {
        self.access.clear();
    }

    pub(super) fn lets_in(&self, login: &Login, headers: &HeaderMap) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(key) = text("x-sn-apikey") {
            return key == login.api_key;
        }
        let Some((scheme, value)) = text("authorization").and_then(|v| v.split_once(' ')) else {
            return false;
        };
        match scheme {
            "Basic" => value == STANDARD.encode(format!("{}:{}", login.username, login.password)),
            "Bearer" => self.access.contains(value),
            _ => false,
        }
    }

    /// `POST /oauth_token.do`: password, client credentials, refresh token.
    pub(super) fn give(&mut self, login: &Login, headers: &HeaderMap, form: &[u8]) -> Answer {
        self.calls += 1;
        let mut form: BTreeMap<String, String> =
            url::form_urlencoded::parse(form).into_owned().collect();
        if let Some((id, secret)) = basic(headers) {
            form.entry("client_id".into()).or_insert(id);
            form.entry("client_secret".into()).or_insert(secret);
        }
        let is = |key: &str, value: &str| form.get(key).is_some_and(|found| found == value);
        if !is("client_id", &login.client_id) || !is("client_secret", &login.client_secret) {
            return refused("invalid_client");
        }
        let granted = match form.get("grant_type").map(String::as_str) {
            Some("password") => is("username", &login.username) && is("password", &login.password),
            Some("client_credentials") => true,
            Some("refresh_token") => {
                form.get("refresh_token").is_some_and(|token| self.refresh.contains(token))
            }
            _ => false,
        };
        if !granted {
            return refused("access_denied");
        }
        let (access, refresh) =
            (format!("access-{}", self.calls), format!("refresh-{}", self.calls));
        self.access.insert(access.clone());
        self.refresh.insert(refresh.clone());
        Answer::ok(&json!({
            "access_token": access, "refresh_token": refresh, "scope": "useraccount",
            "token_type": "Bearer", "expires_in": 1800
        }))
    }
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get("authorization")?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    text.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
}

fn refused(error: &str) -> Answer {
    json_answer(
        StatusCode::UNAUTHORIZED,
        &json!({"error": error, "error_description": "access_denied"}),
    )
}

pub(super) fn not_authenticated() -> Answer {
    let answer =
        Answer::failure(401, "User Not Authenticated", "Required to provide Auth information");
    answer.with("www-authenticate", "BASIC realm=\"Service-now\"".to_owned())
}
