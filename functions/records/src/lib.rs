#![doc = include_str!("../README.md")]

use ferrule_connector::{
    Connector, Context, Disposition, Extract, Failure, Fetched, Health, Load, Name, Object, Record,
    Role, Value,
};
use ferrule_core::definition::{Cursor, CursorKind};
use ferrule_store::{Applied, Change, HubRecord, Start, since_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Key, version, time of change: what the feed adds to a record.
const KEY: &str = "_key";
const VERSION: &str = "_version";
const CHANGED_AT: &str = "_changed_at";

/// The feed reads this far back behind the last run, for writers whose clocks disagree.
const OVERLAP_SECS: u64 = 5;

/// The hub's own tables, as a source and as a target.
#[derive(Debug, Clone, Copy)]
pub struct Records;

/// What stands under `settings` of the connection: nothing.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

/// The hub's own tables need no secret.
#[derive(Deserialize)]
pub struct Secret {}

/// What stands under `source`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Table to read. Only what changed since the last run is read.
    pub table: Name,
}

/// What stands under `output`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Table to write; it need not exist.
    pub table: Name,
}

/// Where the feed goes on.
#[derive(Serialize, Deserialize)]
struct Position {
    start: Start,
}

impl Connector for Records {
    const NAME: &'static str = "records";
    const ROLES: &'static [Role] = &[Role::Source, Role::Target];
    const IDEMPOTENT: bool = true;
    type Settings = Settings;
    type Secret = Secret;
    type Source = Source;
    type Target = Target;

    fn cursor(&self, _: &Source) -> Option<Cursor> {
        Some(Cursor {
            field: format!(".{CHANGED_AT}"),
            kind: CursorKind::Datetime,
            format: None,
            zone: None,
            overlap: Some(ferrule_core::duration::Span::from_secs(OVERLAP_SECS)),
            tie_break: Some(format!(".{KEY}")),
        })
    }

    async fn extract(&self, page: &Extract<'_, Self>) -> Result<Fetched, Failure> {
        let table = &page.source.table;
        let start = match page.position {
            Value::Null => None,
            position => Some(position.to::<Position>().map_err(unreadable)?.start),
        };
        let Context { store, tenant, .. } = page.context;
        let since = page.since.and_then(since_of);
        let (rows, next) = store.changes(tenant, table, since, page.page_size, start).await?;
        let next =
            next.map(|start| Value::of(&Position { start }).map_err(unreadable)).transpose()?;
        let records = rows.into_iter().map(record_of).collect();
        Ok(Fetched { origin: format!("table {table}"), records, rejected: Vec::new(), next })
    }

    async fn load(
        &self,
        load: &Load<'_, Self>,
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        let todo: Vec<usize> = (0..done.len()).filter(|at| done[*at].is_none()).collect();
        let mut changes = Vec::with_capacity(todo.len());
        let mut places = Vec::with_capacity(todo.len());
        for at in todo {
            match change_of(&load.records[at]) {
                Some(change) => {
                    changes.push(change);
                    places.push(at);
                }
                None => done[at] = Some(refused("KEY_MISSING", "a hub record needs `output.key`")),
            }
        }
        let Context { store, tenant, .. } = load.context;
        let table = &load.target.table;
        let applied = store.apply(tenant, table, load.mode, load.batch_id, &changes).await?;
        for (at, applied) in places.into_iter().zip(applied) {
            done[at] = Some(disposition(applied));
        }
        Ok(())
    }

    async fn check(&self, context: &Context<'_, Self>) -> Result<Health, Failure> {
        let probe = Name::new("health").map_err(|e| Failure::invalid(e.to_string()))?;
        context.store.records(context.tenant, &probe, 1, None).await?;
        Ok(Health { message: "the hub's tables answer".into() })
    }
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    Failure::coded("POSITION", format!("unreadable position: {error}"))
}

/// Adds key, version and time of change to the record, so that a definition can use them.
fn record_of(row: HubRecord) -> Record {
    let mut object = match row.value {
        Value::Object(object) => object,
        other => Object::from_iter([("value", other)]),
    };
    let changed = jiff::Timestamp::from_millisecond(row.changed_at).unwrap_or_default();
    object.insert(KEY, row.key.as_str().into());
    object.insert(VERSION, row.version.clone());
    object.insert(CHANGED_AT, changed.to_string().into());
    Record { line: 0, key: None, version: None, deleted: row.deleted, value: object.into() }
}

fn change_of(record: &Record) -> Option<Change> {
    Some(Change {
        key: record.key.clone()?,
        version: record.version.clone(),
        deleted: record.deleted,
        value: record.value.clone(),
    })
}

fn refused(code: &str, message: &str) -> Disposition {
    Disposition::Refused { code: code.into(), message: message.into() }
}

fn disposition(applied: Applied) -> Disposition {
    match applied {
        Applied::Created => Disposition::Created,
        Applied::Updated => Disposition::Updated,
        Applied::Deleted => Disposition::Deleted,
        Applied::Unchanged => Disposition::Unchanged,
        Applied::Stale => Disposition::Stale,
        Applied::Missing => refused("NOT_FOUND", "there is no record with this key to update"),
        Applied::BadKey => refused("KEY_TOO_LONG", "the key of a hub record has 1 to 1,000 bytes"),
        Applied::TooLarge => refused("TOO_LARGE", "a hub record has at most 380 KiB"),
        Applied::Exists => refused("EXISTS", "there is a record with this key already"),
    }
}

#[cfg(test)]
mod tests;
