//! Reads a table page by page, losing no record while others change it.
//!
//! Pages go by `sys_id`: "the next thousand after this one". An offset alone would skip a record
//! whenever one before it leaves the filter or moves in the order. The offset only steps over
//! records that an ACL hides, because the limit counts those too: a page can be short or empty
//! and not be the last.

use ferrule_connector::{Extract, Failure, Fetched, Mark, Object, Record, Value};
use ferrule_core::{MAX_RECORDS, definition::Cursor};
use serde::{Deserialize, Serialize};

use crate::{
    DisplayValue, ServiceNow, Source,
    client::{Client, Listing},
    fields::Cache,
    query,
    text::{flat, moment, stored},
};

/// What deleted records leave behind.
const AUDIT: &str = "sys_audit_delete";

/// Where the next page starts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Position {
    /// The records are read; deleted ones are next.
    deleted: bool,
    /// The last `sys_id` that was read.
    after: Option<String>,
    /// Rows behind it that are hidden.
    offset: u64,
}

/// One page as it is asked for.
struct Page<'a> {
    table: &'a str,
    written: Option<&'a str>,
    conditions: Vec<String>,
    fields: String,
    display: DisplayValue,
    size: u64,
}

/// Fetches one page.
pub(crate) async fn fetch(
    request: &Extract<'_, ServiceNow>,
    cache: &Cache,
) -> Result<Fetched, Failure> {
    let client = Client::new(&request.context, request.rules)?;
    let source = request.source;
    let position: Position = match request.position {
        Value::Null => Position::default(),
        other => other.to().map_err(|e| Failure::invalid(format!("position of the page: {e}")))?,
    };
    let cursor = cursor_field(request.cursor, source.display_value)?;
    if source.deletes && source.display_value != DisplayValue::Stored {
        return Err(Failure::invalid("deletes needs display_value: stored"));
    }
    let size = source.page_size.map_or(request.page_size, usize::from).clamp(1, MAX_RECORDS);
    let since = request.since.and_then(since);
    let page = if position.deleted {
        deleted_page(source, since.as_deref(), size)
    } else {
        check_names(&client, cache, source, cursor).await?;
        live_page(source, cursor, since.as_deref(), size)
    };
    let listing = read(&client, &page, &position).await?;
    let mut next = next(&listing, &position, &page)?;
    if next.is_none() && !position.deleted && source.deletes && since.is_some() {
        next = Some(Position { deleted: true, ..Position::default() });
    }
    let record = |(at, row): (usize, Object)| {
        let line = at as u64 + 1;
        if position.deleted { gone(row, line, cursor) } else { live(row, line, source) }
    };
    let next = next.map(|position| Value::of(&position)).transpose();
    Ok(Fetched {
        origin: client.origin(page.table)?,
        records: listing.rows.into_iter().enumerate().map(record).collect(),
        rejected: Vec::new(),
        next: next.map_err(|e| Failure::invalid(e.to_string()))?,
    })
}

fn live_page<'a>(
    source: &'a Source,
    cursor: Option<&str>,
    since: Option<&str>,
    size: usize,
) -> Page<'a> {
    let bound = cursor.zip(since).map(|(field, since)| format!("{field}>={since}"));
    let mut fields: Vec<&str> = source.fields.iter().map(String::as_str).collect();
    if !fields.is_empty() {
        fields.extend(["sys_id"].into_iter().chain(cursor));
        fields.sort_unstable();
        fields.dedup();
    }
    Page {
        table: &source.table,
        written: source.query.as_deref(),
        conditions: bound.into_iter().collect(),
        fields: fields.join(","),
        display: source.display_value,
        size: size as u64,
    }
}

fn deleted_page<'a>(source: &Source, since: Option<&str>, size: usize) -> Page<'a> {
    let mut conditions = vec![format!("tablename={}", source.table)];
    conditions.extend(since.map(|since| format!("sys_created_on>={since}")));
    Page {
        table: AUDIT,
        written: None,
        conditions,
        fields: "sys_id,documentkey,sys_created_on".to_owned(),
        display: DisplayValue::Stored,
        size: size as u64,
    }
}

