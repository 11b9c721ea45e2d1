//! The SQL of a group of records: names quoted, all values in one bound parameter.
//!
//! The parameter is a JSON list, and the server reads each value as its column's type wants it:
//! numbers keep every digit, text is parsed as it would be in SQL, lists become arrays.

use ferrule_connector::{Disposition, Value};
use ferrule_core::json;
use tokio_postgres::Row;

use super::work::{Item, Kind};
use crate::{Target, failure::refused, sql, table::Table};

/// One statement, and how its answer is read.
pub(super) struct Statement {
    kind: Kind,
    columns: Vec<String>,
    /// Name of the place within the statement; no column has it.
    place: String,
    text: String,
}

/// The parts that statements are made of, quoted.
struct Parts<'p> {
    table: &'p str,
    place: String,
    /// Columns that are written, and how the parameter's list is read.
    columns: String,
    incoming: String,
    /// `t` and `i` are the same row.
    on: String,
    keys: Vec<&'p str>,
    /// Columns that an update changes.
    changed: Vec<&'p str>,
    version: Option<&'p str>,
}

impl Statement {
    pub(super) fn of(
        kind: Kind,
        table: &Table,
        columns: &[String],
        keys: &[String],
        target: &Target,
    ) -> Self {
        let mut place = "#".to_owned();
        while table.columns.iter().any(|column| column.name == place) {
            place.push('#');
        }
        let names = || columns.iter().map(String::as_str);
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let quoted = sql::name(&place);
        let version = target.version_column.as_deref();
        let parts = Parts {
            table: &table.name,
            columns: sql::list("", names()),
            incoming: format!(
                "i as (select * from json_to_recordset($1::json) as i({quoted} int, {}))",
                definitions(table, names())
            ),
            on: same_key("t", &keys),
            changed: names().filter(|name| !keys.contains(name)).collect(),
            version: version.filter(|version| names().any(|name| name == *version)),
            keys,
            place: quoted,
        };
        let text = match kind {
            Kind::Insert => parts.insert(),
            Kind::Upsert => parts.upsert(),
            Kind::Update => parts.update(),
            Kind::Delete => parts.delete(),
        };
        Self { kind, columns: columns.to_vec(), place, text }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Writes items as the one parameter.
    pub(super) fn parameter(&self, items: &[Item]) -> String {
        let mut text = String::from("[");
        for (place, item) in items.iter().enumerate() {
            text.push_str(if place == 0 { "{" } else { ",{" });
            json::write(&self.place.as_str().into(), &mut text);
            text.push_str(&format!(":{place}"));
            for (column, value) in self.columns.iter().zip(&item.values) {
                text.push(',');
                json::write(&Value::from(column.as_str()), &mut text);
                text.push(':');
                json::write(value, &mut text);
            }
            text.push('}');
        }
        text + "]"
    }

    /// Reads what became of each item.
    pub(super) fn outcomes(&self, items: &[Item], rows: &[Row]) -> Vec<Disposition> {
        if self.kind == Kind::Insert {
            return vec![Disposition::Created; items.len()];
        }
        let mut outcomes = vec![Disposition::Unchanged; items.len()];
        for row in rows {
            let place = usize::try_from(row.get::<_, i32>(0)).unwrap_or(usize::MAX);
            let (was_there, is_newer, is_written) = (row.get(1), row.get(2), row.get(3));
            if let Some(outcome) = outcomes.get_mut(place) {
                *outcome = self.outcome(was_there, is_newer, is_written);
            }
        }
        outcomes
    }

    fn outcome(&self, was_there: bool, is_newer: bool, is_written: bool) -> Disposition {
        match (self.kind, was_there, is_written) {
            (Kind::Delete, _, true) => Disposition::Deleted,
            (Kind::Update, false, _) => {
                refused("NOT_FOUND", "there is no row with this key to update")
            }
            (_, true, true) => Disposition::Updated,
            (_, false, true) => Disposition::Created,
            (_, true, false) if is_newer => Disposition::Stale,
            (_, _, false) => Disposition::Unchanged,
        }
    }

    /// For each column a statement that only reads its value.
    pub(super) fn probes<'s>(
        &'s self,
        table: &'s Table,
    ) -> impl Iterator<Item = (&'s str, String)> {
        self.columns.iter().map(move |column| {
            let defined = definitions(table, [column.as_str()].into_iter());
            let text = format!("select count(*) from (select * from json_to_recordset($1::json) as i({defined}) offset 0) as i");
            (column.as_str(), text)
        })
    }
}

