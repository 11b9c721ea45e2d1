//! What is read, in which order, and from where on.

use ferrule_connector::{Extract, Failure, Mark};
use ferrule_core::definition::Cursor;
use jiff::{Timestamp, tz::TimeZone};
use tokio_postgres::Row;

use crate::{
    Postgres, Source,
    session::Session,
    sql,
    table::{Column, Table},
};

/// Type of a query's column, found out without running the query.
const TYPE_OF: &str = "select format_type(t.oid, null), t.typcategory = 'S' \
    from pg_catalog.pg_type t where t.oid = ";

/// What is read.
pub(crate) struct Plan {
    /// For people: a table's name, or that it is a query.
    pub(crate) origin: String,
    /// What stands after `from`.
    pub(crate) from: String,
    pub(crate) cursor: Option<Ordered>,
    /// Only rows at or after this.
    pub(crate) since: Option<Since>,
    keys: Vec<Ordered>,
}

/// A column that rows are ordered by.
#[derive(Debug)]
pub(crate) struct Ordered {
    pub(crate) name: String,
    pub(crate) is_required: bool,
    pub(crate) is_cursor: bool,
}

/// A lower bound as the column's type has it.
#[derive(Debug)]
pub(crate) struct Since {
    pub(crate) value: String,
    /// The hub compares text character by character; so must the server.
    pub(crate) collation: &'static str,
}

impl Plan {
    /// Looks up what is named, and says what is not there.
    pub(crate) async fn of(
        session: &mut Session,
        request: &Extract<'_, Postgres>,
    ) -> Result<Self, Failure> {
        let cursor = request.cursor.map(|cursor| column(&cursor.field)).transpose()?;
        let source = request.source;
        let mut plan = match (&source.table, &source.query) {
            (Some(table), None) => Self::table(session, request, table, cursor).await?,
            (None, Some(query)) => Self::query(session, request, query, cursor).await?,
            _ => return Err(Failure::coded("SOURCE", "the source needs either table or query")),
        };
        plan.keys.retain(|key| Some(key.name.as_str()) != cursor);
        if plan.keys.is_empty() && plan.cursor.is_none() {
            let why = "has no primary key: name key_columns that tell rows apart";
            return Err(Failure::coded("NO_KEY", format!("{} {why}", plan.origin)));
        }
        Ok(plan)
    }

    async fn table(
        session: &mut Session,
        request: &Extract<'_, Postgres>,
        table: &str,
        cursor: Option<&str>,
    ) -> Result<Self, Failure> {
        let source = request.source;
        let schema = source.schema.as_ref().or(request.context.settings.schema.as_ref());
        let names = source.columns.iter().chain(&source.key_columns).map(String::as_str);
        let names = names.chain(cursor);
        let schema = schema.map(String::as_str);
        let table = Table::with(session, schema, table, names).await?;
        let mut keys = source.key_columns.clone();
        if keys.is_empty() {
            keys.clone_from(&table.primary);
        }
        if keys.is_empty() {
            keys.extend(tie_break(request.cursor)?);
        }
        let is_required = |name: &str| table.column(name).is_ok_and(|column| column.is_required);
        let mut since = None;
        if let Some(name) = cursor {
            since = bound(request, table.column(name)?)?;
        }
        let ordered = |name: &str, is_cursor| Ordered {
            name: name.to_owned(),
            is_required: is_required(name),
            is_cursor,
        };
        let all: Vec<&str> = keys.iter().map(String::as_str).chain(cursor).collect();
        Ok(Self {
            origin: table.name.replace('"', ""),
            from: from(&table.name, source, &all),
            cursor: cursor.map(|name| ordered(name, true)),
            since,
            keys: keys.iter().map(|name| ordered(name, false)).collect(),
        })
    }

    async fn query(
        session: &Session,
        request: &Extract<'_, Postgres>,
        query: &str,
        cursor: Option<&str>,
    ) -> Result<Self, Failure> {
        let source = request.source;
        let mut keys = source.key_columns.clone();
        if keys.is_empty() {
            keys.extend(tie_break(request.cursor)?);
        }
        if keys.is_empty() {
            let why = "a query needs key_columns, or a tie_break of the cursor, to tell rows apart";
            return Err(Failure::coded("NO_KEY", why));
        }
        // The line's end closes a comment at the end of the query.
        let inner = format!("({}\n)", query.trim_end().trim_end_matches(';'));
        let mut since = None;
        if let (Some(name), Some(_)) = (cursor, request.since) {
            let column = sql::name(name);
            let probe =
                format!("{TYPE_OF}pg_typeof((select q.{column} from {inner} as q limit 0))");
            if let Some(row) = session.rows(&probe, &[]).await?.first() {
                let (kind, is_text) = (row.get(0), row.get(1));
                let name = name.to_owned();
                let column =
                    Column { name, kind, is_text, is_required: false, is_generated: false };
                since = bound(request, &column)?;
            }
        }
        let ordered = |name: &str, is_cursor| Ordered {
            name: name.to_owned(),
            is_required: false,
            is_cursor,
        };
        let all: Vec<&str> = keys.iter().map(String::as_str).chain(cursor).collect();
        Ok(Self {
            origin: "query".to_owned(),
            from: from(&inner, source, &all),
            cursor: cursor.map(|name| ordered(name, true)),
            since,
            keys: keys.iter().map(|name| ordered(name, false)).collect(),
        })
    }

