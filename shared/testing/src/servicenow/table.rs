//! The Table API.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    answer::Answer,
    rows::{Row, Tables},
};

/// A request to the Table API, path and query taken apart.
pub(super) struct Call<'a> {
    pub(super) base: &'a str,
    pub(super) v1: bool,
    pub(super) path: &'a str,
    pub(super) table: &'a str,
    pub(super) query: &'a BTreeMap<String, String>,
}

impl Call<'_> {
    fn param(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    fn number(&self, name: &str, default: usize) -> usize {
        self.param(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    fn is_true(&self, name: &str) -> bool {
        self.param(name) == Some("true")
    }
}

/// `GET /table/{table}`
pub(super) fn list(tables: &Tables, call: &Call<'_>, strict: bool) -> Answer {
    let query = call.param("sysparm_query").unwrap_or_default();
    let is_field = |field: &str| tables.is_field(call.table, field);
    if strict && super::query::Query::parse(query, &is_field).invalid {
        return Answer::ok(&json!({"result": []})).with("x-total-count", "0".to_owned());
    }
    let (limit, offset) = (call.number("sysparm_limit", 10_000), call.number("sysparm_offset", 0));
    let found = tables.find(call.table, query, offset, limit);
    if found.total == 0 && call.v1 {
        return Answer::no_record();
    }
    let rows: Vec<Value> = found.rows.iter().map(|row| shown(tables, call, row)).collect();
    let mut answer = Answer::ok(&json!({ "result": rows }));
    if !call.is_true("sysparm_suppress_pagination_header") {
        let link = link(call, offset, limit, found.total);
        answer = if link.is_empty() { answer } else { answer.with("link", link) };
    }
    if call.is_true("sysparm_no_count") {
        return answer;
    }
    answer.with("x-total-count", found.total.to_string())
}

fn link(call: &Call<'_>, offset: usize, limit: usize, total: usize) -> String {
    let last = total.saturating_sub(1) / limit.max(1) * limit;
    let mut pages = vec![("first", 0)];
    pages.extend((offset > 0).then(|| ("prev", offset.saturating_sub(limit))));
    pages.extend((offset + limit < total).then_some(("next", offset + limit)));
    pages.push(("last", last));
    let page = |(rel, offset): (&str, usize)| {
        let mut query = call.query.clone();
        query.insert("sysparm_offset".into(), offset.to_string());
        query.insert("sysparm_limit".into(), limit.to_string());
        let text =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("<{}{}?{text}>;rel=\"{rel}\"", call.base, call.path)
    };
    pages.into_iter().map(page).collect::<Vec<_>>().join(",")
}

/// Shows a row: text, references as objects, with only the fields that were asked for and exist.
fn shown(tables: &Tables, call: &Call<'_>, row: &Row) -> Value {
    let fields = tables.fields(call.table);
    let asked: Vec<String> = match call.param("sysparm_fields") {
        Some(list) if !list.is_empty() => list.split(',').map(str::to_owned).collect(),
        _ => fields.keys().cloned().collect(),
    };
    let mut object = Map::new();
    for field in asked {
        let Some(value) = tables.value(call.table, row, &field) else { continue };
        let to = fields.get(&field).cloned().flatten().filter(|_| !value.is_empty());
        object.insert(field, cell(call, value, to.as_deref()));
    }
    object.into()
}

fn cell(call: &Call<'_>, value: String, refers_to: Option<&str>) -> Value {
    let link = refers_to
        .filter(|_| !call.is_true("sysparm_exclude_reference_link"))
        .map(|table| format!("{}/api/now/table/{table}/{value}", call.base));
    match (call.param("sysparm_display_value"), link) {
        (Some("all"), Some(link)) => json!({"display_value": value, "value": value, "link": link}),
        (Some("all"), None) => json!({"display_value": value, "value": value}),
        (Some("true"), Some(link)) => json!({"display_value": value, "link": link}),
        (_, Some(link)) => json!({"link": link, "value": value}),
        (_, None) => value.into(),
    }
}

/// `GET /table/{table}/{sys_id}`
pub(super) fn one(tables: &Tables, call: &Call<'_>, id: &str) -> Answer {
    let found = tables.all.get(call.table).filter(|table| !table.hidden.contains(id));
    match found.and_then(|table| table.rows.get(id)) {
        Some(row) => Answer::ok(&json!({ "result": shown(tables, call, row) })),
        None => Answer::no_record(),
    }
}

/// `POST /table/{table}`
pub(super) fn insert(tables: &mut Tables, call: &Call<'_>, body: &[u8]) -> Answer {
    let Some(values) = row_of(body) else { return unreadable() };
    let row = tables.insert(call.table, &values);
    let location = format!("{}{}/{}", call.base, call.path, row["sys_id"]);
    Answer::created(&json!({ "result": shown(tables, call, &row) })).with("location", location)
}

/// `PUT` and `PATCH /table/{table}/{sys_id}`
pub(super) fn update(tables: &mut Tables, call: &Call<'_>, id: &str, body: &[u8]) -> Answer {
    let Some(values) = row_of(body) else { return unreadable() };
    match tables.update(call.table, id, &values) {
        Some(row) => Answer::ok(&json!({ "result": shown(tables, call, &row) })),
        None => Answer::no_record(),
    }
}

/// `DELETE /table/{table}/{sys_id}`
pub(super) fn remove(tables: &mut Tables, call: &Call<'_>, id: &str) -> Answer {
    if tables.remove(call.table, id) {
        Answer::empty(StatusCode::NO_CONTENT)
    } else {
        Answer::no_record()
    }
}

/// Reads a record; of several, only the first is used.
pub(super) fn row_of(body: &[u8]) -> Option<Row> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let object = match value {
        Value::Object(object) => object,
        Value::Array(items) => match items.into_iter().next()? {
            Value::Object(object) => object,
            _ => return None,
        },
        _ => return None,
    };
    Some(object.into_iter().map(|(key, value)| (key, text_of(value))).collect())
}

/// Everything becomes text.
fn text_of(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn unreadable() -> Answer {
    Answer::failure(400, "Exception while reading request", "The payload is not valid JSON")
}
