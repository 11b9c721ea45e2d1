//! Rows whose keys are not known here.

use ferrule_core::Value;

use super::{Grid, moment};

/// Most columns that are shown.
const COLUMNS: usize = 8;

/// Returns objects as a table: a column for each key that holds one thing, not a list or an object.
pub(crate) fn rows(rows: &[Value]) -> Grid {
    let mut columns: Vec<&str> = Vec::new();
    for (key, value) in
        rows.iter().filter_map(Value::as_object).flat_map(ferrule_core::Object::iter)
    {
        let is_plain = value.as_object().is_none() && value.as_array().is_none();
        if is_plain && !columns.contains(&key) && columns.len() < COLUMNS {
            columns.push(key);
        }
    }
    let mut grid = Grid::new(columns.iter().map(|column| column.replace('_', " ")));
    for row in rows {
        grid.add(columns.iter().map(|column| shown(column, row.get(column))));
    }
    grid
}

fn shown(column: &str, value: Option<&Value>) -> String {
    let is_time = column == "at" || column.ends_with("_at");
    match value {
        None | Some(Value::Null) => String::new(),
        Some(value @ (Value::Number(_) | Value::String(_))) if is_time => {
            let time = serde_json::to_value(value).map(|value| moment(&value)).unwrap_or_default();
            if time.is_empty() { plain(value) } else { time }
        }
        Some(other) => plain(other),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_is_plain_and_leaves_out_what_is_not() {
        let text = br#"[{"name": "a", "revoked_at": 0, "counts": {"read": 1}}, {"name": "b"}]"#;
        let all = ferrule_core::json::parse(text).unwrap();
        let text = rows(all.as_array().unwrap()).render();
        assert!(text.contains("revoked at") && text.contains("1970-01-01"), "{text}");
        assert!(!text.contains("read"), "{text}");
    }
}
