//! Removes secrets from what people will read.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Shorter secrets are left: removing every "1" would make messages unreadable.
const SHORTEST: usize = 4;

/// Replaces each secret, plain, URL-encoded or in base64, by stars.
pub(crate) fn redact(text: &str, secrets: &[String]) -> String {
    let mut clean = text.to_owned();
    let mut secrets: Vec<&String> = secrets.iter().filter(|s| s.len() >= SHORTEST).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in secrets {
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let packed = STANDARD.encode(secret);
        let unpadded = packed.trim_end_matches('=');
        for shape in [secret.as_str(), &encoded, unpadded] {
            clean = clean.replace(shape, "***");
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shape_of_a_secret_stays() {
        let secrets = ["s3cr et/+".to_owned(), "x".to_owned()];
        let text = "got s3cr et/+ and s3cr+et%2F%2B and czNjciBldC8r but x stays";
        assert_eq!(redact(text, &secrets), "got *** and *** and *** but x stays");
    }

    #[test]
    fn a_secret_within_another_leaves_no_rest() {
        let secrets = ["token".to_owned(), "Bearer token-long".to_owned()];
        assert_eq!(redact("Bearer token-long, token", &secrets), "***, ***");
    }
}
