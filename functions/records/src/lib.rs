#![doc = include_str!("../README.md")]

use ferrule_connector::{
    Connector, Context, Counted, Disposition, Extract, Failure, Fetched, Foreseen, Health, Held,
    Load, Name, Object, Record, Role, RunId, Value,
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
    const CALLS: bool = false;
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
                None => done[at] = Some(without_key()),
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

    async fn foresee(
        &self,
        load: &Load<'_, Self>,
        plan: Option<&RunId>,
    ) -> Result<Vec<Foreseen>, Failure> {
        let changes: Vec<Change> = load.records.iter().filter_map(change_of).collect();
        let Context { store, tenant, .. } = load.context;
        let how = (load.mode, load.batch_id);
        let foreseen = store.foresee(tenant, &load.target.table, how, &changes, plan).await?;
        let mut foreseen = foreseen.into_iter();
        let answer = |record: &Record| match record.key.as_ref().and_then(|_| foreseen.next()) {
            Some(one) => Foreseen { does: Some(disposition(one.applied)), old: one.old },
            None => Foreseen { does: Some(without_key()), old: None },
        };
        Ok(load.records.iter().map(answer).collect())
    }

    async fn holds(
        &self,
        context: &Context<'_, Self>,
        target: &Target,
        enough: u64,
        so_far: Counted,
    ) -> Result<Held, Failure> {
        let start = match &so_far.position {
            Value::Null => None,
            position => Some(position.to::<Position>().map_err(unreadable)?.start),
        };
        let Context { store, tenant, time_left, .. } = *context;
        let so_far = (so_far.number, start);
        let (number, next) =
            store.holds(tenant, &target.table, enough, so_far, time_left / 2).await?;
        let Some(start) = next else { return Ok(Held::Known(number)) };
        let position = Value::of(&Position { start }).map_err(unreadable)?;
        Ok(Held::SoFar(Counted { number, position }))
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
    let (deleted, hops) = (row.deleted, row.hops);
    Record { deleted, hops, value: object.into(), ..Record::default() }
}

fn change_of(record: &Record) -> Option<Change> {
    Some(Change {
        key: record.key.clone()?,
        version: record.version.clone(),
        deleted: record.deleted,
        hops: record.hops,
        value: record.value.clone(),
    })
}

fn without_key() -> Disposition {
    refused("KEY_MISSING", "a hub record needs `output.key`")
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
