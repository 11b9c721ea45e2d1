//! What there is: a value, values by pattern, the history of one.

use ferrule_core::{Failure, Name, Tenant, pattern::Patterns};

use super::{CURRENT, Config, ConfigAt, ConfigKey, ConfigVersion, Row};
use crate::{Item, Query, Start, Store, Table};

impl Store {
    /// Returns a value as it is now, or its deletion; `None` when there never was one.
    pub async fn config(&self, tenant: &Tenant, at: &ConfigAt) -> Result<Option<Config>, Failure> {
        let row = self.tables.get(Table::Registry, tenant.as_str(), &at.row()).await?;
        row.map(|row| Row::read(&row, at.clone())).transpose()
    }

    /// Returns up to `limit` values by environment and key, of one environment or of all; every
    /// one when there are no patterns. Deleted ones are left out.
    pub async fn configs(
        &self,
        tenant: &Tenant,
        environment: Option<&Name>,
        patterns: &Patterns,
        limit: usize,
        start: Option<Start>,
    ) -> Result<(Vec<Config>, Option<Start>), Failure> {
        let of = environment.map(|name| format!("{name}#")).unwrap_or_default();
        let prefix = Some(format!("{CURRENT}{of}"));
        let mut query = Query { pk: tenant.as_str().into(), prefix, start, ..Query::default() };
        let mut found = Vec::new();
        loop {
            let rows = self.tables.query(Table::Registry, query.clone()).await?;
            for item in &rows.items {
                let Some(at) = place(item) else { continue };
                if !patterns.is_empty() && !patterns.matches(at.key.as_str()) {
                    continue;
                }
                let config = Row::read(item, at)?;
                if !config.is_there() {
                    continue;
                }
                if found.len() == limit {
                    return Ok((found, query.start));
                }
                query.start = Some(Start { sk: item.sk.clone(), alt: None });
                found.push(config);
            }
            match rows.next {
                Some(next) => query.start = Some(next),
                None => return Ok((found, None)),
            }
        }
    }

    /// Returns up to `limit` versions, newest first.
    pub async fn config_history(
        &self,
        tenant: &Tenant,
        at: &ConfigAt,
        limit: usize,
        start: Option<Start>,
    ) -> Result<(Vec<ConfigVersion>, Option<Start>), Failure> {
        let query = Query {
            pk: tenant.as_str().into(),
            prefix: Some(at.history()),
            descending: true,
            limit,
            start,
            ..Query::default()
        };
        let rows = self.tables.query(Table::Registry, query).await?;
        let versions = rows.items.iter().map(Item::read).collect::<Result<_, _>>()?;
        Ok((versions, rows.next))
    }

    /// Returns one version.
    pub(super) async fn config_version(
        &self,
        tenant: &Tenant,
        at: &ConfigAt,
        version: u64,
    ) -> Result<Option<ConfigVersion>, Failure> {
        let row = self.tables.get(Table::Registry, tenant.as_str(), &at.version(version)).await?;
        row.map(|row| row.read()).transpose()
    }
}

/// Reads environment and key off a current row.
fn place(item: &Item) -> Option<ConfigAt> {
    let (environment, key) = item.sk.strip_prefix(CURRENT)?.split_once('#')?;
    let environment = Name::new(environment).ok()?;
    Some(ConfigAt { environment, key: ConfigKey::new(key).ok()? })
}
