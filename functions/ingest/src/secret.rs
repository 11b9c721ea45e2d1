//! The secrets of one webhook: one, or two while they are rotated.

use aws_lc_rs::{
    hmac,
    signature::{ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::recipe::{Algorithm, Recipe, SecretForm};
use ferrule_store::Secret;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::hex;

/// Shorter keys can be guessed.
const MIN_KEY_BYTES: usize = 16;

/// The old one and the new one, of each kind.
const MAX_KEYS: usize = 2;

/// What a `SubjectPublicKeyInfo` of a key on P-256 begins with; the point follows (RFC 5480).
pub(crate) const P256_INFO: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Length of a point on P-256 that is not compressed.
const P256_POINT_BYTES: usize = 65;

/// Length of an Ed25519 public key.
const ED25519_BYTES: usize = 32;

/// A key that signatures, or tokens, are checked with. It cannot be printed.
pub(crate) struct Key {
    /// What stands before the signatures that it is for.
    pub(crate) prefix: String,
    bytes: usize,
    kind: Kind,
}

enum Kind {
    Mac(Box<hmac::Key>),
    Public(Box<ParsedPublicKey>),
    Token(Box<[u8]>),
}

impl Key {
    /// Reads a key as it was written.
    pub(crate) fn read(text: &str, recipe: &Recipe) -> Result<Self, &'static str> {
        let also = recipe.also.as_ref();
        let also = also.and_then(|also| Some((also, text.strip_prefix(&*also.key)?)));
        let (algorithm, prefix, bytes) = match also {
            Some((also, text)) => (also.algorithm, &also.prefix, base64(text)?),
            None => (recipe.algorithm, &recipe.prefix, decode(text, recipe.secret)?),
        };
        let kind = match algorithm {
            Algorithm::HmacSha256 => Kind::Mac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &bytes))),
            Algorithm::EcdsaP256 | Algorithm::Ed25519 => {
                Kind::Public(Box::new(public(algorithm, &bytes)?))
            }
            Algorithm::Static | Algorithm::BodyToken => Kind::Token(bytes.as_slice().into()),
        };
        Ok(Self { prefix: prefix.clone(), bytes: bytes.len(), kind })
    }

    /// Tells whether a signature of `message` is by this key; the time taken tells nothing.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.kind {
            Kind::Mac(key) => hmac::verify(key, message, signature).is_ok(),
            Kind::Public(key) => key.verify_sig(message, signature).is_ok(),
            Kind::Token(_) => false,
        }
    }

    /// Tells whether a token is this one; the time taken tells nothing but its length.
    pub(crate) fn is_token(&self, token: &[u8]) -> bool {
        matches!(&self.kind, Kind::Token(key) if bool::from(key.ct_eq(token)))
    }
}

fn decode(text: &str, form: SecretForm) -> Result<Vec<u8>, &'static str> {
    match form {
        SecretForm::Text => Ok(text.as_bytes().to_vec()),
        SecretForm::Base64 => base64(text.strip_prefix("whsec_").unwrap_or(text)),
        SecretForm::Hex => hex::decode(&text.to_ascii_lowercase()).ok_or("a secret is not hex"),
    }
}

fn base64(text: &str) -> Result<Vec<u8>, &'static str> {
    STANDARD.decode(text).map_err(|_| "a secret is not base64")
}

/// Reads a public key in its one form.
fn public(algorithm: Algorithm, bytes: &[u8]) -> Result<ParsedPublicKey, &'static str> {
    let key = if algorithm == Algorithm::EcdsaP256 {
        let point = bytes.strip_prefix(&P256_INFO);
        let point = point.filter(|point| point.len() == P256_POINT_BYTES);
        ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point.ok_or("a key is not one on P-256")?)
    } else if bytes.len() == ED25519_BYTES {
        ParsedPublicKey::new(&ED25519, bytes)
    } else {
        return Err("an Ed25519 key has 32 bytes");
    };
    key.map_err(|_| "a key is not a public key")
}

