//! Tables and rows as an instance keeps them: everything is text.

use std::collections::{BTreeMap, BTreeSet};

use ferrule_core::Digest;
use ferrule_store::Clock;
use jiff::Timestamp;

use super::query::Query;

/// One row: field to text. References hold a `sys_id`.
pub type Row = BTreeMap<String, String>;

/// One table.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The table it inherits fields from.
    pub(super) extends: Option<String>,
    /// Its own fields, and the table that a reference leads to.
    pub(super) fields: BTreeMap<String, Option<String>>,
    pub(super) rows: BTreeMap<String, Row>,
    /// Rows that an ACL hides from the user.
    pub(super) hidden: BTreeSet<String>,
    /// What happens to rows that are put here, when this is a staging table.
    pub(super) staging: Option<super::Staging>,
}

/// All tables.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) all: BTreeMap<String, Table>,
    pub(super) clock: Clock,
    made: u64,
}

/// What one read found.
pub(super) struct Found {
    /// How many rows match, hidden ones included.
    pub(super) total: usize,
    /// The rows of the page, hidden ones left out: a page can be short.
    pub(super) rows: Vec<Row>,
}

impl Tables {
    pub(super) fn new(clock: Clock) -> Self {
        Self { all: BTreeMap::new(), clock, made: 0 }
    }

    pub(super) fn now(&self) -> String {
        let at = Timestamp::from_millisecond(self.clock.now_ms()).unwrap_or_default();
        at.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    pub(super) fn new_id(&mut self) -> String {
        self.made += 1;
        Digest::of(&[b"sys_id", &self.made.to_be_bytes()]).as_str().to_owned()
    }

    /// Names the table and those it inherits from.
    fn line(&self, table: &str) -> Vec<&Table> {
        let mut line = Vec::new();
        let mut next = self.all.get(table);
        while let Some(table) = next {
            line.push(table);
            next = table.extends.as_ref().and_then(|parent| self.all.get(parent));
        }
        line
    }

    /// Lists every field of the table, inherited ones included.
    pub(super) fn fields(&self, table: &str) -> BTreeMap<String, Option<String>> {
        let own = |table: &&Table| table.fields.clone();
        self.line(table).iter().rev().flat_map(own).collect()
    }

    pub(super) fn is_field(&self, table: &str, path: &str) -> bool {
        let (first, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
        match (self.fields(table).get(first), rest) {
            (Some(_), None) => true,
            (Some(Some(to)), Some(rest)) => self.is_field(to, rest),
            _ => false,
        }
    }

    /// Reads a field, following references (dot-walking).
    pub(super) fn value(&self, table: &str, row: &Row, path: &str) -> Option<String> {
        let Some((first, rest)) = path.split_once('.') else {
            return self.is_field(table, path).then(|| row.get(path).cloned().unwrap_or_default());
        };
        let to = self.fields(table).get(first)?.clone()?;
        let row = self.all.get(&to)?.rows.get(row.get(first)?);
        row.map_or(Some(String::new()), |row| self.value(&to, row, rest))
    }

    /// Reads a page: filter, order, offset, limit, and only then the ACLs.
    pub(super) fn find(&self, table: &str, query: &str, offset: usize, limit: usize) -> Found {
        let query = Query::parse(query, &|field| self.is_field(table, field));
        let none = BTreeMap::new();
        let rows = self.all.get(table).map_or(&none, |table| &table.rows);
        let mut rows: Vec<&Row> = rows
            .values()
            .filter(|row| query.matches(&|field| self.value(table, row, field)))
            .collect();
        rows.sort_by(|a, b| {
            query.compare(&|f| self.value(table, a, f), &|f| self.value(table, b, f))
        });
        let seen = |row: &&&Row| {
            let hidden = self.all.get(table).map(|table| &table.hidden);
            !hidden.is_some_and(|hidden| hidden.contains(&row["sys_id"]))
        };
        let page = rows.iter().skip(offset).take(limit);
        Found { total: rows.len(), rows: page.filter(seen).copied().cloned().collect() }
    }

    /// Adds a row. Unknown fields are left out without a word.
    pub(super) fn insert(&mut self, table: &str, values: &Row) -> Row {
        let (now, id) = (self.now(), self.new_id());
        let mut row: Row = self.fields(table).into_keys().map(|key| (key, String::new())).collect();
        for (key, value) in values {
            row.entry(key.clone()).and_modify(|old| old.clone_from(value));
        }
        for (key, value) in
            [("sys_created_on", &now), ("sys_updated_on", &now), ("sys_mod_count", &"0".to_owned())]
        {
            row.insert(key.to_owned(), value.clone());
        }
        let id = values.get("sys_id").cloned().unwrap_or(id);
        row.insert("sys_id".to_owned(), id.clone());
        if let Some(table) = self.all.get_mut(table) {
            table.rows.insert(id, row.clone());
        }
        row
    }

    /// Changes a row; one that is the same afterwards keeps its count and time.
    pub(super) fn update(&mut self, table: &str, id: &str, values: &Row) -> Option<Row> {
        let (now, fields) = (self.now(), self.fields(table));
        let row = self.all.get_mut(table)?.rows.get_mut(id)?;
        let before = row.clone();
        for (key, value) in values.iter().filter(|(key, _)| fields.contains_key(*key)) {
            row.insert(key.clone(), value.clone());
        }
        if *row != before {
            let count = before["sys_mod_count"].parse::<u64>().unwrap_or(0) + 1;
            row.insert("sys_mod_count".to_owned(), count.to_string());
            row.insert("sys_updated_on".to_owned(), now);
        }
        Some(row.clone())
    }

    /// Removes a row and notes it in `sys_audit_delete`.
    pub(super) fn remove(&mut self, table: &str, id: &str) -> bool {
        let Some(found) = self.all.get_mut(table) else { return false };
        let gone = found.rows.remove(id).is_some();
        if gone {
            let note = [("tablename", table), ("documentkey", id)];
            let note = note.map(|(key, value)| (key.to_owned(), value.to_owned()));
            self.insert("sys_audit_delete", &Row::from(note));
        }
        gone
    }
}

impl Tables {
    /// Lists a table in `sys_db_object` and its own fields in `sys_dictionary`.
    pub(super) fn describe(
        &mut self,
        name: &str,
        extends: Option<&str>,
        fields: &BTreeMap<String, Option<String>>,
    ) {
        let parent = self.all.get("sys_db_object").and_then(|known| {
            known.rows.values().find(|row| Some(row["name"].as_str()) == extends)
        });
        let parent = parent.map(|row| row["sys_id"].clone()).unwrap_or_default();
        let row = [("name", name), ("label", name), ("super_class", &parent)];
        self.insert("sys_db_object", &row.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        for (field, to) in fields {
            let is_time = field.ends_with("_on") || field.ends_with("_at");
            let kind = match to {
                Some(_) => "reference",
                None if is_time => "glide_date_time",
                None => "string",
            };
            let to = to.as_deref().unwrap_or_default();
            let row =
                [("name", name), ("element", field), ("internal_type", kind), ("reference", to)];
            self.insert("sys_dictionary", &row.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        }
    }
}
