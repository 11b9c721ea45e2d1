//! How much one run may change before somebody has looked at it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Counts;

/// How much one run may change. One that would change or delete more stops before its first write
/// and waits for `ferrule approve`.
///
/// New records are no change, so a first load passes. What a target would do with a record is not
/// always known (see the connector's page): then the record counts as changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = serde_json::json!({ "max_percent": 20, "max_records": 500 }))]
pub struct Guard {
    /// Most records changed or deleted, in percent of what the table is known to hold. Where that is
    /// not known, a run that changes anything waits, unless `max_records` is given too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_percent: Option<u8>,
    /// Most records changed or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_records: Option<u64>,
}

impl Guard {
    /// Returns how many records the target must hold so that these changes pass by percent; `None`
    /// when that does not matter.
    pub fn enough(&self, would: &Counts) -> Option<u64> {
        let percent = u64::from(self.max_percent?);
        let changes = would.changes();
        if changes == 0 || self.max_records.is_some_and(|most| changes > most) {
            return None;
        }
        Some(if percent == 0 { 1 } else { changes.saturating_mul(100).div_ceil(percent) })
    }

    /// Says why a run that would do this must be approved first. `holds` is what the target holds, as
    /// far as [`Guard::enough`] asks; `None` when it is not known.
    pub fn stops(&self, would: &Counts, holds: Option<u64>) -> Option<String> {
        let changes = would.changes();
        if changes == 0 {
            return None;
        }
        let what = describe(would);
        if let Some(most) = self.max_records.filter(|most| changes > *most) {
            return Some(format!("it {what}; guard.max_records is {most}"));
        }
        let percent = self.max_percent?;
        let Some(holds) = holds else {
            let why = "how many records the target holds is not known, so guard.max_percent says \
                       nothing: add guard.max_records";
            return self.max_records.is_none().then(|| format!("it {what}, and {why}"));
        };
        let is_over = u128::from(changes) * 100 > u128::from(holds) * u128::from(percent);
        is_over.then(|| format!("it {what} of {holds}; guard.max_percent is {percent}"))
    }
}

/// Writes `would change 90 and delete 2 records`.
fn describe(would: &Counts) -> String {
    let Counts { updated, deleted, unknown, .. } = *would;
    let parts = [(updated, "change"), (deleted, "delete"), (unknown, "perhaps change")];
    let parts: Vec<_> = parts.iter().filter(|(number, _)| *number > 0).collect();
    let texts: Vec<_> = parts.iter().map(|(number, does)| format!("{does} {number}")).collect();
    let noun = if would.changes() == 1 { "record" } else { "records" };
    format!("would {} {noun}", texts.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn would(updated: u64, deleted: u64, unknown: u64) -> Counts {
        Counts { created: 10_000, updated, deleted, unknown, ..Counts::default() }
    }

    fn guard(max_percent: Option<u8>, max_records: Option<u64>) -> Guard {
        Guard { max_percent, max_records }
    }

    #[test]
    fn new_records_are_no_change() {
        assert_eq!(guard(Some(0), Some(0)).stops(&would(0, 0, 0), Some(0)), None);
        assert_eq!(guard(Some(0), Some(0)).stops(&would(0, 0, 0), None), None);
    }

    #[test]
    fn stops_what_is_over_and_nothing_that_just_reaches_it() {
        let guard = guard(Some(20), Some(500));
        for (changes, holds, stops) in
            [(20, 100, false), (21, 100, true), (500, 9_000, false), (501, 9_000, true)]
        {
            let why = guard.stops(&would(changes - 1, 1, 0), Some(holds));
            assert_eq!(why.is_some(), stops, "{changes} of {holds}: {why:?}");
        }
        let why = guard.stops(&would(90, 2, 0), Some(100)).unwrap();
        assert_eq!(why, "it would change 90 and delete 2 records of 100; guard.max_percent is 20");
    }

    #[test]
    fn what_it_cannot_know_counts_as_changed() {
        assert!(guard(None, Some(5)).stops(&would(0, 0, 6), None).is_some());
        assert!(guard(None, Some(6)).stops(&would(0, 0, 6), None).is_none());
        assert!(guard(Some(99), None).stops(&would(0, 0, 1), None).is_some(), "percent of what?");
        assert!(guard(Some(99), Some(6)).stops(&would(0, 0, 6), None).is_none());
    }

    #[test]
    fn asks_for_no_more_of_the_target_than_it_must_know() {
        assert_eq!(guard(Some(20), None).enough(&would(10, 0, 0)), Some(50));
        assert_eq!(guard(Some(30), None).enough(&would(10, 0, 0)), Some(34));
        assert_eq!(guard(Some(20), Some(5)).enough(&would(10, 0, 0)), None);
        assert_eq!(guard(None, Some(5)).enough(&would(1, 0, 0)), None);
        for changes in 1..200 {
            let guard = guard(Some(30), None);
            let enough = guard.enough(&would(changes, 0, 0)).unwrap();
            assert!(guard.stops(&would(changes, 0, 0), Some(enough)).is_none());
            assert!(guard.stops(&would(changes, 0, 0), Some(enough - 1)).is_some());
        }
    }
}
