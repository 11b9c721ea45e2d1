//! A batch, sorted into statements.

use std::collections::HashMap;

use ferrule_connector::{Disposition, Failure, Load, Object, Record, Value};
use ferrule_core::definition::Mode;

use crate::{Postgres, failure::refused, table::Table};

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Insert,
    Upsert,
    Update,
    Delete,
}

/// A record as it is written.
#[derive(Debug)]
pub(super) struct Item {
    /// Its place in the batch.
    pub(super) at: usize,
    /// Values by column, in the order of the group's columns.
    pub(super) values: Vec<Value>,
}

/// Records that are written alike: what is done, into which columns.
type Group = (Kind, Vec<String>, Vec<Item>);

/// A batch, sorted.
#[derive(Debug)]
pub(super) struct Work {
    /// Columns that find a row.
    pub(super) keys: Vec<String>,
    pub(super) groups: Vec<Group>,
    /// Records that cannot be sent at all.
    pub(super) refused: Vec<(usize, Disposition)>,
}

/// Names every column that the batch and the target speak of.
pub(super) fn names(load: &Load<'_, Postgres>) -> Vec<String> {
    let objects = load.records.iter().filter(|record| !record.deleted);
    let objects = objects.filter_map(|record| record.value.as_object());
    let mut names: Vec<&str> = objects.flat_map(Object::iter).map(|(name, _)| name).collect();
    if load.mode == Mode::Delete {
        names.clear();
    }
    names.extend(load.target.key_columns.iter().map(String::as_str));
    names.extend(load.target.version_column.as_deref());
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(str::to_owned).collect()
}

impl Work {
    /// Sorts the open records of a batch.
    pub(super) fn of(
        load: &Load<'_, Postgres>,
        table: &Table,
        done: &[Option<Disposition>],
    ) -> Result<Self, Failure> {
        let mut keys = load.target.key_columns.clone();
        if keys.is_empty() {
            keys.clone_from(&table.primary);
        }
        if keys.is_empty() && load.mode != Mode::Insert {
            let why = "has no primary key: name key_columns that find the row of a record";
            return Err(Failure::coded("NO_KEY", format!("{} {why}", table.name)));
        }
        let mut work = Self { keys, groups: Vec::new(), refused: Vec::new() };
        let mut rounds: Vec<Vec<Group>> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (at, record) in load.records.iter().enumerate().filter(|(at, _)| done[*at].is_none()) {
            match work.item(load, table, at, record) {
                Err(refused) => work.refused.push((at, refused)),
                Ok((kind, columns, item)) => {
                    // A statement changes a row once; the next state of it goes in the next one.
                    let round = match work.identity(&columns, &item) {
                        Some(key) => {
                            let next = seen.entry(key).and_modify(|round| *round += 1).or_default();
                            *next
                        }
                        None => 0,
                    };
                    rounds.resize_with(rounds.len().max(round + 1), Vec::new);
                    add(&mut rounds[round], kind, columns, item);
                }
            }
        }
        work.groups = rounds.into_iter().flatten().collect();
        Ok(work)
    }

    fn item(
        &self,
        load: &Load<'_, Postgres>,
        table: &Table,
        at: usize,
        record: &Record,
    ) -> Result<(Kind, Vec<String>, Item), Disposition> {
        let kind = kind(load, record)?;
        let Some(object) = record.value.as_object() else {
            return Err(refused("NOT_AN_OBJECT", "the record has no fields"));
        };
        let mut object = object.clone();
        if let ([key], Some(text)) = (&self.keys[..], &record.key)
            && object.get(key).is_none()
            && kind != Kind::Insert
        {
            object.insert(key.as_str(), text.as_str().into());
        }
        if let (Some(name), Some(version)) = (&load.target.version_column, &record.version)
            && object.get(name).is_none()
        {
            object.insert(name.as_str(), version.clone());
        }
        if kind != Kind::Insert {
            for key in &self.keys {
                if object.get(key).is_none_or(Value::is_null) {
                    let why = format!("the record has no value for the key column {key}");
                    return Err(refused("NO_KEY", why));
                }
            }
        }
        if let Some(column) = table.columns.iter().find(|column| {
            column.is_generated && kind != Kind::Delete && object.get(&column.name).is_some()
        }) {
            let why = format!("the server alone writes column {}", column.name);
            return Err(refused("GENERATED", why));
        }
        let is_wanted = |name: &str| {
            kind != Kind::Delete
                || self.keys.iter().any(|key| key == name)
                || load.target.version_column.as_deref() == Some(name)
        };
        // In the order of the table, so that the same fields in another order are one statement.
        let columns = table.columns.iter().map(|column| column.name.as_str());
        let (columns, values): (Vec<String>, Vec<Value>) = columns
            .filter(|name| is_wanted(name))
            .filter_map(|name| object.remove(name).map(|value| (name.to_owned(), value)))
            .unzip();
        if columns.is_empty() {
            return Err(refused("EMPTY", "the record has no fields"));
        }
        Ok((kind, columns, Item { at, values }))
    }

    /// Returns the key of an item as text, the same for `1` and `"1"`; `None` when none is needed.
    fn identity(&self, columns: &[String], item: &Item) -> Option<String> {
        let value = |key: &String| {
            let at = columns.iter().position(|column| column == key)?;
            let value = &item.values[at];
            Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        let key: Option<Vec<String>> = self.keys.iter().map(value).collect();
        key.filter(|key| !key.is_empty()).map(|key| key.join("\u{1f}"))
    }
}

fn kind(load: &Load<'_, Postgres>, record: &Record) -> Result<Kind, Disposition> {
    match load.mode {
        Mode::Delete => Ok(Kind::Delete),
        _ if record.deleted && load.target.deletes => Ok(Kind::Delete),
        _ if record.deleted => {
            Err(refused("DELETES_OFF", "it is gone at the source; the target has deletes: false"))
        }
        Mode::Insert => Ok(Kind::Insert),
        Mode::Upsert => Ok(Kind::Upsert),
        Mode::Update => Ok(Kind::Update),
    }
}

fn add(groups: &mut Vec<Group>, kind: Kind, columns: Vec<String>, item: Item) {
    match groups.iter_mut().find(|group| group.0 == kind && group.1 == columns) {
        Some(group) => group.2.push(item),
        None => groups.push((kind, columns, vec![item])),
    }
}
