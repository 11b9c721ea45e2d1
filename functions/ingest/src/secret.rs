//! The secrets of one webhook: one, or two while they are rotated.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::recipe::SecretForm;
use ferrule_store::Secret;
use serde::Deserialize;

/// Shorter keys can be guessed.
const MIN_KEY_BYTES: usize = 16;

/// The old one and the new one.
const MAX_KEYS: usize = 2;

/// A key that signatures are checked with. It cannot be printed.
pub(crate) struct Key(Box<[u8]>);

impl Key {
    /// Takes the bytes of a key.
    pub(crate) fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// Returns the bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads a key as it was written.
    pub(crate) fn read(text: &str, form: SecretForm) -> Result<Self, &'static str> {
        match form {
            SecretForm::Text => Ok(Self::new(text.as_bytes())),
            SecretForm::Base64 => {
                let text = text.strip_prefix("whsec_").unwrap_or(text);
                STANDARD.decode(text).map(Self::new).map_err(|_| "a secret is not base64")
            }
        }
    }
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
pub(crate) fn keys(secret: &Secret, form: SecretForm) -> Result<Vec<Key>, &'static str> {
    let stored: Stored = serde_json::from_str(secret.expose())
        .map_err(|_| "the secret is not {\"secrets\": [\"...\"]}")?;
    let texts = stored.secrets.into_iter().chain(stored.secret);
    let keys: Vec<Key> = texts.map(|text| Key::read(&text, form)).collect::<Result<_, _>>()?;
    match keys.len() {
        0 => return Err("the secret holds no key"),
        1..=MAX_KEYS => {}
        _ => return Err("the secret holds more than two keys"),
    }
    if keys.iter().any(|key| key.0.len() < MIN_KEY_BYTES) {
        return Err("a key has less than 16 bytes");
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(body: &str, form: SecretForm) -> Result<usize, &'static str> {
        keys(&Secret::new("v1", body), form).map(|keys| keys.len())
    }

    #[test]
    fn takes_one_key_or_two() {
        let text = SecretForm::Text;
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
            assert!(count(body, SecretForm::Text).is_err(), "{body}");
        }
        let short = r#"{"secrets": ["whsec_c2hvcnQ="]}"#;
        assert!(count(short, SecretForm::Base64).is_err(), "decoded it has 5 bytes");
        assert!(count(r#"{"secrets": ["0123456789abcdef!"]}"#, SecretForm::Base64).is_err());
    }
}