async fn check_names(
    client: &Client<'_>,
    cache: &Cache,
    source: &Source,
    cursor: Option<&str>,
) -> Result<(), Failure> {
    let mut names: Vec<&str> = source.fields.iter().map(String::as_str).collect();
    names.extend(query::fields(source.query.as_deref().unwrap_or_default())?);
    names.extend(cursor);
    names.push("sys_id");
    cache.checked(client, &source.table, &names).await.map(|_| ())
}

async fn read(
    client: &Client<'_>,
    page: &Page<'_>,
    position: &Position,
) -> Result<Listing, Failure> {
    let mut conditions = page.conditions.clone();
    conditions.extend(position.after.as_ref().map(|after| format!("sys_id>{after}")));
    let query = query::joined(page.written, &conditions, "sys_id");
    let (limit, offset) = (page.size.to_string(), position.offset.to_string());
    let mut parameters = vec![
        ("sysparm_query", query.as_str()),
        ("sysparm_limit", &limit),
        ("sysparm_display_value", page.display.parameter()),
        ("sysparm_exclude_reference_link", "true"),
    ];
    if position.offset > 0 {
        parameters.push(("sysparm_offset", &offset));
    }
    if !page.fields.is_empty() {
        parameters.push(("sysparm_fields", &page.fields));
    }
    client.list(page.table, &parameters).await
}

/// Decides whether there is more: by the count, else by the link, else by a page with nothing.
fn next(
    listing: &Listing,
    position: &Position,
    page: &Page<'_>,
) -> Result<Option<Position>, Failure> {
    let ids: Option<Vec<&str>> =
        listing.rows.iter().map(|row| row.get("sys_id").and_then(stored)).collect();
    let ids = ids.ok_or_else(|| Failure::unavailable("servicenow", "a record has no sys_id"))?;
    if position.after.as_deref().is_some_and(|after| ids.contains(&after)) {
        return Err(Failure::coded(
            "PAGE_LOOP",
            format!("{}: the next page leads back to records that were read", page.table),
        ));
    }
    let reach = position.offset + page.size;
    let has_more = match listing.total {
        Some(total) => total > reach,
        None => listing.has_next || !ids.is_empty(),
    };
    Ok(has_more.then(|| match ids.last() {
        Some(last) => Position { after: Some((*last).to_owned()), offset: 0, ..position.clone() },
        None => Position { offset: reach, ..position.clone() },
    }))
}

/// Returns the field of the table that the cursor goes by.
fn cursor_field(cursor: Option<&Cursor>, display: DisplayValue) -> Result<Option<&str>, Failure> {
    let Some(cursor) = cursor else { return Ok(None) };
    if display == DisplayValue::Shown {
        return Err(Failure::invalid(
            "display_value: shown gives times in the user's zone; a cursor needs stored or both",
        ));
    }
    let path = cursor.field.strip_prefix('.').unwrap_or(&cursor.field);
    let field = path.strip_suffix(".value").unwrap_or(path);
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if field.is_empty() || !field.chars().all(is_name) {
        return Err(Failure::invalid(format!(
            "cursor.field {:?} is not a field of the table, such as .sys_updated_on",
            cursor.field
        )));
    }
    Ok(Some(field))
}

fn since(mark: &Mark) -> Option<String> {
    match mark {
        Mark::Time(micros) => moment(*micros),
        Mark::Number(number) => Some(number.to_string()),
        Mark::Text(text) => query::unusable(text).is_none().then(|| text.clone()),
    }
}

fn live(row: Object, line: u64, source: &Source) -> Record {
    let row = if source.display_value == DisplayValue::Both { row } else { flat(row) };
    Record { line, value: row.into(), ..Record::default() }
}

/// A deleted record has nothing left but its id, and the time at which it went.
fn gone(row: Object, line: u64, cursor: Option<&str>) -> Record {
    let row = flat(row);
    let field = |name| row.get(name).cloned().unwrap_or_default();
    let mut left = Object::new();
    left.insert("sys_id", field("documentkey"));
    left.insert(cursor.unwrap_or("sys_updated_on"), field("sys_created_on"));
    Record { line, deleted: true, value: left.into(), ..Record::default() }
}
