//! Records of a hub table: a few of them, with as many columns as fit.

use ferrule_core::Value;

use super::Grid;

/// Most columns that are shown.
const COLUMNS: usize = 7;

/// Returns records as a table, and the columns that did not fit.
pub(crate) fn sample(records: &[Value]) -> (Grid, Vec<String>) {
    let first = records.first().and_then(|record| record.get("value")?.as_object());
    let columns = first.into_iter().flat_map(ferrule_core::Object::iter);
    let mut columns: Vec<String> = columns.map(|(column, _)| column.to_owned()).collect();
    let hidden = columns.split_off(columns.len().min(COLUMNS));
    let mut grid = Grid::new(columns.clone());
    for record in records {
        let value = record.get("value");
        grid.add(columns.iter().map(|column| shown(value.and_then(|value| value.get(column)))));
    }
    (grid, hidden)
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.to_string(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_first_columns_in_their_order_and_names_the_others() {
        let columns: Vec<String> = (0..9).rev().map(|n| format!("\"c{n}\": {n}")).collect();
        let record = format!("{{\"key\": \"a\", \"value\": {{{}}}}}", columns.join(","));
        let record = ferrule_core::json::parse(record.as_bytes()).unwrap();
        let (grid, hidden) = sample(&[record]);
        assert!(grid.render().contains("c2"));
        assert_eq!(hidden, ["c1", "c0"]);
    }

    #[test]
    fn no_records_are_no_table() {
        assert!(sample(&[]).0.is_empty());
    }
}
