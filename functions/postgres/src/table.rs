//! What the catalogue says of a table: asked once a connection.

use std::sync::Arc;

use ferrule_connector::Failure;

use crate::{
    session::Session,
    sql::{self, Text},
};

/// A name this far from a known one may be a slip.
const SLIP: usize = 3;

/// Columns of a table in their order, with their types as SQL writes them.
const COLUMNS: &str = "select n.nspname::text, c.relname::text, a.attname::text, \
    format_type(a.atttypid, a.atttypmod), t.typcategory = 'S', a.attnotnull, \
    a.attgenerated <> '' or a.attidentity = 'a', \
    coalesce(array_position(i.indkey::int2[], a.attnum), -1) \
    from pg_catalog.pg_class c \
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
    join pg_catalog.pg_type t on t.oid = a.atttypid \
    left join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisprimary \
    where c.oid = to_regclass($1) order by a.attnum";

/// Names of what can be read, for a suggestion.
const TABLES: &str = "select c.relname::text from pg_catalog.pg_class c \
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and pg_catalog.pg_table_is_visible(c.oid) \
    and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)";

/// A table with its columns.
#[derive(Debug)]
pub(crate) struct Table {
    /// Quoted, with its schema.
    pub(crate) name: String,
    /// Its schema, not quoted.
    pub(crate) schema: String,
    pub(crate) columns: Vec<Column>,
    /// Columns of the primary key, in its order.
    pub(crate) primary: Vec<String>,
}

/// A column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// As SQL writes it, such as `numeric(10,2)`.
    pub(crate) kind: String,
    /// Compared by a collation.
    pub(crate) is_text: bool,
    pub(crate) is_required: bool,
    /// The server alone writes it.
    pub(crate) is_generated: bool,
}

impl Table {
    /// Finds a table, in what is known of the connection or else in the catalogue.
    async fn find(
        session: &mut Session,
        schema: Option<&str>,
        table: &str,
    ) -> Result<Arc<Self>, Failure> {
        let path: Vec<&str> = schema.into_iter().chain([table]).collect();
        let path = path.into_iter().map(sql::name).collect::<Vec<_>>().join(".");
        if let Some(known) = session.tables.get(&path) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(look_up(session, &path, table).await?);
        session.tables.insert(path, Arc::clone(&found));
        Ok(found)
    }

    /// Finds a table that has these columns; one that is new there is looked for once more.
    pub(crate) async fn with<'n>(
        session: &mut Session,
        schema: Option<&str>,
        table: &str,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<Arc<Self>, Failure> {
        let mut found = Self::find(session, schema, table).await?;
        if names.clone().any(|name| found.column(name).is_err()) {
            session.tables.clear();
            found = Self::find(session, schema, table).await?;
        }
        for name in names {
            found.column(name)?;
        }
        Ok(found)
    }

    /// Returns a column, or says which one may be meant.
    pub(crate) fn column(&self, name: &str) -> Result<&Column, Failure> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            let known = self.columns.iter().map(|column| column.name.as_str());
            let meant = suggestion(name, known);
            Failure::coded("UNKNOWN_COLUMN", format!("{} has no column {name}{meant}", self.name))
        })
    }
}

async fn look_up(session: &Session, path: &str, table: &str) -> Result<Table, Failure> {
    let rows = session.rows(COLUMNS, &[Text(path)]).await?;
    let Some(first) = rows.first() else {
        let visible = session.rows(TABLES, &[]).await?;
        let meant = suggestion(table, visible.iter().map(|row| row.get::<_, &str>(0)));
        let why = "or the user may not look into its schema";
        return Err(Failure::coded(
            "UNKNOWN_TABLE",
            format!("there is no table {path}{meant}, {why}"),
        ));
    };
    let (schema, relation): (String, &str) = (first.get(0), first.get(1));
    let mut primary: Vec<(i32, String)> = rows
        .iter()
        .map(|row| (row.get::<_, i32>(7), row.get::<_, String>(2)))
        .filter(|(place, _)| *place >= 0)
        .collect();
    primary.sort_unstable();
    let columns = rows.iter().map(|row| Column {
        name: row.get(2),
        kind: row.get(3),
        is_text: row.get(4),
        is_required: row.get(5),
        is_generated: row.get(6),
    });
    Ok(Table {
        name: format!("{}.{}", sql::name(&schema), sql::name(relation)),
        columns: columns.collect(),
        primary: primary.into_iter().map(|(_, name)| name).collect(),
        schema,
    })
}

fn suggestion<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> String {
    known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min()
        .filter(|(distance, known)| *distance <= SLIP.min(known.len() / 2))
        .map_or(String::new(), |(_, known)| format!("; did you mean {known}?"))
}
