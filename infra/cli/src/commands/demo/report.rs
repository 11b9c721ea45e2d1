//! What the demo shows at its end.

use std::path::PathBuf;
use std::time::Duration;

use ferrule_core::Value;
use serde_json::json;

use super::census::Census;
use super::change::Way;
use crate::output::{self, Grid, Output, count};

/// Rows that are shown of a table.
const SAMPLE: usize = 5;

/// What the demo saw.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) input: PathBuf,
    /// What the input itself says.
    pub(super) census: Census,
    /// How long it took until the hub was up.
    pub(super) set_up: Duration,
    /// The first run's row of the sync log.
    pub(super) first: serde_json::Value,
    /// The second run's.
    pub(super) second: serde_json::Value,
    pub(super) errors: Vec<serde_json::Value>,
    pub(super) tickets: Vec<Value>,
    /// What came of a configuration change.
    pub(super) way: Way,
}

/// One number, by the input and by the hub.
struct Compared {
    what: &'static str,
    by_input: u64,
    by_hub: u64,
}

impl Report {
    /// Tells whether every count is what the input says.
    pub(super) fn is_right(&self) -> bool {
        self.compared().iter().all(|one| one.by_input == one.by_hub) && self.way.is_right()
    }

    fn compared(&self) -> [Compared; 6] {
        let tickets = self.census.tickets.len() as u64;
        let number = |run: &serde_json::Value, key: &str| run["counts"][key].as_u64().unwrap_or(0);
        let changed = ["created", "updated", "deleted"].map(|key| number(&self.second, key));
        let compared = |what, by_input, by_hub| Compared { what, by_input, by_hub };
        [
            compared("rows that came in", self.census.rows, number(&self.first, "read")),
            compared("rows that were refused", self.census.broken, number(&self.first, "refused")),
            compared("rows in the error log", self.census.broken, self.errors.len() as u64),
            compared("tickets in the table", tickets, self.tickets.len() as u64),
            compared("tickets in their newest state", tickets, self.in_newest_state()),
            compared("changes by a second sync", 0, changed.iter().sum()),
        ]
    }

    /// Counts the tickets whose state is that of the newest row of the input.
    fn in_newest_state(&self) -> u64 {
        let is_newest = |ticket: &&Value| {
            let text = |key| ticket.get("value").and_then(|value| value.get(key)?.as_str());
            let newest = text("number").and_then(|number| self.census.tickets.get(number));
            newest.is_some_and(|(_, state)| text("state") == Some(state))
        };
        self.tickets.iter().filter(is_newest).count() as u64
    }

    /// Shows everything.
    pub(super) fn show(&self, output: Output) {
        output.result(&self.json(), |output| {
            output.table(&format!("Came in: {}", self.input.display()), &self.flow(), "");
            let reasons = output::reasons(self.errors.iter().map(|row| (row, 1)));
            output.table(output::REASONS, &reasons, "nothing was refused");
            let (grid, hidden) = output::sample(&self.tickets[..self.tickets.len().min(SAMPLE)]);
            let held = output::counted(self.tickets.len() as u64, "ticket");
            output.table(&format!("Table tickets: {held}, such as"), &grid, "it is empty");
            output.line(&format!("  and the columns {}", hidden.join(", ")));
            output.table("How long each stage took", &self.times(), "");
            output.table("The same again: nothing changes", &output::run(&self.second), "");
            output.table("Is it what the input says?", &self.verdict(), "");
            self.way.show(output);
            let verdict = if self.is_right() { "are" } else { "are NOT" };
            output.line(&format!("\nThe counts {verdict} what the input says."));
        });
    }

    /// What came in, what was mapped, what was refused, what was loaded.
    fn flow(&self) -> Grid {
        let number = |key: &str| self.first["counts"][key].as_u64().unwrap_or(0);
        let left_out = number("skipped") + number("ignored");
        let mut grid = Grid::new(["rows", "what became of them"]);
        let refused = number("refused");
        let mapped = number("read").saturating_sub(refused + left_out);
        let lines = [
            ("came in", number("read")),
            ("refused", refused),
            ("mapped", mapped),
            ("loaded: a new ticket", number("created")),
            ("loaded: a newer state of a ticket", number("updated")),
            ("loaded already, the same", number("unchanged")),
            ("dropped: an older state of a ticket", number("stale")),
            ("parked", number("parked")),
        ];
        for (what, number) in lines.into_iter().filter(|(_, number)| *number > 0) {
            grid.add([count(number), what.to_owned()]);
        }
        grid
    }

    fn times(&self) -> Grid {
        let mut grid = Grid::new(["stage", "first sync", "second sync"]);
        let millis = |run: &serde_json::Value, key: &str| {
            output::since(run["timings"][key].as_u64().unwrap_or(0))
        };
        for (stage, key) in
            [("extract", "extract_ms"), ("transform", "transform_ms"), ("load", "load_ms")]
        {
            grid.add([stage.to_owned(), millis(&self.first, key), millis(&self.second, key)]);
        }
        let whole = |run| output::whole(run).map(output::since).unwrap_or_default();
        grid.add(["from start to end".to_owned(), whole(&self.first), whole(&self.second)]);
        let set_up = u64::try_from(self.set_up.as_millis()).unwrap_or(u64::MAX);
        grid.add(["setting the hub up".to_owned(), output::since(set_up), String::new()]);
        grid
    }

    fn verdict(&self) -> Grid {
        let mut grid = Grid::new(["count", "by the input", "by the hub", ""]);
        for Compared { what, by_input, by_hub } in self.compared() {
            let verdict = if by_input == by_hub { "the same" } else { "DIFFERENT" };
            grid.add([what, &count(by_input), &count(by_hub), verdict]);
        }
        grid
    }

    fn json(&self) -> serde_json::Value {
        let compared: Vec<_> = self
            .compared()
            .iter()
            .map(|one| json!({"count": one.what, "input": one.by_input, "hub": one.by_hub}))
            .collect();
        json!({
            "input": self.input, "right": self.is_right(), "compared": compared,
            "first": self.first, "second": self.second, "errors": self.errors,
            "change": self.way.json(),
            "set_up_ms": u64::try_from(self.set_up.as_millis()).unwrap_or(u64::MAX),
        })
    }
}