/// The row of `table` has the key of an incoming one.
fn same_key(table: &str, keys: &[&str]) -> String {
    let one = |key: &&str| format!("{table}.{0} = i.{0}", sql::name(key));
    keys.iter().map(one).collect::<Vec<_>>().join(" and ")
}

/// Columns with their types.
fn definitions<'n>(table: &Table, names: impl Iterator<Item = &'n str>) -> String {
    let known = |name: &str| table.columns.iter().find(|column| column.name == name);
    let one = |name: &str| known(name).map(|column| format!("{} {}", sql::name(name), column.kind));
    names.filter_map(one).collect::<Vec<_>>().join(", ")
}

impl Parts<'_> {
    fn insert(&self) -> String {
        let Self { table, place, columns, incoming, .. } = self;
        format!(
            "with {incoming} insert into {table} ({columns}) select {columns} from i order by {place}"
        )
    }

    fn upsert(&self) -> String {
        let Self { table, columns, .. } = self;
        let keys = sql::list("", self.keys.iter().copied());
        let change = if self.changed.is_empty() {
            "do nothing".to_owned()
        } else {
            let set = self.changed.iter().map(|name| sql::name(name));
            let set = set.map(|name| format!("{name} = excluded.{name}"));
            let set = set.collect::<Vec<_>>().join(", ");
            format!("do update set {set} where {}", self.differs("excluded"))
        };
        // In the order of keys: two batches that meet wait for each other, and do not deadlock.
        let write = format!(
            "insert into {table} as t ({columns}) select {columns} from i order by {keys} \
             on conflict ({keys}) {change} returning {}",
            sql::list("t.", self.keys.iter().copied())
        );
        self.looking_first(&write, &same_key("w", &self.keys))
    }

    fn update(&self) -> String {
        let Self { table, place, on, .. } = self;
        if self.changed.is_empty() {
            return self.looking_first(
                &format!("select {place} as n from i where false"),
                &self.same_place(),
            );
        }
        let set = self.changed.iter().map(|name| sql::name(name));
        let set = set.map(|name| format!("{name} = i.{name}")).collect::<Vec<_>>().join(", ");
        let write = format!(
            "update {table} as t set {set} from i where {on} and {} returning i.{place} as n",
            self.differs("i")
        );
        self.looking_first(&write, &self.same_place())
    }

    fn delete(&self) -> String {
        let Self { table, place, on, .. } = self;
        let write = format!(
            "delete from {table} as t using i where {on}{} returning i.{place} as n",
            self.not_older("i")
        );
        self.looking_first(&write, &self.same_place())
    }

    fn same_place(&self) -> String {
        format!("w.n = i.{}", self.place)
    }

    /// The row is not the same, bit by bit, and not newer. That works for types that cannot be
    /// compared otherwise, and keeps `1.0` apart from `1.00`.
    fn differs(&self, new: &str) -> String {
        let row = |prefix| sql::list(prefix, self.changed.iter().copied());
        let (old, fresh) = (row("t."), row(&format!("{new}.")));
        format!("row({old})::record *<> row({fresh})::record{}", self.not_older(new))
    }

    fn not_older(&self, new: &str) -> String {
        self.version.map(sql::name).map_or(String::new(), |version| {
            format!(" and coalesce(t.{version} <= {new}.{version}, true)")
        })
    }

    /// Looks at the rows as they were, writes, and says for each place: was it there, was it
    /// newer, is it written?
    fn looking_first(&self, write: &str, on: &str) -> String {
        let Self { table, place, incoming, .. } = self;
        let newer = self.version.map(sql::name).map_or("false".to_owned(), |version| {
            format!("coalesce(t.{version} > i.{version}, false)")
        });
        let looked = &self.on;
        format!(
            "with {incoming}, \
             there as (select i.{place} as n, {newer} as newer from i join {table} as t on {looked}), \
             w as ({write}) \
             select i.{place}, there.n is not null, coalesce(there.newer, false), w.* is not null \
             from i left join there on there.n = i.{place} left join w on {on}"
        )
    }
}
