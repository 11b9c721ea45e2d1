//! Verifies a delivery over its raw bytes, by a recipe. Fails closed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::{
    json,
    recipe::{Algorithm, Encoding, Part, Recipe, TimestampAt, TimestampFormat},
};
use http::HeaderMap;

use crate::{hex, record, secret::Key};

/// More signatures than any sender lists; each costs a comparison.
const MAX_SIGNATURES: usize = 10;

/// What a sender said about a delivery whose signature holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proof<'h> {
    /// When it was sent, as written.
    pub(crate) timestamp: Option<&'h str>,
    /// The delivery's id, when a header holds one.
    pub(crate) id: Option<&'h str>,
}

/// Why a delivery is refused. For the log only: the sender is told nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A header that must be there is not, or is there twice, or cannot be read.
    Header,
    /// It was sent too long ago, or claims to come from the future.
    Timestamp,
    /// No signature fits any key.
    Signature,
}

impl Refused {
    /// Names it in the log.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Timestamp => "timestamp",
            Self::Signature => "signature",
        }
    }
}

/// Verifies a delivery that arrived at `now_secs`.
pub(crate) fn verify<'h>(
    recipe: &Recipe,
    keys: &[Key],
    headers: &'h HeaderMap,
    body: &[u8],
    now_secs: i64,
) -> Result<Proof<'h>, Refused> {
    let timestamp = recipe.timestamp.as_ref().map(|at| timestamp(at, headers, now_secs));
    let timestamp = timestamp.transpose()?;
    let id = recipe.id.as_ref().map(|header| only(headers, header)).transpose()?.flatten();
    let proof = Proof { timestamp, id: id.filter(|id| !id.is_empty()) };
    let fits = match recipe.algorithm {
        Algorithm::BodyToken => has_tokens(recipe, keys, body),
        Algorithm::Static => {
            fits(recipe, keys, headers, |key, token| key.is_token(token.as_bytes()))?
        }
        Algorithm::HmacSha256 | Algorithm::EcdsaP256 | Algorithm::Ed25519 => {
            let message = message(recipe, &proof, body)?;
            fits(recipe, keys, headers, |key, text| {
                decode(recipe.encoding, text).is_some_and(|text| key.signed(&message, &text))
            })?
        }
    };
    if fits { Ok(proof) } else { Err(Refused::Signature) }
}

/// Compares every signature with every key of its kind, so that the time taken tells nothing.
fn fits(
    recipe: &Recipe,
    keys: &[Key],
    headers: &HeaderMap,
    is_by: impl Fn(&Key, &str) -> bool,
) -> Result<bool, Refused> {
    let (mut fits, mut is_there) = (false, false);
    for key in keys {
        let signatures = values(headers, &recipe.header, recipe.split, &key.prefix)?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(Refused::Header);
        }
        for signature in signatures {
            is_there = true;
            fits |= is_by(key, signature);
        }
    }
    if is_there { Ok(fits) } else { Err(Refused::Header) }
}

/// Tells whether every record of the body, and there is one, holds a token that is a key.
fn has_tokens(recipe: &Recipe, keys: &[Key], body: &[u8]) -> bool {
    let Ok(value) = json::parse(body) else { return false };
    let Some(items) = record::items(recipe, &value) else { return false };
    let mut fits = !items.is_empty();
    for item in items {
        let token = recipe.token.as_deref().and_then(|key| item.get(key)?.as_str());
        let token = token.unwrap_or_default().as_bytes();
        fits &= keys.iter().fold(false, |fits, key| fits | key.is_token(token));
    }
    fits
}

/// Returns what is signed.
fn message(recipe: &Recipe, proof: &Proof<'_>, body: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut message = Vec::with_capacity(body.len() + 128);
    for part in recipe.parts().map_err(|_| Refused::Signature)? {
        match part {
            Part::Body => message.extend_from_slice(body),
            Part::Timestamp => {
                message.extend_from_slice(proof.timestamp.ok_or(Refused::Header)?.as_bytes());
            }
            Part::Id => message.extend_from_slice(proof.id.ok_or(Refused::Header)?.as_bytes()),
            Part::Text(text) => message.extend_from_slice(text.as_bytes()),
        }
    }
    Ok(message)
}

/// Reads a signature in its one spelling, so that a changed character never means the same.
fn decode(encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Base64 => STANDARD.decode(text).ok(),
        Encoding::Hex => hex::decode(text),
    }
}

fn timestamp<'h>(
    at: &TimestampAt,
    headers: &'h HeaderMap,
    now_secs: i64,
) -> Result<&'h str, Refused> {
    let [text] = values(headers, &at.header, at.split, &at.prefix)?[..] else {
        return Err(Refused::Header);
    };
    let secs = match at.format {
        TimestampFormat::Seconds => text.parse::<i64>().map_err(|_| Refused::Header)?,
        TimestampFormat::Rfc3339 => {
            text.parse::<jiff::Timestamp>().map_err(|_| Refused::Header)?.as_second()
        }
    };
    if now_secs.abs_diff(secs) > at.tolerance().as_secs() {
        return Err(Refused::Timestamp);
    }
    Ok(text)
}

/// Returns what follows `prefix` in a header, in each of the parts between `split`.
fn values<'h>(
    headers: &'h HeaderMap,
    header: &str,
    split: Option<char>,
    prefix: &str,
) -> Result<Vec<&'h str>, Refused> {
    let text = only(headers, header)?.ok_or(Refused::Header)?;
    let parts: Vec<&str> = match split {
        Some(split) => text.split(split).map(str::trim).collect(),
        None => vec![text],
    };
    Ok(parts.into_iter().filter_map(|part| part.strip_prefix(prefix)).collect())
}

/// Returns a header; one that is there twice could mean one thing to us and another to the sender.
pub(crate) fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Refused> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Refused::Header);
    }
    first.map(|value| value.to_str().map_err(|_| Refused::Header)).transpose()
}

#[cfg(test)]
mod tests;
