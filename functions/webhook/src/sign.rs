//! Signatures of Standard Webhooks: `v1` (HMAC-SHA256) and `v1a` (Ed25519).
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use aws_lc_rs::{hmac, signature::Ed25519KeyPair};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_connector::Failure;

use crate::settings::Secret;

/// The old and the new one, of each kind.
const MAX_KEYS: usize = 4;

/// How long a `whsec_` key may be, in bytes.
const SYMMETRIC_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Length of a private key without, and with, its public half.
const SEED_BYTES: usize = 32;

/// The keys of one receiver.
pub(crate) struct Keys(Vec<Key>);

enum Key {
    Symmetric(Box<hmac::Key>),
    Asymmetric(Box<Ed25519KeyPair>),
}

impl Keys {
    /// Reads the keys as they were written; the failure never shows any of them.
    pub(crate) fn read(secret: Option<&Secret>) -> Result<Self, Failure> {
        let texts = secret.into_iter().flat_map(|all| all.secrets.iter().chain(&all.secret));
        let keys: Vec<Key> = texts.map(|text| Key::read(text)).collect::<Result<_, _>>()?;
        match keys.len() {
            0 => Err(unusable("holds no key: `secret`, or `secrets` while one replaces another")),
            1..=MAX_KEYS => Ok(Self(keys)),
            _ => Err(unusable("holds more than four keys")),
        }
    }

    /// Returns the header: a signature by each key, so that both verify during a rotation.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let text = format!("{id}.{timestamp}.{body}");
        let signatures: Vec<String> = self.0.iter().map(|key| key.sign(text.as_bytes())).collect();
        signatures.join(" ")
    }
}

impl Key {
    fn read(text: &str) -> Result<Self, Failure> {
        let bytes = |text| {
            STANDARD.decode(text).map_err(|_| unusable("holds a key that is not whole base64"))
        };
        match text.split_once('_') {
            Some(("whsec", text)) => {
                let key = bytes(text)?;
                if !SYMMETRIC_BYTES.contains(&key.len()) {
                    return Err(unusable("holds a whsec_ key that is not of 24 to 64 bytes"));
                }
                Ok(Self::Symmetric(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &key))))
            }
            Some(("whsk", text)) => Ok(Self::Asymmetric(Box::new(pair(&bytes(text)?)?))),
            _ => Err(unusable("holds a key that begins neither with whsec_ nor with whsk_")),
        }
    }

    fn sign(&self, text: &[u8]) -> String {
        match self {
            Self::Symmetric(key) => format!("v1,{}", STANDARD.encode(hmac::sign(key, text))),
            Self::Asymmetric(pair) => format!("v1a,{}", STANDARD.encode(pair.sign(text))),
        }
    }
}

/// Reads a private key: a seed of 32 bytes, or that and the public key.
fn pair(key: &[u8]) -> Result<Ed25519KeyPair, Failure> {
    let pair = match key.split_at_checked(SEED_BYTES) {
        Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
        Some((seed, public)) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
        None => return Err(unusable("holds a whsk_ key that is too short")),
    };
    pair.map_err(|_| unusable("holds a whsk_ key that is no Ed25519 private key"))
}

fn unusable(what: &str) -> Failure {
    Failure::coded("SECRET", format!("the secret {what}; store it again with `ferrule secret set`"))
}
