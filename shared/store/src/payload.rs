//! Payloads: what is parked, and single records too big for a message.

use ferrule_core::{Failure, Tenant};

use crate::{aws, memory};

/// What keys of parked payloads begin with. They lie under one prefix for all tenants, so that one rule
/// of the bucket's forgets them when their time is over.
pub const PARKED_PREFIX: &str = "_parked/";

/// The payload bucket, in AWS or in memory.
#[derive(Debug, Clone)]
pub enum Payloads {
    /// S3.
    Aws(aws::Bucket),
    /// The embedded twin.
    Memory(memory::Payloads),
}

impl Payloads {
    /// Stores `body` under the tenant's prefix and `key`; the same key is overwritten.
    pub async fn put(&self, tenant: &Tenant, key: &str, body: Vec<u8>) -> Result<(), Failure> {
        match self {
            Self::Aws(bucket) => bucket.put(tenant, key, body).await,
            Self::Memory(payloads) => payloads.put(tenant, key, body),
        }
    }

    /// Reads what [`Payloads::put`] stored; `None` when it is not there.
    pub async fn get(&self, tenant: &Tenant, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::Aws(bucket) => bucket.get(tenant, key).await,
            Self::Memory(payloads) => payloads.get(tenant, key),
        }
    }
}
