//! Typed bodies of rows.

use ferrule_core::Failure;
use serde::{Serialize, de::DeserializeOwned};

use crate::Item;

/// Makes a text that nobody else makes: an owner's mark, so that a row written by two is not taken
/// for one's own.
pub fn mark() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

impl Item {
    /// Makes a row with a typed body.
    pub fn new(
        pk: impl Into<String>,
        sk: impl Into<String>,
        body: &impl Serialize,
    ) -> Result<Self, Failure> {
        let body = serde_json::to_string(body)
            .map_err(|e| Failure::coded("ROW", format!("cannot write a row: {e}")))?;
        Ok(Self { pk: pk.into(), sk: sk.into(), body, ..Self::default() })
    }

    /// Reads the body.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.body).map_err(|e| {
            Failure::coded("ROW", format!("row {} {} is unreadable: {e}", self.pk, self.sk))
        })
    }

    /// Sets the sort key of the index.
    #[must_use]
    pub fn with_alt(mut self, alt: impl Into<String>) -> Self {
        self.alt = Some(alt.into());
        self
    }

    /// Sets when the row counts as absent, in seconds since 1970.
    #[must_use]
    pub fn with_expiry(mut self, expires: i64) -> Self {
        self.expires = Some(expires);
        self
    }
}
