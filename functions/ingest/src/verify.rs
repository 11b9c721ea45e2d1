//! Verifies a delivery over its raw bytes, by a recipe. Fails closed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::recipe::{Algorithm, Encoding, Part, Recipe, TimestampAt, TimestampFormat};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::secret::Key;

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
    let signatures = values(headers, &recipe.header, recipe.split, &recipe.prefix)?;
    if signatures.is_empty() || signatures.len() > MAX_SIGNATURES {
        return Err(Refused::Header);
    }
    let timestamp = recipe.timestamp.as_ref().map(|at| timestamp(at, headers, now_secs));
    let timestamp = timestamp.transpose()?;
    let id = recipe.id.as_ref().map(|header| only(headers, header)).transpose()?.flatten();
    let proof = Proof { timestamp, id: id.filter(|id| !id.is_empty()) };
    let fits = match recipe.algorithm {
        Algorithm::HmacSha256 => fits_mac(recipe, keys, &signatures, &proof, body)?,
        Algorithm::Static => fits_token(keys, &signatures),
    };
    if fits { Ok(proof) } else { Err(Refused::Signature) }
}

/// Compares every signature with every key's, so that the time taken tells nothing.
fn fits_mac(
    recipe: &Recipe,
    keys: &[Key],
    signatures: &[&str],
    proof: &Proof<'_>,
    body: &[u8],
) -> Result<bool, Refused> {
    let parts = recipe.parts().map_err(|_| Refused::Signature)?;
    let decoded: Vec<_> = signatures.iter().map(|text| decode(recipe.encoding, text)).collect();
    let mut fits = false;
    for key in keys {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(key.bytes()).map_err(|_| Refused::Signature)?;
        for part in &parts {
            match part {
                Part::Body => mac.update(body),
                Part::Timestamp => mac.update(proof.timestamp.ok_or(Refused::Header)?.as_bytes()),
                Part::Id => mac.update(proof.id.ok_or(Refused::Header)?.as_bytes()),
                Part::Text(text) => mac.update(text.as_bytes()),
            }
        }
        for signature in decoded.iter().flatten() {
            fits |= mac.clone().verify_slice(signature).is_ok();
        }
    }
    Ok(fits)
}

fn fits_token(keys: &[Key], tokens: &[&str]) -> bool {
    let mut fits = false;
    for key in keys {
        for token in tokens {
            fits |= bool::from(key.bytes().ct_eq(token.as_bytes()));
        }
    }
    fits
}

/// Reads a signature in its one spelling, so that a changed character never means the same.
fn decode(encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Base64 => STANDARD.decode(text).ok(),
        Encoding::Hex => {
            let digit = |c: u8| match c {
                b'0'..=b'9' => Some(c - b'0'),
                b'a'..=b'f' => Some(c - b'a' + 10),
                _ => None,
            };
            let pairs = text.as_bytes().chunks(2);
            pairs
                .map(|pair| match *pair {
                    [high, low] => Some(digit(high)? << 4 | digit(low)?),
                    _ => None,
                })
                .collect()
        }
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
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Refused> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Refused::Header);
    }
    first.map(|value| value.to_str().map_err(|_| Refused::Header)).transpose()
}

#[cfg(test)]
mod tests;
