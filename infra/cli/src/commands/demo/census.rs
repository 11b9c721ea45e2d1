//! What the input itself says, by a plain reading of the CSV that shares nothing with the engine.

use std::collections::BTreeMap;
use std::path::Path;

use csv::StringRecord;

use crate::Fault;

/// What the input itself says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    /// Rows below the header.
    pub(super) rows: u64,
    /// Rows that cannot become a ticket.
    pub(super) broken: u64,
    /// Each ticket's newest state, with the number that says how new it is.
    pub(super) tickets: BTreeMap<String, (u64, String)>,
}

/// Columns that hold a moment; the first two must.
const MOMENTS: [&str; 4] = ["opened_at", "sys_updated_at", "resolved_at", "closed_at"];
const STATES: [&str; 8] = [
    "New",
    "Active",
    "Awaiting User Info",
    "Awaiting Problem",
    "Awaiting Vendor",
    "Awaiting Evidence",
    "Resolved",
    "Closed",
];

impl Census {
    /// Counts a file.
    pub(super) fn of(path: &Path) -> Result<Self, Fault> {
        let unreadable = |error: csv::Error| {
            Fault::Invalid(format!("could not read {}: {error}", path.display()))
        };
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).from_path(path).map_err(unreadable)?;
        let header = reader.headers().map_err(unreadable)?.clone();
        let columns: BTreeMap<&str, usize> =
            header.iter().enumerate().map(|(at, name)| (name, at)).collect();
        let mut census = Self::default();
        for row in reader.records() {
            let row = row.map_err(unreadable)?;
            census.rows += 1;
            let row = (row.len() == header.len()).then_some(Row { row, columns: &columns });
            match row.as_ref().and_then(Row::ticket) {
                Some(ticket) => census.add(ticket),
                None => census.broken += 1,
            }
        }
        Ok(census)
    }

    fn add(&mut self, (number, version, state): (String, u64, String)) {
        let newest = self.tickets.entry(number).or_insert((version, state.clone()));
        if version >= newest.0 {
            *newest = (version, state);
        }
    }
}

struct Row<'c> {
    row: StringRecord,
    columns: &'c BTreeMap<&'c str, usize>,
}

impl Row<'_> {
    fn get(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|at| self.row.get(*at)).unwrap_or_default()
    }

    /// Returns number, version and state; nothing when the row breaks a rule of the definition.
    fn ticket(&self) -> Option<(String, u64, String)> {
        let digits = self.get("number").strip_prefix("INC")?;
        let is_number = digits.len() == 7 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_level = |column, highest| {
            let level = self.get(column).split(" - ").next().and_then(|level| level.parse().ok());
            level.is_some_and(|level: u64| (1..=highest).contains(&level))
        };
        let is_truth = |column| matches!(self.get(column), "TRUE" | "FALSE");
        let is_count = |column| self.get(column).parse::<u64>().is_ok();
        let moments = MOMENTS.map(|column| moment(self.get(column)));
        let [opened, updated, resolved, closed] = moments;
        let state = self.get("incident_state").trim();
        let fits = is_number
            && STATES.contains(&state)
            && is_level("priority", 5)
            && is_level("impact", 3)
            && is_level("urgency", 3)
            && ["active", "made_sla"].into_iter().all(is_truth)
            && ["reassignment_count", "reopen_count", "sys_mod_count"].into_iter().all(is_count)
            && matches!((opened, updated), (Moment::At(_), Moment::At(_)))
            && resolved != Moment::Nonsense
            && closed != Moment::Nonsense
            && !matches!((opened, closed), (Moment::At(opened), Moment::At(closed)) if closed < opened);
        let version = self.get("sys_mod_count").parse().ok()?;
        fits.then(|| (self.get("number").to_owned(), version, state.to_owned()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Year, month, day, hour, minute: they compare as they stand.
    At([u32; 5]),
    Unknown,
    Nonsense,
}

/// Reads `29-02-2016 01:16`, or `?` for unknown.
fn moment(text: &str) -> Moment {
    if matches!(text, "?" | "") {
        return Moment::Unknown;
    }
    let parts: Vec<u32> = text.split(['-', ' ', ':']).map_while(|part| part.parse().ok()).collect();
    match parts[..] {
        [day, month, year, hour, minute]
            if (1..=days(year, month)).contains(&day) && hour < 24 && minute < 60 =>
        {
            Moment::At([year, month, day, hour, minute])
        }
        _ => Moment::Nonsense,
    }
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_which_days_there_are() {
        assert_eq!(moment("29-02-2016 01:16"), Moment::At([2016, 2, 29, 1, 16]));
        assert_eq!(moment("?"), Moment::Unknown);
        for wrong in ["29-02-2015 01:16", "31-04-2016 01:16", "yesterday", "01-01-2016 24:00"] {
            assert_eq!(moment(wrong), Moment::Nonsense, "{wrong}");
        }
    }

    #[test]
    fn counts_the_sample_as_its_generator_wrote_it() {
        let sample =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/incidents/sample.csv");
        let census = Census::of(&sample).unwrap();
        assert_eq!((census.rows, census.broken, census.tickets.len()), (348, 8, 75));
    }
}