    /// The columns that a page is ordered by; rows without a cursor value are ordered by key.
    pub(crate) fn ordered(&self, nulls: bool) -> Vec<&Ordered> {
        self.cursor.iter().filter(|_| !nulls).chain(&self.keys).collect()
    }

    /// Tells whether a row can be without a cursor value. The hub refuses such a row by name.
    pub(crate) fn may_lack_cursor(&self) -> bool {
        self.cursor.as_ref().is_some_and(|cursor| !cursor.is_required && !self.keys.is_empty())
    }

    pub(crate) fn key_names(&self) -> String {
        let names = self.ordered(false).into_iter().map(|column| column.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    /// Reads cursor and key of a row, as text.
    pub(crate) fn key(&self, row: &Row, nulls: bool) -> Result<Vec<String>, Failure> {
        let values = self.ordered(nulls).into_iter().enumerate().map(|(at, column)| {
            row.get::<_, Option<String>>(at + 1).ok_or_else(|| {
                let why = "is null in a row; rows are told apart by it";
                Failure::coded("KEY_NULL", format!("{}: {} {why}", self.origin, column.name))
            })
        });
        values.collect()
    }
}

/// Narrows to the wanted columns; those that rows are ordered by are always among them.
fn from(what: &str, source: &Source, ordered: &[&str]) -> String {
    if source.columns.is_empty() {
        return what.to_owned();
    }
    let mut names: Vec<&str> = source.columns.iter().map(String::as_str).collect();
    names.extend(ordered.iter().filter(|name| !source.columns.iter().any(|one| one == *name)));
    format!("(select {} from {what} as s)", sql::list("s.", names))
}

/// Returns the column that a path such as `.updated_at` names.
fn column(path: &str) -> Result<&str, Failure> {
    let name = path.strip_prefix('.').unwrap_or(path);
    let is_name = !name.is_empty() && !name.contains(['.', '[', '"']);
    is_name.then_some(name).ok_or_else(|| {
        let what = "is not a column, such as .updated_at";
        Failure::coded("CURSOR", format!("the cursor's {path:?} {what}"))
    })
}

fn tie_break(cursor: Option<&Cursor>) -> Result<Option<String>, Failure> {
    let path = cursor.and_then(|cursor| cursor.tie_break.as_deref());
    Ok(path.map(column).transpose()?.map(str::to_owned))
}

/// Writes the lower bound as the column has it; `None` where the server compares differently: then
/// everything is read, and the hub leaves out what it has seen.
fn bound(request: &Extract<'_, Postgres>, column: &Column) -> Result<Option<Since>, Failure> {
    let Some(mark) = request.since else { return Ok(None) };
    let zone = request.cursor.and_then(|cursor| cursor.zone.as_deref()).unwrap_or("UTC");
    let plain = |value: String| Some(Since { value, collation: "" });
    Ok(match mark {
        Mark::Time(micros) => {
            let zone = TimeZone::get(zone).map_err(|e| Failure::invalid(e.to_string()))?;
            let time = Timestamp::from_microsecond(*micros).ok();
            let civil = time.map(|time| zone.to_datetime(time));
            match column.kind.as_str() {
                "date" => civil.map(|civil| civil.date().to_string()).and_then(plain),
                kind if kind.ends_with("with time zone") => {
                    time.map(|time| time.to_string()).and_then(plain)
                }
                kind if kind.starts_with("timestamp") => {
                    civil.map(|civil| civil.to_string()).and_then(plain)
                }
                _ => None,
            }
        }
        Mark::Number(number) if !column.is_text => plain(number.to_string()),
        Mark::Text(text) if column.is_text => {
            Some(Since { value: text.clone(), collation: " collate \"C\"" })
        }
        Mark::Text(text) if column.kind == "uuid" => plain(text.clone()),
        Mark::Number(_) | Mark::Text(_) => None,
    })
}
