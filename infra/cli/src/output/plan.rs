//! What a run would do: of plans, and of runs that wait for approval.

use serde_json::Value;

use super::{Grid, count, moment};

/// What would become of a record, in the order of the flow.
const OUTCOMES: [(&str, &str); 10] = [
    ("read", "read from the source"),
    ("skipped", "left out: an earlier run had them"),
    ("ignored", "left out by a rule"),
    ("refused", "refused"),
    ("created", "new in the target"),
    ("updated", "changed in the target"),
    ("deleted", "removed from the target"),
    ("unchanged", "there already, the same"),
    ("stale", "dropped: the target has a newer version"),
    ("unknown", "written; what that changes is not known"),
];

/// Returns what would become of the records of a plan.
pub(crate) fn planned(run: &Value) -> Grid {
    counts(&run["counts"], "read")
}

fn counts(counts: &Value, always: &str) -> Grid {
    let mut grid = Grid::new(["records", "what would become of them"]);
    for (key, words) in OUTCOMES {
        let number = counts[key].as_u64().unwrap_or_default();
        if number > 0 || key == always {
            grid.add([count(number), words.to_owned()]);
        }
    }
    grid
}

/// Returns what a run that waits for approval would do, and why it waits.
pub(crate) fn held(run: &Value) -> Grid {
    let guard = &run["guard"];
    let mut grid = counts(&guard["would"], "");
    if let Some(holds) = guard["holds"].as_u64() {
        grid.add([count(holds), "in the target now, at least".to_owned()]);
    }
    let text = |key: &str| guard[key].as_str().unwrap_or_default().to_owned();
    grid.add(["why".to_owned(), text("why")]);
    grid.add(["until".to_owned(), moment(&guard["waits_until"])]);
    grid
}

/// Returns changes field by field.
pub(crate) fn changes(of: &Value) -> Grid {
    let mut grid = Grid::new(["record", "would be", "field", "is", "becomes"]);
    for sample in of["samples"].as_array().into_iter().flatten() {
        let text = |key: &str| sample[key].as_str().unwrap_or_default().to_owned();
        let does = match sample["does"].as_str() {
            Some("create") => "new",
            Some("delete") => "removed",
            _ => "changed",
        };
        let head = [text("key"), does.to_owned()];
        let fields = sample["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
        if fields.is_empty() {
            let [key, does] = head.clone();
            grid.add([key, does, String::new(), String::new(), String::new()]);
        }
        for (at, field) in fields.iter().enumerate() {
            let [key, does] = if at == 0 { head.clone() } else { [const { String::new() }; 2] };
            let text = |key: &str| field[key].as_str().unwrap_or_default().to_owned();
            grid.add([key, does, text("field"), text("old"), text("new")]);
        }
        let more = sample["more_fields"].as_u64().unwrap_or_default();
        if more > 0 {
            let more = format!("and {more} more");
            grid.add([String::new(), String::new(), more, String::new(), String::new()]);
        }
    }
    grid
}

/// Returns why records would be refused.
pub(crate) fn would_refuse(plan: &Value) -> Grid {
    let mut grid = Grid::new(["records", "code", "for example"]);
    for reason in plan["refused"].as_array().into_iter().flatten() {
        let text = |key: &str| reason[key].as_str().unwrap_or_default();
        let records = count(reason["records"].as_u64().unwrap_or_default());
        let example = format!("{}: {}", place(reason), text("message"));
        grid.add([records, text("code").to_owned(), example]);
    }
    grid
}

/// Where a record stood: `incidents.csv line 7`.
fn place(reason: &Value) -> String {
    super::errors::place(&serde_json::json!({ "record": reason }))
}

/// Returns what a run would take.
pub(crate) fn takes(plan: &Value) -> Grid {
    let mut grid = Grid::new(["what", ""]);
    let known = |key: &str| {
        plan[key].as_u64().map_or_else(|| "not known for this target".to_owned(), count)
    };
    grid.add(["calls of the source".to_owned(), known("source_calls")]);
    grid.add(["calls of the target".to_owned(), known("target_calls")]);
    let minutes = match plan["minutes"].as_u64() {
        None => known("minutes"),
        Some(0 | 1) => "within a minute".to_owned(),
        Some(minutes) => format!("{} minutes at least", count(minutes)),
    };
    grid.add(["under the rate limits".to_owned(), minutes]);
    let cost = plan["cost_usd"].as_f64().unwrap_or_default();
    grid.add(["estimated cost".to_owned(), format!("{cost:.6} USD")]);
    grid
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_shown_field_by_field_and_says_when_there_is_more() {
        let plan = json!({"samples": [
            {"key": "INC1", "does": "update", "more_fields": 3, "fields": [
                {"field": "state", "old": "\"open\"", "new": "\"closed\""},
                {"field": "note", "new": "\"done\""}]},
            {"key": "INC2", "does": "delete"}]});
        let text = changes(&plan).render();
        for part in ["INC1", "changed", "\"open\"", "\"closed\"", "note", "and 3 more", "INC2"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("removed"), "{text}");
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        let run = json!({"counts": {"read": 7, "unknown": 7}});
        assert!(planned(&run).render().contains("not known"));
        let text = takes(&json!({"source_calls": 2, "cost_usd": 0.000_012})).render();
        assert!(text.contains("not known for this target") && text.contains("0.000012"), "{text}");
    }
}
