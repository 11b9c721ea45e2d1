//! What makes a recipe unsafe or senseless.

use super::{Algorithm, Asked, Challenge, Encoding, MAX_WEBHOOK_BYTES, Part, Recipe, SecretForm};
use crate::{
    definition::{Problem, WebhookTrigger},
    path::Path,
};

const AT: &str = "trigger.webhook.signature";

/// Longest time that a timestamp may be off: longer, and a captured delivery stays good for long.
const MAX_TOLERANCE_SECS: u64 = 3600;

/// Finds all problems of a recipe.
pub(super) fn problems(recipe: &Recipe, trigger: &WebhookTrigger) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |key: &str, message: String| {
        problems.push(Problem::new(format!("{AT}.{key}"), message));
    };
    let has_header = recipe.algorithm != Algorithm::BodyToken || !recipe.header.is_empty();
    let timestamp_header = recipe.timestamp.as_ref().map(|at| &at.header);
    let headers = [
        ("header", has_header.then_some(&recipe.header)),
        ("timestamp.header", timestamp_header),
        ("id", recipe.id.as_ref()),
    ];
    for (key, header) in headers {
        if let Some(header) = header.filter(|header| !is_header_name(header)) {
            say(key, format!("{header:?} is not the name of a header"));
        }
    }
    for (key, path) in [("id_field", &recipe.id_field), ("records", &recipe.records)] {
        if let Some(Err(error)) = path.as_deref().map(Path::parse) {
            say(key, error);
        }
    }
    check_secret(recipe, &mut say);
    for challenge in &recipe.challenges {
        check_challenge(challenge, &mut say);
    }
    let tolerance_secs = recipe.timestamp.as_ref().map(|at| at.tolerance().as_secs());
    if tolerance_secs.is_some_and(|secs| !(1..=MAX_TOLERANCE_SECS).contains(&secs)) {
        say("timestamp.tolerance", "the tolerance is between 1s and 1h".to_owned());
    }
    match recipe.parts() {
        Ok(parts) => check_signed(recipe, &parts, &mut say),
        Err(error) => say("signed", error),
    }
    if trigger.max_bytes.is_some_and(|bytes| bytes == 0 || bytes as usize > MAX_WEBHOOK_BYTES) {
        let message = format!("a webhook has between 1 and {MAX_WEBHOOK_BYTES} bytes");
        problems.push(Problem::new("trigger.webhook.max_bytes", message));
    }
    for (at, header) in trigger.headers.iter().enumerate() {
        let path = format!("trigger.webhook.headers[{at}]");
        if !is_header_name(header) {
            let message = format!("{header:?} is not the name of a header");
            problems.push(Problem::new(path, message));
        } else if is_secret(header) || header.eq_ignore_ascii_case(&recipe.header) {
            let message = format!("{header} can hold a secret, which no record may have");
            problems.push(Problem::new(path, message));
        }
    }
    problems
}

fn check_secret(recipe: &Recipe, say: &mut impl FnMut(&str, String)) {
    let is_text = recipe.secret == SecretForm::Text;
    if recipe.algorithm.is_public_key() && is_text {
        say("secret", "a public key is written in base64 or in hex".to_owned());
    }
    let is_der = recipe.algorithm == Algorithm::EcdsaP256;
    if is_der && recipe.encoding != Encoding::Base64 {
        say("encoding", "an ECDSA signature is DER in base64".to_owned());
    }
    if (recipe.algorithm == Algorithm::BodyToken) != recipe.token.is_some() {
        let message = "`token` says which key of a record holds a body_token, and only that";
        say("token", message.to_owned());
    }
    if let Some(also) = &recipe.also {
        if also.algorithm.is_token() || recipe.algorithm.is_token() {
            say("also.algorithm", "both kinds of signature must sign something".to_owned());
        }
        if also.key.is_empty() || also.prefix.is_empty() || also.prefix == recipe.prefix {
            let message = "both kinds of signature need a prefix of their own, and so do the keys";
            say("also", message.to_owned());
        }
    }
}

fn check_challenge(challenge: &Challenge, say: &mut impl FnMut(&str, String)) {
    let Some(asked) = challenge.asked() else {
        let message = "a challenge is known by one of `header`, `query` and `field`";
        return say("challenges", message.to_owned());
    };
    let echoed = challenge.echo.as_ref().and_then(|echo| echo.from.as_deref());
    let field = if let Asked::Field(path) = asked { Some(path) } else { None };
    for path in [field, echoed].into_iter().flatten() {
        if let Err(error) = Path::parse(path) {
            say("challenges", error);
        }
    }
    if let Asked::Header(name) = asked
        && !is_header_name(name)
    {
        say("challenges", format!("{name:?} is not the name of a header"));
    }
    if challenge.unsigned.is_some() && (field.is_some() || echoed.is_some()) {
        let message = "nothing in the body of an unsigned challenge can be believed";
        say("challenges", message.to_owned());
    }
    if !(200..300).contains(&challenge.status) {
        say("challenges", "an answered challenge has a status of 200 to 299".to_owned());
    }
}

/// Tells whether a header is one that proves something: of a record, everyone who may read the
/// table, the error log or a file would have it.
fn is_secret(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    ["auth", "cookie", "token", "secret", "signature", "password", "key", "credential"]
        .iter()
        .any(|word| header.contains(word) && header != "idempotency-key")
}

fn check_signed(recipe: &Recipe, parts: &[Part], say: &mut impl FnMut(&str, String)) {
    if recipe.algorithm.is_token() {
        if recipe.timestamp.is_some() {
            let message = "a token signs nothing, so that a timestamp proves nothing";
            say("timestamp", message.to_owned());
        }
        return;
    }
    let signs = |part| parts.contains(&part);
    if !signs(Part::Body) {
        say("signed", "{body} must be signed".to_owned());
    }
    if signs(Part::Timestamp) != recipe.timestamp.is_some() {
        let message = "{timestamp} is signed when, and only when, `timestamp` says where it is";
        say("signed", message.to_owned());
    }
    if signs(Part::Id) && recipe.id.is_none() {
        say("signed", "{id} is signed, but `id` names no header".to_owned());
    }
}

/// Tells whether the text is a token of HTTP (RFC 9110, 5.6.2).
fn is_header_name(text: &str) -> bool {
    let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    !text.is_empty() && text.bytes().all(token)
}
