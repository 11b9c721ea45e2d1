//! The error log: which record, where, why.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Grid, count, moment};

/// Heading of [`reasons`].
pub(crate) const REASONS: &str = "Refused, and why";

/// Returns how many records there are of each code, with an example of its message. Each row stands for so
/// many records.
pub(crate) fn reasons<'r>(rows: impl IntoIterator<Item = (&'r Value, u64)>) -> Grid {
    let mut codes: BTreeMap<&str, (u64, &Value)> = BTreeMap::new();
    for (row, number) in rows {
        codes.entry(row["code"].as_str().unwrap_or_default()).or_insert((0, row)).0 += number;
    }
    let mut grid = Grid::new(["records", "code", "for example"]);
    for (code, (number, example)) in codes {
        let place = place(example);
        let message = example["message"].as_str().unwrap_or_default();
        grid.add([count(number), code.to_owned(), format!("{place}: {message}")]);
    }
    grid
}

/// Returns the rows of the error log.
pub(crate) fn refused(rows: &[Value]) -> Grid {
    let mut grid = Grid::new(["when", "code", "where", "key", "what is wrong", "state"]);
    for row in rows {
        grid.add([
            moment(&row["at"]),
            row["code"].as_str().unwrap_or_default().to_owned(),
            place(row),
            row["record"]["key"].as_str().unwrap_or_default().to_owned(),
            row["message"].as_str().unwrap_or_default().to_owned(),
            row["state"].as_str().unwrap_or_default().to_owned(),
        ]);
    }
    grid
}

/// Where a record stood: `incidents.csv line 7`.
pub(super) fn place(row: &Value) -> String {
    let origin = row["record"]["origin"].as_str().unwrap_or_default();
    let file = origin.rsplit('/').next().unwrap_or(origin);
    match row["record"]["line"].as_u64() {
        None | Some(0) => file.to_owned(),
        Some(line) => format!("{file} line {line}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_the_file_and_the_line() {
        let row = json!({
            "code": "CSV_COLUMNS", "message": "35 of 36 columns",
            "record": {"origin": "incidents/a.csv", "line": 7}
        });
        let rows = [row.clone(), row];
        let text = reasons(rows.iter().map(|row| (row, 1))).render();
        assert!(text.contains("a.csv line 7: 35 of 36 columns") && text.contains('2'), "{text}");
        assert!(refused(&rows).render().contains("a.csv line 7"));
    }
}
