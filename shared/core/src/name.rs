//! Names that people choose, and ids that are derived. Each is its own type, so that one cannot
//! stand where another belongs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a name: use 1 to 63 lowercase letters, digits, - or _, starting with a letter or digit"
)]
pub struct BadName(String);

fn checked(text: String) -> Result<Box<str>, BadName> {
    let first = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if first && text.len() <= 63 && text.chars().all(rest) {
        Ok(text.into())
    } else {
        Err(BadName(text))
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks the text: 1 to 63 of `a-z`, `0-9`, `-`, `_`, not starting with a sign.
            pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
                checked(text.into()).map(Self)
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$"
                })
            }
        }
    };
}

name! {
    /// Whose data it is. First argument of every store call, first part of every key.
    Tenant
}
name! {
    /// Names an integration, a connection, a connector or a table within its tenant.
    Name
}

/// One execution of an integration. Sorts by start time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Box<str>);

impl RunId {
    /// Takes the text of an id: made by the store, or derived from a delivery.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Names the run of what `digest` stands for, the same at every attempt: a UUID of version 7 with
    /// the time, and in place of chance what is hashed.
    pub fn derived(began_ms: i64, digest: &Digest) -> Self {
        Self::of('7', began_ms, digest)
    }

    /// Names the run of a delivery, which can be found by it ([`RunId::delivery`]): a UUID of version 8,
    /// which is otherwise like those of [`RunId::derived`].
    pub fn of_delivery(began_ms: i64, digest: &Digest) -> Self {
        Self::of('8', began_ms, digest)
    }

    fn of(version: char, began_ms: i64, digest: &Digest) -> Self {
        let part = |range| digest.as_str().get(range).unwrap_or_default();
        let (began_ms, first, second) = (began_ms.max(0), part(0..3), part(3..18));
        Self(format!("{began_ms:012x}{version}{first}8{second}").into())
    }

    /// Returns what the id holds of its delivery's digest: 18 hex digits. `None` of any other run.
    pub fn delivery(&self) -> Option<String> {
        let digits = self.uuid("8")?;
        Some(format!("{}{}", &digits[13..16], &digits[17..]))
    }

    /// Returns when the run began, in milliseconds since 1970: the ids that the hub makes say so.
    pub fn began_ms(&self) -> Option<i64> {
        i64::from_str_radix(self.uuid("78")?.get(..12)?, 16).ok()
    }

    /// Returns the text of a UUID of one of these versions.
    fn uuid(&self, versions: &str) -> Option<&str> {
        let is_uuid = self.0.len() == 32
            && self.0.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
            && matches!(self.0.as_bytes()[16], b'8'..=b'b');
        let version = self.0.get(12..13).filter(|_| is_uuid)?;
        versions.contains(version).then_some(&*self.0)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Content address: the first 32 hex digits of a SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(Box<str>);

impl Digest {
    /// Hashes `parts`; where one ends is part of the hash.
    pub fn of(parts: &[&[u8]]) -> Self {
        use sha2::{Digest as _, Sha256};
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let nibbles = hash.finalize().into_iter().take(16).flat_map(|byte| [byte >> 4, byte & 15]);
        let hex = nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16));
        Self(hex.collect::<String>().into())
    }

    /// Returns the hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_lowercase_and_safe_in_a_key() {
        for right in ["a", "0", "it-ops", "incident_export", &"x".repeat(63)] {
            assert_eq!(Name::new(right).unwrap().as_str(), right);
        }
        for wrong in ["", "-a", "_a", "A", "a b", "a#b", "a/b", "ä", "a.b", &"x".repeat(64)] {
            let error = Name::new(wrong).unwrap_err().to_string();
            assert!(error.contains("is not a name"), "{error}");
        }
    }

    #[test]
    fn a_name_is_checked_wherever_it_is_read() {
        assert!(serde_json::from_str::<Tenant>("\"acme\"").is_ok());
        assert!(serde_json::from_str::<Tenant>("\"acme#other\"").is_err());
    }

    #[test]
    fn an_id_says_when_its_run_began_and_of_which_delivery_it_is() {
        let digest = Digest::of(&[b"msg_1"]);
        let run = RunId::of_delivery(1_760_000_000_123, &digest);
        assert_eq!(run.began_ms(), Some(1_760_000_000_123));
        assert_eq!(run.delivery().as_deref(), digest.as_str().get(..18));
        let tick = RunId::derived(1_760_000_000_123, &digest);
        assert_eq!((tick.began_ms(), tick.delivery()), (run.began_ms(), None));
        assert!(tick < RunId::of_delivery(1_760_000_000_124, &digest), "they sort by time");
        let strange = "ä".repeat(16);
        let event = "budget-or-da8y-name-of-it-200000";
        assert_eq!((event.len(), &event[12..13]), (32, "8"));
        for other in ["", "run", strange.as_str(), event] {
            let other = RunId::new(other);
            assert_eq!((other.began_ms(), other.delivery()), (None, None), "{other}");
        }
    }

    #[test]
    fn where_a_part_ends_is_part_of_the_digest() {
        let digest = |parts: &[&[u8]]| Digest::of(parts).to_string();
        assert_eq!(digest(&[b"ab", b"c"]).len(), 32);
        assert_eq!(digest(&[b"ab", b"c"]), digest(&[b"ab", b"c"]));
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[]), digest(&[b""]));
        assert!(digest(&[b"x"]).chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)));
    }
}
