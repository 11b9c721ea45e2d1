//! Runs: what came in, what became of it, how long each stage took.

use serde_json::Value;

use super::{Grid, count, moment, since};

/// Every outcome of a record, with the words for it, in the order of the flow.
const OUTCOMES: [(&str, &str); 12] = [
    ("read", "read from the source"),
    ("skipped", "left out: an earlier run had them"),
    ("ignored", "left out by a rule"),
    ("refused", "refused, see the error log"),
    ("parked", "parked with their batch"),
    ("created", "loaded: new"),
    ("updated", "loaded: changed"),
    ("deleted", "loaded: removed"),
    ("unchanged", "there already, the same"),
    ("stale", "dropped: the target has a newer version"),
    ("told", "told to a recipient"),
    ("digested", "put into a digest"),
];

/// Returns one run as a table of what became of its records.
pub(crate) fn run(run: &Value) -> Grid {
    let mut grid = Grid::new(["records", "what became of them"]);
    for (key, words) in OUTCOMES {
        let number = number(&run["counts"][key]);
        if number > 0 || key == "read" {
            grid.add([count(number), words.to_owned()]);
        }
    }
    grid
}

/// Returns how long the stages of a run worked.
pub(crate) fn stages(run: &Value) -> Grid {
    let mut grid = Grid::new(["stage", "worked"]);
    for stage in ["extract", "transform", "load"] {
        let millis = number(&run["timings"][format!("{stage}_ms")]);
        grid.add([stage.to_owned(), since(millis)]);
    }
    if let Some(took) = whole(run) {
        grid.add(["from start to end".to_owned(), since(took)]);
    }
    grid
}

/// Returns how long a run took from its start to its end, in milliseconds.
pub(crate) fn whole(run: &Value) -> Option<u64> {
    let (started, ended) = (millis(&run["started_at"])?, millis(&run["ended_at"])?);
    Some(ended.saturating_sub(started).max(0).unsigned_abs())
}

/// Returns runs as a list.
pub(crate) fn runs<'r>(runs: impl IntoIterator<Item = &'r Value>) -> Grid {
    let mut grid = Grid::new([
        "run",
        "integration",
        "state",
        "started",
        "read",
        "loaded",
        "refused",
        "unchanged",
        "stale",
        "why",
    ]);
    for run in runs {
        let counts = &run["counts"];
        let sum = |keys: &[&str]| count(keys.iter().map(|key| number(&counts[*key])).sum());
        grid.add([
            text(&run["run"]).to_owned(),
            text(&run["integration"]).to_owned(),
            state(run),
            moment(&run["started_at"]),
            sum(&["read"]),
            sum(&["created", "updated", "deleted", "told", "digested"]),
            sum(&["refused", "parked"]),
            sum(&["unchanged", "skipped"]),
            sum(&["stale"]),
            text(&run["reason"]).to_owned(),
        ]);
    }
    grid
}

/// Says how a run stands. A plan has done nothing, however it stands.
fn state(run: &Value) -> String {
    let state = text(&run["state"]).replace('_', " ");
    if run["kind"] == "plan" { format!("plan {state}") } else { state }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn millis(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok().map(|time: jiff::Timestamp| time.as_millisecond()),
        other => other.as_i64(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shows_what_happened_and_leaves_out_what_did_not() {
        let text = run(&json!({"counts": {"read": 5998, "created": 890}})).render();
        assert!(text.contains("5,998") && text.contains("loaded: new"), "{text}");
        assert!(!text.contains("parked"), "{text}");
    }

    #[test]
    fn shows_how_long_each_stage_worked() {
        let run = json!({"timings": {"load_ms": 1200}, "started_at": 1000, "ended_at": 4500});
        let text = stages(&run).render();
        assert!(text.contains("1.2 s") && text.contains("3.5 s"), "{text}");
    }
}
