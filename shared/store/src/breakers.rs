//! The breaker of a connection, as it is kept.

use ferrule_core::{Failure, Name, Tenant};
use serde::{Deserialize, Serialize};

use crate::{Item, Store, Table};

/// The row of a breaker; there is none while nothing failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Failures in a row, over all workers.
    pub failures: u32,
    /// Until then messages wait, in milliseconds since 1970; after it, one of them is a probe.
    pub open_until: i64,
    /// Since when it is open, in milliseconds since 1970; 0 is closed.
    #[serde(default)]
    pub opened_at: i64,
}

impl Breaker {
    /// Returns the sort key of the row in the state table.
    pub fn key(connection: &Name) -> String {
        format!("breaker#{connection}")
    }
}

impl Store {
    /// Returns the breaker of a connection, with its row's revision.
    pub async fn breaker(
        &self,
        tenant: &Tenant,
        connection: &Name,
    ) -> Result<(Breaker, Option<u64>), Failure> {
        let key = Breaker::key(connection);
        let row = self.tables.get(Table::State, tenant.as_str(), &key).await?;
        let breaker = row.as_ref().map(Item::read).transpose()?.unwrap_or_default();
        Ok((breaker, row.map(|row| row.rev)))
    }
}
