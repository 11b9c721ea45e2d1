//! Payloads in S3.

use std::sync::{Arc, OnceLock};

use ferrule_core::{Failure, Tenant};

use super::{
    Session,
    engine::{Engine, Request},
    failure::Call,
    s3::s3,
};
use crate::{messages::PASSING, payload::PARKED_PREFIX};

/// A bucket; each tenant has its own prefix.
#[derive(Debug, Clone)]
pub struct Bucket {
    session: Session,
    s3: Arc<OnceLock<Engine>>,
    name: Arc<str>,
}

impl Bucket {
    /// Takes the bucket's name.
    pub(super) fn new(session: Session, name: &str) -> Self {
        Self { session, s3: Arc::default(), name: name.into() }
    }

    /// Stores `body`; the same key is overwritten.
    pub async fn put(&self, tenant: &Tenant, key: &str, body: Vec<u8>) -> Result<(), Failure> {
        let path = self.path(tenant, key);
        let request = Request { method: "PUT", path, headers: Vec::new(), body };
        let call = self.call("PutObject");
        match self.s3().send(request).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(call.unavailable("there is nothing to write to")),
            Err(error) => Err(call.failure(&error)),
        }
    }

    /// Reads what was stored; `None` when it is not there.
    pub async fn get(&self, tenant: &Tenant, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.path(tenant, key);
        let request = Request { method: "GET", path, headers: Vec::new(), body: Vec::new() };
        let answer = self.s3().send(request).await;
        answer.map_err(|error| self.call("GetObject").failure(&error))
    }

    fn s3(&self) -> &Engine {
        self.s3.get_or_init(|| s3(self.session.config()))
    }

    fn call(&self, action: &'static str) -> Call<'_> {
        Call { service: "s3", action, place: &self.name }
    }

    fn path(&self, tenant: &Tenant, key: &str) -> String {
        format!("/{}/{}", self.name, place(tenant, key))
    }
}

/// Says where in the bucket a payload lies: under its tenant, but what the bucket forgets by itself is
/// under a prefix for all, which no tenant has as its name: one rule for what only passes through, one
/// for what is parked.
fn place(tenant: &Tenant, key: &str) -> String {
    let encoded = |key: &str| key.split('/').map(segment).collect::<Vec<_>>().join("/");
    for apart in [PASSING, PARKED_PREFIX] {
        if let Some(key) = key.strip_prefix(apart) {
            return format!("{apart}{tenant}/{}", encoded(key));
        }
    }
    format!("{tenant}/{}", encoded(key))
}

/// Encodes a part of a key as signatures want it: everything but the unreserved characters. Dots
/// alone would lead out of the tenant's prefix wherever a path is walked, and are part of the name
/// in their encoded form.
fn segment(text: &str) -> String {
    match text {
        "." => "%252E".to_owned(),
        ".." => "%252E%252E".to_owned(),
        text => text.bytes().map(encoded).collect(),
    }
}

fn encoded(byte: u8) -> String {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_through_is_apart_from_what_any_tenant_keeps() {
        let tenant = Tenant::new("acme").unwrap();
        assert_eq!(place(&tenant, "_messages/r1/d1"), "_messages/acme/r1/d1");
        assert_eq!(place(&tenant, "_parked/copy/d1.json"), "_parked/acme/copy/d1.json");
        assert_eq!(place(&tenant, "kept/_messages/x"), "acme/kept/_messages/x");
        for apart in [PASSING, PARKED_PREFIX] {
            assert!(Tenant::new(apart.trim_end_matches('/')).is_err());
        }
    }

    #[test]
    fn encodes_each_part_of_a_key_and_lets_none_lead_elsewhere() {
        for (part, expected) in [
            ("page-1_~.json", "page-1_~.json"),
            ("page 1 ü+.json", "page%201%20%C3%BC%2B.json"),
            ("..", "%252E%252E"),
            (".", "%252E"),
            ("...", "..."),
            ("%2E", "%252E"),
            ("", ""),
        ] {
            assert_eq!(segment(part), expected, "{part}");
        }
    }
}