/// What Secrets Manager holds: `{"secrets": ["...", "..."]}`, or `{"secret": "..."}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(default)]
    secrets: Vec<String>,
    secret: Option<String>,
}

/// Reads the keys; the error never shows any of them.
pub(crate) fn keys(secret: &Secret, recipe: &Recipe) -> Result<Vec<Key>, &'static str> {
    let stored: Stored = serde_json::from_str(secret.expose())
        .map_err(|_| "the secret is not {\"secrets\": [\"...\"]}")?;
    let texts = stored.secrets.into_iter().chain(stored.secret);
    let keys: Vec<Key> = texts.map(|text| Key::read(&text, recipe)).collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err("the secret holds no key");
    }
    let alike = |key: &Key| keys.iter().filter(|other| other.prefix == key.prefix).count();
    if keys.iter().any(|key| alike(key) > MAX_KEYS) {
        return Err("the secret holds more than two keys of a kind");
    }
    if keys.iter().any(|key| key.bytes < MIN_KEY_BYTES) {
        return Err("a key has less than 16 bytes");
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use ferrule_core::definition::WebhookTrigger;

    use super::*;

    fn count(body: &str, recipe: &str) -> Result<usize, &'static str> {
        let trigger: WebhookTrigger =
            serde_json::from_str(&format!(r#"{{"recipe": "{recipe}"}}"#)).unwrap();
        keys(&Secret::new("v1", body), &Recipe::of(&trigger).unwrap()).map(|keys| keys.len())
    }

    #[test]
    fn takes_one_key_or_two() {
        let text = "github";
        assert_eq!(count(r#"{"secrets": ["0123456789abcdef"]}"#, text), Ok(1));
        assert_eq!(count(r#"{"secret": "0123456789abcdef"}"#, text), Ok(1));
        let two = r#"{"secrets": ["0123456789abcdef", "fedcba9876543210"]}"#;
        assert_eq!(count(two, text), Ok(2));
    }

    #[test]
    fn refuses_what_would_verify_nothing() {
        for body in [
            "{}",
            r#"{"secrets": []}"#,
            r#"{"secrets": [""]}"#,
            r#"{"secrets": ["0123456789abcdef", "short"]}"#,
            r#"{"secrets": ["0123456789abcdef", "0123456789abcdef", "0123456789abcdef"]}"#,
            r#"{"token": "0123456789abcdef"}"#,
            "not json",
        ] {
            assert!(count(body, "github").is_err(), "{body}");
        }
        let short = r#"{"secrets": ["whsec_c2hvcnQ="]}"#;
        assert!(count(short, "standard_webhooks").is_err(), "decoded it has 5 bytes");
        assert!(count(r#"{"secrets": ["0123456789abcdef!"]}"#, "standard_webhooks").is_err());
    }

    #[test]
    fn takes_public_keys_in_their_one_form() {
        let point = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1\
                     flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
        let one = |key: &str| format!(r#"{{"secret": "{key}"}}"#);
        assert_eq!(count(&one(point), "sendgrid"), Ok(1));
        assert!(count(&one(&point.replace("83T4", "83T5")), "sendgrid").is_err(), "off the curve");
        assert!(count(&one(&point[..80]), "sendgrid").is_err(), "cut");
        let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(count(&one(key), "discord"), Ok(1));
        assert_eq!(count(&one(&key.to_uppercase()), "discord"), Ok(1));
        assert!(count(&one(&key[2..]), "discord").is_err());
        let whpk = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        assert_eq!(count(&one(whpk), "standard_webhooks"), Ok(1));
        assert!(count(&one(&whpk.replace("whpk_", "whsk_")), "standard_webhooks").is_err());
        let mixed = format!(
            r#"{{"secrets": ["{whpk}", "{whpk}", "MDEyMzQ1Njc4OWFiY2RlZg==", "whsec_{0}"]}}"#,
            "MDEyMzQ1Njc4OWFiY2RlZg=="
        );
        assert_eq!(count(&mixed, "standard_webhooks"), Ok(4), "two of each kind");
    }
}
