//! Names of values.

use std::fmt;

/// Longest key.
const MAX_CHARS: usize = 200;

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a key: use 1 to 200 of A-Z a-z 0-9 . _ / -, with a letter or digit at both ends and no two of . / together; the last step cannot be history or rollback"
)]
pub struct BadKey(String);

/// Names a value, such as `app.database.host`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConfigKey(Box<str>);

impl ConfigKey {
    /// Checks the text. What is a key is safe in a path, in the name of a secret and in a row's key.
    pub fn new(text: impl Into<String>) -> Result<Self, BadKey> {
        let text = text.into();
        let is_separator = |byte: u8| matches!(byte, b'.' | b'/');
        let bytes = text.as_bytes();
        let is_right = text.len() <= MAX_CHARS
            && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
            && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
            && bytes.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-') || is_separator(b))
            && !bytes.windows(2).any(|two| is_separator(two[0]) && is_separator(two[1]))
            // The paths of the API end so.
            && !matches!(text.rsplit_once('/'), Some((_, "history" | "rollback")));
        if is_right { Ok(Self(text.into())) } else { Err(BadKey(text)) }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConfigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_dotted_and_safe_wherever_it_is_written() {
        for right in ["a", "app.database.host", "App/eu-1/DB_HOST", "history", &"x".repeat(200)] {
            assert_eq!(ConfigKey::new(right).unwrap().as_str(), right);
        }
        let long = "x".repeat(201);
        for wrong in [
            "",
            ".",
            "..",
            "a..b",
            "a/../b",
            "/a",
            "a/",
            "a.",
            "-a",
            "a//b",
            "a./b",
            "a b",
            "a#b",
            "a%2Fb",
            "ä",
            "a/history",
            "a/rollback",
            &long,
        ] {
            assert!(ConfigKey::new(wrong).is_err(), "{wrong}");
        }
    }
}
