//! What is parked, and what a replay of it would do.

use serde_json::Value;

use super::{Grid, count, counted, errors::place, moment};

/// Letters of an id or a hash that are shown: enough to tell them apart, and to name them.
const ID_CHARS: usize = 12;

fn short(value: &Value) -> String {
    value.as_str().unwrap_or_default().chars().take(ID_CHARS).collect()
}

fn number(value: &Value) -> String {
    count(value.as_u64().unwrap_or_default())
}

/// Returns the rows of what is parked.
pub(crate) fn parked(rows: &[Value]) -> Grid {
    let heads =
        ["id", "parked", "integration", "code", "where", "records", "what is wrong", "kept until"];
    let mut grid = Grid::new(heads);
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let day = moment(&row["expires_at"]);
        grid.add([
            short(&row["id"]),
            moment(&row["at"]),
            text("integration"),
            text("code"),
            place(row),
            count(row["record"]["count"].as_u64().unwrap_or_default().max(1)),
            text("message"),
            day.split(' ').next().unwrap_or_default().to_owned(),
        ]);
    }
    grid
}

/// Says how many records a selection has; a preview counts so many and no more.
pub(crate) fn records(preview: &Value) -> String {
    let more = if preview["more"] == true { " and more" } else { "" };
    format!("{}{more}", counted(preview["records"].as_u64().unwrap_or_default(), "record"))
}

/// Tells whether nothing matches, as far as is known.
pub(crate) fn is_nothing(preview: &Value) -> bool {
    preview["errors"].as_u64() == Some(0) && preview["more"] != true
}

/// Returns how much a selection is.
pub(crate) fn amount(preview: &Value) -> Grid {
    let mut grid = Grid::new(["what", ""]);
    let more = if preview["more"] == true { " and more" } else { "" };
    grid.add(["records".to_owned(), format!("{}{more}", number(&preview["records"]))]);
    grid.add([
        "entries of the error log".to_owned(),
        format!("{}{more}", number(&preview["errors"])),
    ]);
    let codes = preview["codes"].as_array().into_iter().flatten();
    let codes: Vec<String> = codes
        .map(|code| {
            format!("{} ({})", code["code"].as_str().unwrap_or_default(), number(&code["errors"]))
        })
        .collect();
    grid.add(["codes".to_owned(), codes.join(", ")]);
    grid.add(["oldest parked".to_owned(), moment(&preview["oldest"])]);
    grid.add(["oldest kept until".to_owned(), moment(&preview["expires_at"])]);
    grid
}

/// Returns what a replay would do.
pub(crate) fn preview(preview: &Value) -> Grid {
    let mut grid = amount(preview);
    let with = match preview["with"].as_str() {
        Some("today") => "today's definition",
        _ => "the definition under which it failed",
    };
    grid.add(["with".to_owned(), with.to_owned()]);
    if preview["guarded"].as_u64().is_some_and(|guarded| guarded > 0) {
        let guarded = number(&preview["guarded"]);
        grid.add([
            "stopped by a guard".to_owned(),
            format!("{guarded}: they take a key with role admin, as approving does"),
        ]);
    }
    let tried = &preview["tried"];
    if !tried.is_null() {
        grid.add(["tried on some of them".to_owned(), verdicts(tried)]);
    }
    let minutes = match preview["minutes"].as_u64() {
        _ if preview["more"] == true => format!("{} minutes and more", number(&preview["minutes"])),
        Some(0 | 1) => "within a minute".to_owned(),
        _ => format!("{} minutes", number(&preview["minutes"])),
    };
    let rate = preview["rate"].as_str().unwrap_or_default();
    grid.add([
        "sent".to_owned(),
        format!("{minutes} at {rate}, and no faster than the target's own limits"),
    ]);
    let cost = preview["cost_usd"].as_f64().unwrap_or_default();
    grid.add(["estimated cost".to_owned(), format!("{cost:.4} USD")]);
    grid
}

fn verdicts(tried: &Value) -> String {
    let of = |key: &str| tried[key].as_u64().unwrap_or_default();
    let mut said = format!("{} of {} pass", count(of("mapped")), count(of("records")));
    if of("ignored") > 0 {
        said.push_str(&format!(", {} left out by a rule", count(of("ignored"))));
    }
    if of("refused") > 0 {
        let reason = tried["reason"].as_str().unwrap_or_default();
        said.push_str(&format!(", {} refused again ({reason})", count(of("refused"))));
    }
    said
}

/// Returns under which definitions it failed.
pub(crate) fn definitions(preview: &Value) -> Grid {
    let mut grid = Grid::new(["integration", "definition", "today's", "records"]);
    for one in preview["definitions"].as_array().into_iter().flatten() {
        let today = match (one["today"].is_null(), one["changed"].as_bool()) {
            (true, _) => "gone".to_owned(),
            (false, Some(false)) => "the same".to_owned(),
            _ => short(&one["today"]),
        };
        let name = one["integration"].as_str().unwrap_or_default().to_owned();
        grid.add([name, short(&one["definition"]), today, number(&one["records"])]);
    }
    grid
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(minutes: u64, refused: u64) -> Value {
        json!({
            "errors": 500, "records": 500, "more": false, "with": "today", "rate": "6000/m",
            "minutes": minutes, "cost_usd": 0.001_234, "oldest": 0, "expires_at": 86_400_000,
            "codes": [{"code": "TYPE", "errors": 500}],
            "tried": {"records": 200, "mapped": 200 - refused, "ignored": 0, "refused": refused,
                      "reason": "TYPE: age: expected an integer"},
            "definitions": [{"integration": "people-in", "definition": "a".repeat(64),
                             "today": "b".repeat(64), "changed": true, "records": 500}],
        })
    }

    #[test]
    fn a_preview_says_how_much_what_passes_and_how_long() {
        let text = preview(&of(1, 0)).render();
        for said in ["500", "TYPE (500)", "200 of 200 pass", "within a minute", "0.0012 USD"] {
            assert!(text.contains(said), "no {said:?} in {text}");
        }
        let text = preview(&of(7, 3)).render();
        for said in ["197 of 200 pass, 3 refused again", "age: expected", "7 minutes"] {
            assert!(text.contains(said), "no {said:?} in {text}");
        }
        let text = definitions(&of(1, 0)).render();
        assert!(text.contains("bbbbbbbbbbbb") && !text.contains("bbbbbbbbbbbbb"), "{text}");
    }

    #[test]
    fn what_was_not_counted_to_its_end_says_so() {
        let mut of = of(100, 0);
        assert_eq!((records(&of).as_str(), is_nothing(&of)), ("500 records", false));
        of["more"] = json!(true);
        of["records"] = json!(10_000);
        assert_eq!(records(&of), "10,000 records and more");
        assert!(preview(&of).render().contains("100 minutes and more"));
        of["errors"] = json!(0);
        assert!(!is_nothing(&of), "it has not seen all");
        of["more"] = json!(false);
        assert!(is_nothing(&of));
    }

    #[test]
    fn the_table_fits_and_shows_what_names_a_row() {
        let row = json!({
            "id": "c".repeat(64), "at": 0, "integration": "people-in", "code": "TYPE",
            "record": {"origin": "people/a.csv", "line": 7, "count": 1},
            "message": "age: expected an integer, found text \"old\" and much more to say about it",
            "expires_at": "2026-12-22T00:00:00Z",
        });
        let text = parked(&[row]).render();
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
        assert!(text.contains("cccccccccccc") && text.contains("2026-12-22"), "{text}");
    }
}
