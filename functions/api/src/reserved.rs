//! The logs and the definitions, shown as tables that cannot be written.

use ferrule_core::{Failure, Name, RunId, Tenant, Value, definition::Integration};
use ferrule_store::{DefinitionKind, ErrorFilter, Store};
use serde::Serialize;

use crate::{
    page::{Page, Wanted},
    problem::Problem,
    views::{ErrorView, RecordView, RunView},
};

/// A table that the hub itself fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// A row per run, newest first.
    SyncLog,
    /// A row per error, last seen first.
    ErrorLog,
    /// A row per column of a mapping; its key is `integration.column`.
    FieldMapping,
    /// A row per definition; its key is `integration.name` or `connection.name`.
    Configuration,
}

#[derive(Serialize)]
struct MappingValue<'a> {
    integration: &'a Name,
    column: &'a str,
    rule: Value,
}

#[derive(Serialize)]
struct ConfigurationValue<'a> {
    kind: &'a str,
    name: &'a Name,
    hash: &'a str,
    definition: Value,
}

impl Reserved {
    /// Returns the reserved table with this name.
    pub(crate) fn of(table: &Name) -> Option<Self> {
        match table.as_str() {
            "sync_log" => Some(Self::SyncLog),
            "error_log" => Some(Self::ErrorLog),
            "field_mapping" => Some(Self::FieldMapping),
            "configuration" => Some(Self::Configuration),
            _ => None,
        }
    }

    /// Returns a page of rows.
    pub(crate) async fn list(
        self,
        store: &Store,
        tenant: &Tenant,
        wanted: &Wanted,
        since: Option<i64>,
    ) -> Result<Page<RecordView>, Problem> {
        if since.is_some() && self != Self::ErrorLog {
            return Err(Problem::bad_request("this table takes no updated_since"));
        }
        let (limit, start) = (wanted.limit, wanted.start.clone());
        match self {
            Self::SyncLog => {
                let (runs, next) = store.runs(tenant, None, limit, start).await?;
                let rows = runs.into_iter().map(run_row).collect::<Result<_, _>>()?;
                Ok(wanted.page(rows, next))
            }
            Self::ErrorLog => {
                let filter = ErrorFilter { since, ..ErrorFilter::default() };
                let (errors, next) = store.errors(tenant, &filter, limit, start).await?;
                let rows = errors.into_iter().map(error_row).collect::<Result<_, _>>()?;
                Ok(wanted.page(rows, next))
            }
            Self::FieldMapping => {
                let (rows, next) = wanted.cut(columns(store, tenant).await?, |row| row.key.clone());
                Ok(wanted.page(rows, next))
            }
            Self::Configuration => {
                let (keys, next) = wanted.cut(keys(store, tenant).await?, Clone::clone);
                let mut rows = Vec::with_capacity(keys.len());
                for key in keys {
                    rows.extend(definition(store, tenant, &key).await?);
                }
                Ok(wanted.page(rows, next))
            }
        }
    }

    /// Returns one row.
    pub(crate) async fn one(
        self,
        store: &Store,
        tenant: &Tenant,
        key: &str,
    ) -> Result<Option<RecordView>, Failure> {
        match self {
            Self::SyncLog => store.run(tenant, &RunId::new(key)).await?.map(run_row).transpose(),
            Self::ErrorLog => store.error(tenant, key).await?.map(error_row).transpose(),
            Self::FieldMapping => {
                let name = key.split_once('.').and_then(|(name, _)| Name::new(name).ok());
                let Some(name) = name else { return Ok(None) };
                let Some(stored) = store.integration(tenant, &name).await? else { return Ok(None) };
                let rows = mapping_rows(&stored.definition, stored.rev)?;
                Ok(rows.into_iter().find(|row| row.key == key))
            }
            Self::Configuration => definition(store, tenant, key).await,
        }
    }
}

fn value(thing: &impl Serialize) -> Result<Value, Failure> {
    Value::of(thing).map_err(|error| Failure::coded("ROW", error.to_string()))
}

fn run_row(run: ferrule_core::Run) -> Result<RecordView, Failure> {
    let (key, changed) = (run.run.to_string(), run.ended_at.unwrap_or(run.started_at));
    Ok(row(key, Some(changed), value(&RunView::in_short(run))?))
}

fn error_row(error: ferrule_store::ErrorRow) -> Result<RecordView, Failure> {
    let (key, at) = (error.id.clone(), error.at);
    Ok(row(key, Some(at), value(&ErrorView::from(error))?))
}

fn row(key: String, changed_at: Option<i64>, value: Value) -> RecordView {
    let changed_at = changed_at.map(crate::views::time);
    RecordView { key, version: Value::Null, changed_at, deleted: false, value }
}

fn version(rev: u64) -> Value {
    Value::from(i64::try_from(rev).unwrap_or(i64::MAX))
}

async fn columns(store: &Store, tenant: &Tenant) -> Result<Vec<RecordView>, Failure> {
    let mut rows = Vec::new();
    for name in store.definition_names(tenant, DefinitionKind::Integration).await? {
        if let Some(stored) = store.integration(tenant, &name).await? {
            rows.extend(mapping_rows(&stored.definition, stored.rev)?);
        }
    }
    Ok(rows)
}

fn mapping_rows(integration: &Integration, rev: u64) -> Result<Vec<RecordView>, Failure> {
    let name = &integration.metadata.name;
    let columns = integration.map.iter().flatten();
    let row = |(column, rule): (&String, _)| {
        let shown = value(&MappingValue { integration: name, column, rule: value(rule)? })?;
        Ok(RecordView { version: version(rev), ..row(format!("{name}.{column}"), None, shown) })
    };
    columns.map(row).collect()
}

async fn keys(store: &Store, tenant: &Tenant) -> Result<Vec<String>, Failure> {
    let mut keys = Vec::new();
    for (kind, word) in
        [(DefinitionKind::Connection, "connection"), (DefinitionKind::Integration, "integration")]
    {
        let names = store.definition_names(tenant, kind).await?;
        keys.extend(names.into_iter().map(|name| format!("{word}.{name}")));
    }
    Ok(keys)
}

async fn definition(
    store: &Store,
    tenant: &Tenant,
    key: &str,
) -> Result<Option<RecordView>, Failure> {
    let parts = key.split_once('.').and_then(|(kind, name)| Some((kind, Name::new(name).ok()?)));
    let Some((kind, name)) = parts else { return Ok(None) };
    let found = match kind {
        "integration" => match store.integration(tenant, &name).await? {
            Some(stored) => Some((value(&stored.definition)?, stored.hash, stored.rev)),
            None => None,
        },
        "connection" => match store.connection(tenant, &name).await? {
            Some(stored) => Some((value(&stored.definition)?, stored.hash, stored.rev)),
            None => None,
        },
        _ => None,
    };
    let Some((definition, hash, rev)) = found else { return Ok(None) };
    let shown = value(&ConfigurationValue { kind, name: &name, hash: hash.as_str(), definition })?;
    Ok(Some(RecordView { version: version(rev), ..row(key.to_owned(), None, shown) }))
}
