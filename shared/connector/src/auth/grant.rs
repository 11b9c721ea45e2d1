//! One call of a token endpoint (RFC 6749), and what it answers.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::{Failure, Number, Value};

use super::{ClientAuth, Credentials, Grant, Scheme, need};
use crate::{Answer, Call, Http, Timeouts, http::redact, url_guard};

/// How long a token is used whose end is not told.
const UNTOLD: Duration = Duration::from_mins(10);

/// A token endpoint answers quickly or not at all; the lease that guards it lasts longer.
const PATIENCE: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(10),
    idle: Duration::from_secs(5),
    total: Duration::from_secs(15),
};

/// What a token endpoint gave. It has no `Debug`.
pub(super) struct Granted {
    pub(super) access: String,
    /// A new refresh token, when the old one is used up.
    pub(super) refresh: Option<String>,
    /// How long the token may be used; some time before its end.
    pub(super) lasts: Duration,
}

/// Fetches a token.
pub(super) async fn fetch(
    http: &Http,
    scheme: &Scheme,
    grant: &Grant,
    secret: &Credentials,
) -> Result<Granted, Failure> {
    let url = url_guard::parse(&grant.token_url, http.is_local())?;
    let mut fields: Vec<(&str, &str)> = form(scheme, secret)?;
    fields.extend(grant.scope.as_deref().map(|scope| ("scope", scope)));
    fields.extend(grant.params.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let id = need(secret.client_id.as_ref(), "client_id")?;
    let pair;
    let mut call = Call::post(url).header("accept", "application/json");
    match (&secret.client_secret, grant.client_auth) {
        (Some(key), ClientAuth::Basic) => {
            pair = format!("Basic {}", STANDARD.encode(format!("{}:{}", coded(id), coded(key))));
            call = call.secret_header("authorization", &pair);
        }
        (Some(key), ClientAuth::Post) => fields.extend([("client_id", id), ("client_secret", key)]),
        (None, _) => fields.push(("client_id", id)),
    }
    let call = call.form(&fields).unlimited().timeouts(PATIENCE).cap(256 * 1024);
    let answer = http.send(hide(call, secret).accept(400).accept(401)).await?;
    granted(http, &answer, secret)
}

fn form<'s>(
    scheme: &Scheme,
    secret: &'s Credentials,
) -> Result<Vec<(&'static str, &'s str)>, Failure> {
    Ok(match scheme {
        Scheme::RefreshToken(_) => vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", need(secret.refresh_token.as_ref(), "refresh_token")?),
        ],
        Scheme::Password(_) => vec![
            ("grant_type", "password"),
            ("username", need(secret.username.as_ref(), "username")?),
            ("password", need(secret.password.as_ref(), "password")?),
        ],
        _ => {
            need(secret.client_secret.as_ref(), "client_secret")?;
            vec![("grant_type", "client_credentials")]
        }
    })
}

/// Id and secret are form-encoded before they go into the header (RFC 6749, 2.3.1).
fn coded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn hide<'c>(call: Call<'c>, secret: &Credentials) -> Call<'c> {
    secrets(secret).into_iter().fold(call, |call, secret| call.hide(&secret))
}

fn secrets(secret: &Credentials) -> Vec<String> {
    let parts = [&secret.client_secret, &secret.refresh_token, &secret.password];
    parts.into_iter().flatten().cloned().collect()
}

/// Reads the answer: an error counts as one whatever the status is.
fn granted(http: &Http, answer: &Answer, secret: &Credentials) -> Result<Granted, Failure> {
    let body = answer.json()?;
    let text = |key| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(error) = text("error") {
        let words = text("error_description").unwrap_or("no description");
        let reason = redact(&format!("no token: {error}: {words}"), &secrets(secret));
        return Err(match error {
            "temporarily_unavailable" | "server_error" | "slow_down" => {
                Failure::unavailable(http.service(), reason)
            }
            _ => Failure::unauthorized(http.service(), reason),
        });
    }
    let Some(access) = text("access_token").filter(|_| answer.status < 300) else {
        return Err(match answer.status {
            400 | 401 => Failure::unauthorized(http.service(), "no token: refused without a word"),
            _ => answer.unreadable("but the token endpoint gave no access_token"),
        });
    };
    let old = secret.refresh_token.as_deref();
    let refresh = text("refresh_token").filter(|new| Some(*new) != old).map(str::to_owned);
    Ok(Granted { access: access.to_owned(), refresh, lasts: lasts(body.get("expires_in")) })
}

/// Ends a token early: by a minute, or by a tenth when it is short-lived.
fn lasts(expires_in: Option<&Value>) -> Duration {
    let secs = match expires_in {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => Number::parse(text).map_or(f64::NAN, |number| number.as_f64()),
        _ => f64::NAN,
    };
    if secs.is_nan() {
        return UNTOLD;
    }
    let secs = secs.clamp(0.0, 86_400.0);
    Duration::from_secs_f64(secs - (secs / 10.0).min(60.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_early_by_a_minute_or_a_tenth() {
        let lasts = |value: &str| lasts(ferrule_core::json::parse(value.as_bytes()).ok().as_ref());
        for (told, used_secs) in
            [("3600", 3540), ("\"1800\"", 1740), ("100", 90), ("0", 0), ("-5", 0), ("1e99", 86_340)]
        {
            assert_eq!(lasts(told), Duration::from_secs(used_secs), "{told}");
        }
        assert_eq!(lasts("null"), UNTOLD);
        assert_eq!(lasts("\"soon\""), UNTOLD);
    }
}
