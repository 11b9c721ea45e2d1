//! Signs in: with a token as it is, or as an app, whose key signs for a token of an hour.
//!
//! <https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app>

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use ferrule_connector::{Call, Context, Failure, Name, Tenant, Timeouts, Value};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use url::Url;

use crate::{Auth, GitHub};

/// GitHub takes a signature of at most ten minutes; clocks differ.
const SIGNED_SECS: i64 = 9 * 60;
const SKEW_SECS: i64 = 60;

/// A token is renewed so long before its end.
const EARLY_MS: i64 = 5 * 60_000;

/// Most tokens kept by one process.
const MOST: usize = 500;

/// Installation tokens that this process has: one sign-in an hour and process.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<(Tenant, Name), Token>>);

#[derive(Clone)]
struct Token {
    text: String,
    until_ms: i64,
}

/// Tokens are not shown.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iat: i64,
    exp: i64,
    iss: &'a str,
}

impl Tokens {
    /// Returns what to sign in with. `refused` is a token that was not accepted: one of an app is
    /// renewed.
    pub(crate) async fn token(
        &self,
        context: &Context<'_, GitHub>,
        base: &Url,
        refused: Option<&str>,
    ) -> Result<String, Failure> {
        if context.settings.auth == Auth::Token {
            return fixed(context);
        }
        let key = (context.tenant.clone(), context.connection.clone());
        let now_ms = context.store.clock.now_ms();
        let there = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(token) = there
            && token.until_ms - EARLY_MS > now_ms
            && refused != Some(token.text.as_str())
        {
            return Ok(token.text);
        }
        let token = installation_token(context, base, now_ms).await?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(key, token.clone());
        Ok(token.text)
    }
}

/// Returns the token that is stored; a newer one is the hub's business (`Handler::renewed`).
fn fixed(context: &Context<'_, GitHub>) -> Result<String, Failure> {
    let token = context.secret.and_then(|secret| secret.token.clone());
    token.ok_or_else(|| Failure::coded("SECRET", "the secret has no token"))
}

async fn installation_token(
    context: &Context<'_, GitHub>,
    base: &Url,
    now_ms: i64,
) -> Result<Token, Failure> {
    let lacks = |what: &str| Failure::coded("SETTINGS", format!("auth: app needs {what}"));
    let settings = context.settings;
    let app = settings.app_id.as_deref().ok_or_else(|| lacks("app_id"))?;
    let installation = settings.installation_id.ok_or_else(|| lacks("installation_id"))?;
    let pem = context.secret.and_then(|secret| secret.private_key.as_deref());
    let pem = pem.ok_or_else(|| Failure::coded("SECRET", "the secret has no private_key"))?;
    let signed = sign(pem, app, now_ms / 1000)?;
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        let id = installation.to_string();
        path.pop_if_empty().extend(["app", "installations", id.as_str(), "access_tokens"]);
    }
    let call = Call::post(url)
        .header("accept", "application/vnd.github+json")
        .header("x-github-api-version", crate::client::API_VERSION)
        .secret_header("authorization", &format!("Bearer {signed}"))
        .timeouts(Timeouts::default().within(context.time_left))
        .hide(&signed);
    let answer = Box::pin(context.http.send(call)).await?;
    let body = answer.json()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let until = text("expires_at").and_then(|at| at.parse::<Timestamp>().ok());
    match (text("token"), until) {
        (Some(token), Some(until)) => {
            Ok(Token { text: token.to_owned(), until_ms: until.as_millisecond() })
        }
        _ => Err(answer.unreadable("the answer has no token with an end")),
    }
}

/// What is wrong with the key is not shown.
fn sign(pem: &str, app: &str, now_secs: i64) -> Result<String, Failure> {
    let wrong = |_| Failure::coded("SECRET", "private_key is no RSA key in PEM");
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(wrong)?;
    let claims = Claims { iat: now_secs - SKEW_SECS, exp: now_secs + SIGNED_SECS, iss: app };
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).map_err(wrong)
}
