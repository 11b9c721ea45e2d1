//! The audit trail: who did what, each row carrying the hash of the row before it.

use ferrule_core::{Digest, Failure, Tenant};
use serde::{Deserialize, Serialize};

use crate::{Item, Query, Store, Table, When};

/// Times an append is tried while others append too.
const TRIES: usize = 50;

/// One row of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Number within the tenant, from 1.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Id of the key that was used, or `operator`.
    pub actor: String,
    /// What was done: `PUT /v1/integrations/x`.
    pub action: String,
    /// How it ended: an HTTP status.
    pub outcome: String,
    /// Hash of the row before.
    pub previous: String,
    /// Hash over this row and `previous`.
    pub hash: String,
}

impl AuditRow {
    /// Computes the hash that the row must carry.
    pub fn expected_hash(&self) -> String {
        let (seq, at) = (self.seq.to_string(), self.at.to_string());
        Digest::of(&[
            self.previous.as_bytes(),
            seq.as_bytes(),
            at.as_bytes(),
            self.actor.as_bytes(),
            self.action.as_bytes(),
            self.outcome.as_bytes(),
        ])
        .to_string()
    }
}

fn key(seq: u64) -> String {
    format!("{seq:012}")
}

impl Store {
    /// Appends a row.
    pub async fn audit(
        &self,
        tenant: &Tenant,
        actor: &str,
        action: &str,
        outcome: &str,
    ) -> Result<(), Failure> {
        for _ in 0..TRIES {
            let last = self.audit_trail(tenant, 1).await?.pop();
            let mut row = AuditRow {
                seq: last.as_ref().map_or(1, |row| row.seq + 1),
                at: self.clock.now_ms(),
                actor: actor.to_owned(),
                action: action.to_owned(),
                outcome: outcome.to_owned(),
                previous: last.map(|row| row.hash).unwrap_or_default(),
                hash: String::new(),
            };
            row.hash = row.expected_hash();
            let item = Item::new(tenant.as_str(), key(row.seq), &row)?;
            if self.tables.put(Table::Audit, item, When::Absent).await?.is_done() {
                return Ok(());
            }
        }
        Err(Failure::unavailable("audit", "too many writers at once"))
    }

    /// Returns the newest rows, newest first.
    pub async fn audit_trail(
        &self,
        tenant: &Tenant,
        limit: usize,
    ) -> Result<Vec<AuditRow>, Failure> {
        let query =
            Query { pk: tenant.as_str().into(), descending: true, limit, ..Query::default() };
        let rows = self.tables.query(Table::Audit, query).await?;
        rows.items.iter().map(Item::read).collect()
    }
}
