//! Reads a table or a query page by page: "the next thousand after this row", never an offset.
//!
//! The server itself writes each row as JSON, which is exact: numbers keep every digit, times are
//! ISO 8601 in UTC, and what JSON has no type for is text that the server reads back.

use ferrule_connector::{Extract, Failure, Fetched, Record, Rejected, Value};
use ferrule_core::{MAX_RECORDS, json};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use crate::{
    Postgres,
    plan::Plan,
    session::{Access, Pool, Session},
    sql::{self, Text},
};

/// Where the next page starts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Position {
    /// Rows without a cursor value come last.
    nulls: bool,
    /// Cursor and key of the last row that was read, as text.
    after: Vec<String>,
}

/// Rows, their order by cursor and key, and where they end.
struct Pages {
    rows: Vec<Row>,
    next: Option<Position>,
}

/// Fetches one page.
pub(crate) async fn fetch(
    pool: &Pool,
    request: &Extract<'_, Postgres>,
) -> Result<Fetched, Failure> {
    let position: Position = match request.position {
        Value::Null => Position::default(),
        other => {
            let wrong =
                |error| Failure::coded("POSITION", format!("position of the page: {error}"));
            other.to().map_err(wrong)?
        }
    };
    let mut session = pool.begin(&request.context, Access::Read).await?;
    let plan = Plan::of(&mut session, request).await?;
    let size = request.source.page_size.map_or(request.page_size, usize::from);
    let Pages { rows, next } = read(&session, &plan, position, size.clamp(1, MAX_RECORDS)).await?;
    pool.roll_back(&request.context, session).await;
    let mut fetched = Fetched { origin: plan.origin, ..Fetched::default() };
    for (line, row) in (1..).zip(&rows) {
        let text: &str = row.get(0);
        match json::parse(text.as_bytes()) {
            Ok(value) => fetched.records.push(Record { line, value, ..Record::default() }),
            Err(error) => fetched.rejected.push(Rejected {
                line,
                code: "NOT_JSON",
                message: format!("the row cannot be taken: {error}"),
                raw: text.to_owned(),
            }),
        }
    }
    let next = next.map(|position| Value::of(&position)).transpose();
    fetched.next = next.map_err(|error| Failure::invalid(error.to_string()))?;
    Ok(fetched)
}

/// Reads until the page is full: first rows with a cursor value, then those without.
async fn read(
    session: &Session,
    plan: &Plan,
    mut position: Position,
    size: usize,
) -> Result<Pages, Failure> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        // One more than wanted tells whether there is a next page.
        let room = size - rows.len();
        let mut more = ask(session, plan, &position, room + 1).await?;
        let spare = if more.len() > room { more.pop() } else { None };
        for row in more.iter().chain(&spare) {
            plan.key(row, position.nulls)?;
        }
        if let Some(spare) = spare {
            if let Some(last) = more.last() {
                position.after = apart(plan, last, &spare, position.nulls)?;
            }
            rows.extend(more);
            return Ok(Pages { rows, next: Some(position) });
        }
        rows.extend(more);
        if position.nulls || !plan.may_lack_cursor() {
            return Ok(Pages { rows, next: None });
        }
        position = Position { nulls: true, after: Vec::new() };
    }
}

/// Returns the key of the last row of a page. When the next row has the same one, one of the two
/// would never be read.
fn apart(plan: &Plan, last: &Row, next: &Row, nulls: bool) -> Result<Vec<String>, Failure> {
    let key = plan.key(last, nulls)?;
    if key != plan.key(next, nulls)? {
        return Ok(key);
    }
    let (origin, names) = (&plan.origin, plan.key_names());
    let what = "name key_columns that tell rows apart";
    let reason = format!("{origin}: two rows have the same {names}; {what}");
    Err(Failure::coded("KEY_NOT_UNIQUE", reason))
}

async fn ask(
    session: &Session,
    plan: &Plan,
    position: &Position,
    limit: usize,
) -> Result<Vec<Row>, Failure> {
    let mut values = Vec::new();
    let mut conditions = Vec::new();
    let mut bind = |value: &str| {
        values.push(value.to_owned());
        format!("${}", values.len())
    };
    if let Some(cursor) = plan.cursor.as_ref() {
        let column = format!("r.{}", sql::name(&cursor.name));
        if position.nulls {
            conditions.push(format!("{column} is null"));
        } else {
            if !cursor.is_required {
                conditions.push(format!("{column} is not null"));
            }
            if let Some(since) = &plan.since {
                conditions.push(format!("{column}{} >= {}", since.collation, bind(&since.value)));
            }
        }
    }
    let ordered = plan.ordered(position.nulls);
    if !position.after.is_empty() {
        if position.after.len() != ordered.len() {
            return Err(Failure::coded("POSITION", "the key of the source changed during the run"));
        }
        let after: Vec<String> = position.after.iter().map(|value| bind(value)).collect();
        let names = sql::list("r.", ordered.iter().map(|column| column.name.as_str()));
        conditions.push(format!("({names}) > ({})", after.join(", ")));
    }
    let filter = if conditions.is_empty() {
        String::new()
    } else {
        format!(" where {}", conditions.join(" and "))
    };
    let mut keys = String::new();
    let mut order = Vec::new();
    for column in ordered {
        let name = sql::name(&column.name);
        keys.push_str(&format!(", r.{name}::text"));
        // A row without a key must come before any other is passed, so that it is found out.
        let nulls = if column.is_required || column.is_cursor { "" } else { " nulls first" };
        order.push(format!("r.{name}{nulls}"));
    }
    let statement = format!(
        "select row_to_json(r.*)::text{keys} from {} as r{filter} order by {} limit {limit}",
        plan.from,
        order.join(", ")
    );
    let values: Vec<Text<'_>> = values.iter().map(|value| Text(value)).collect();
    session.rows(&statement, &values).await
}
