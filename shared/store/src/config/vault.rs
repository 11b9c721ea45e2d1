//! Sensitive values: in Secrets Manager, one secret a key, one of its versions for each of ours.
//!
//! The row names the version, so a secret that was written for a change that then did not happen is
//! nobody's value. Labels go round, so that the last sixteen of our versions are kept for certain;
//! of others, Secrets Manager keeps at least those of the last day. The salt stands beside the value: without it, a hash tells nothing even of a
//! short secret.

use ferrule_core::{Digest, Failure, Name, Object, Tenant, Value, json};

use super::{ConfigAt, ConfigVersion, Held};
use crate::{Item, Store, Table, When, mark, secret::MOST_LABELS};

/// Who owns the secrets: `ferrule/<stage>/config/<tenant>/<environment>/<key>`.
const OWNER: &str = "config";

/// Largest sensitive value, as JSON: with its salt it must fit into a secret of 64 KiB.
pub(super) const MAX_SEALED_BYTES: usize = 65_000;

/// So many old values are kept as secrets when a key becomes sensitive; the next version has the
/// last label. Of older ones, only the hash stays.
const KEPT: usize = 15;

/// A sensitive value, and the salt of its key. It cannot be printed.
pub(super) struct Opened {
    pub(super) value: Value,
    pub(super) salt: String,
}

/// Makes the salt of a key.
pub(super) fn new_salt() -> String {
    mark()
}

/// Returns what is shown of a value in its place.
fn hash(salt: &str, value: &Value) -> String {
    format!("salted:{}", Digest::of(&[b"config", salt.as_bytes(), value.to_string().as_bytes()]))
}

fn owner() -> Result<Name, Failure> {
    Name::new(OWNER).map_err(|error| Failure::invalid(error.to_string()))
}

impl Store {
    /// Puts the value of a version into the vault.
    pub(super) async fn seal(
        &self,
        tenant: &Tenant,
        (at, version): (&ConfigAt, u64),
        salt: &str,
        value: &Value,
    ) -> Result<Held, Failure> {
        let body = Object::from_iter([("salt", Value::from(salt)), ("value", value.clone())]);
        let body = Value::from(body).to_string();
        let label = format!("ferrule-{}", version % MOST_LABELS);
        let (path, body) = (at.secret(), (&*label, &*body));
        let secret = self.secrets.add_version(&owner()?, tenant, &path, body).await?;
        Ok(Held::Sealed { hash: hash(salt, value), secret: Some(secret) })
    }

    /// Takes a sensitive value out of the vault; `None` when it is not kept any more.
    pub(super) async fn open(
        &self,
        tenant: &Tenant,
        at: &ConfigAt,
        held: &Held,
    ) -> Result<Option<Opened>, Failure> {
        let Held::Sealed { secret: Some(secret), .. } = held else { return Ok(None) };
        let found = self.secrets.read_version(&owner()?, tenant, &at.secret(), secret).await?;
        let Some(found) = found else { return Ok(None) };
        // What is wrong with it is not said: the message would show some of it.
        let unreadable = || Failure::coded("SECRET", format!("the secret {secret} is unreadable"));
        let body = json::parse(found.expose().as_bytes()).map_err(|_| unreadable())?;
        match (body.get("value"), body.get("salt").and_then(Value::as_str)) {
            (Some(value), Some(salt)) => {
                Ok(Some(Opened { value: value.clone(), salt: salt.to_owned() }))
            }
            _ => Err(unreadable()),
        }
    }

    /// Takes every plain value out of the history of a key, before the key becomes sensitive: once
    /// that is so, no row has a value, whenever this process dies.
    pub(super) async fn scrub(
        &self,
        tenant: &Tenant,
        at: &ConfigAt,
        salt: &str,
    ) -> Result<(), Failure> {
        let rows = self.all_rows(Table::Registry, tenant.as_str(), &at.history()).await?;
        let newest = rows.len().saturating_sub(KEPT);
        for (place, item) in rows.iter().enumerate() {
            let mut version: ConfigVersion = item.read()?;
            let Held::Plain(value) = &version.held else { continue };
            let fits = value.to_string().len() <= MAX_SEALED_BYTES;
            version.held = if place >= newest && fits {
                self.seal(tenant, (at, version.version), salt, value).await?
            } else {
                sealed(salt, value)
            };
            let item = Item::new(&item.pk, &item.sk, &version)?;
            self.tables.put(Table::Registry, item, When::Always).await?;
        }
        Ok(())
    }
}

/// Returns what is shown of a value that is not kept.
pub(super) fn sealed(salt: &str, value: &Value) -> Held {
    Held::Sealed { hash: hash(salt, value), secret: None }
}
