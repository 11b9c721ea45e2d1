//! Keeps a shared access token unreadable to whoever can read the state table but not the secret.
//!
//! The key is derived from the connection's own secret, so there is nothing more to manage
//! (infra/decisions/0009).

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

use super::Credentials;

fn key(secret: &Credentials) -> Option<RandomizedNonceKey> {
    let root = secret.client_secret.as_ref().or(secret.refresh_token.as_ref())?;
    let mut hash = Sha256::new();
    for part in ["ferrule access token", secret.client_id.as_deref().unwrap_or(""), root] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    RandomizedNonceKey::new(&AES_256_GCM, &hash.finalize()).ok()
}

/// Seals `text` for the place `aad`; `None` when the secret has nothing to derive a key from.
pub(super) fn seal(secret: &Credentials, aad: &str, text: &str) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let nonce = key(secret)?.seal_in_place_append_tag(Aad::from(aad), &mut bytes).ok()?;
    let mut sealed = nonce.as_ref().to_vec();
    sealed.append(&mut bytes);
    Some(STANDARD_NO_PAD.encode(sealed))
}

/// Opens what [`seal`] sealed; `None` when the secret or the place is another.
pub(super) fn open(secret: &Credentials, aad: &str, sealed: &str) -> Option<String> {
    let bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
    let (nonce, body) = bytes.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut body = body.to_vec();
    let text = key(secret)?.open_in_place(nonce, Aad::from(aad), &mut body).ok()?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(client_secret: &str) -> Credentials {
        Credentials { client_secret: Some(client_secret.into()), ..Credentials::default() }
    }

    #[test]
    fn only_the_same_secret_opens_it_and_only_in_the_same_place() {
        let sealed = seal(&secret("one"), "acme", "token").unwrap();
        assert!(!sealed.contains("token"));
        assert_eq!(open(&secret("one"), "acme", &sealed).as_deref(), Some("token"));
        assert_eq!(open(&secret("two"), "acme", &sealed), None);
        assert_eq!(open(&secret("one"), "other", &sealed), None);
        assert_eq!(open(&secret("one"), "acme", "AAAA"), None);
        assert_ne!(seal(&secret("one"), "acme", "token").unwrap(), sealed);
    }
}
