//! Customer keys: stored hashed, with a role, two valid at a time during rotation.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ferrule_core::{Digest, Failure, Tenant};
use serde::{Deserialize, Serialize};

use crate::{Item, Store, Table, When};

/// Partition of all keys, by hash.
const KEYS: &str = "#keys";

/// Starts every customer key, so that scanners recognise a leaked one.
const PREFIX: &str = "frl_";

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    Read,
    /// Look, and start runs.
    Write,
    /// Look, start runs, change definitions and keys.
    Admin,
}

/// A customer key, without the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerKey {
    /// Names the key in logs: the first hex digits of its hash.
    pub id: String,
    /// Whose data it opens.
    pub tenant: Tenant,
    /// What it may do.
    pub role: Role,
    /// Who holds it.
    pub label: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970 from which it is refused.
    #[serde(default)]
    pub revoked_at: Option<i64>,
}

fn hash_of(key: &str) -> Digest {
    Digest::of(&[b"customer-key", key.as_bytes()])
}

impl Store {
    /// Makes a key and stores its hash. The key itself is returned once and never stored.
    pub async fn issue_key(
        &self,
        tenant: &Tenant,
        role: Role,
        label: &str,
    ) -> Result<(String, CustomerKey), Failure> {
        let mut bytes = [0_u8; 32];
        bytes[..16].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        bytes[16..].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        let key = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let hash = hash_of(&key);
        let row = CustomerKey {
            id: hash.as_str()[..8].to_owned(),
            tenant: tenant.clone(),
            role,
            label: label.to_owned(),
            created_at: self.clock.now_ms(),
            revoked_at: None,
        };
        let item = Item::new(KEYS, hash.as_str(), &row)?;
        self.tables.put(Table::Registry, item, When::Absent).await?;
        Ok((key, row))
    }

    /// Returns who a key belongs to; `None` when it is unknown or revoked.
    pub async fn key(&self, key: &str) -> Result<Option<CustomerKey>, Failure> {
        let row = self.tables.get(Table::Registry, KEYS, hash_of(key).as_str()).await?;
        let row: Option<CustomerKey> = row.map(|row| row.read()).transpose()?;
        let now = self.clock.now_ms();
        Ok(row.filter(|row| row.revoked_at.is_none_or(|at| at > now)))
    }

    /// Returns the keys of a tenant, revoked ones included.
    pub async fn keys(&self, tenant: &Tenant) -> Result<Vec<CustomerKey>, Failure> {
        let rows = self.all_rows(Table::Registry, KEYS, "").await?;
        let rows: Vec<CustomerKey> = rows.iter().map(Item::read).collect::<Result<_, _>>()?;
        Ok(rows.into_iter().filter(|row| row.tenant == *tenant).collect())
    }

    /// Refuses a key from `at_ms` on; `false` when the tenant has no such key.
    pub async fn revoke_key(&self, tenant: &Tenant, id: &str, at_ms: i64) -> Result<bool, Failure> {
        for item in self.all_rows(Table::Registry, KEYS, "").await? {
            let row: CustomerKey = item.read()?;
            if row.tenant == *tenant && row.id == id {
                let row = CustomerKey { revoked_at: Some(at_ms), ..row };
                let item = Item::new(KEYS, &item.sk, &row)?;
                self.tables.put(Table::Registry, item, When::Always).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}
