//! One execution of an integration: its row in the sync log, and how it is known to be over.

use serde::{Deserialize, Serialize};

use crate::{
    Counts, CursorState, Digest, Found, Hops, Look, Name, Purpose, RunId, Timings,
    definition::Urgency,
};

/// The sync-log row of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Sorts by start.
    pub run: RunId,
    /// What ran.
    pub integration: Name,
    /// Hash of the definition that it ran under.
    pub definition: Digest,
    /// What started it: `schedule`, `api`, `webhook`, ...
    pub trigger: String,
    /// Whether it read everything, whatever the cursor said.
    #[serde(default)]
    pub full: bool,
    /// How it stands.
    pub state: RunState,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// Milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
    /// What became of the records.
    #[serde(default)]
    pub counts: Counts,
    /// How long the stages worked.
    #[serde(default)]
    pub timings: Timings,
    /// Where the cursor stood when the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor_before: Option<String>,
    /// Where it stands since the run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor_after: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Fencing token of its lease.
    #[serde(default)]
    pub token: u64,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Urgency::is_medium")]
    pub urgency: Urgency,
    /// It tells of a failure of the hub itself: when it fails too, nobody is told again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alert: bool,
    /// Integrations that the record which started it had come through, when one did.
    #[serde(default, skip_serializing_if = "Hops::is_none")]
    pub hops: Hops,
    /// What its integration may cost a day, in dollars, when that was limited as it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<f64>,
    /// Which batches are accounted for.
    #[serde(default)]
    pub progress: Progress,
    /// What its messages are sent for now.
    #[serde(default, skip_serializing_if = "Purpose::is_deliver")]
    pub purpose: Purpose,
    /// What is known of what it would do; only of plans and of runs with a guard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Box<Look>>,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Work is in flight.
    Running,
    /// Nothing is written yet: its guard wants somebody to look at it first.
    WaitingForApproval,
    /// Everything that was read is in the target, or was left out by rule.
    Succeeded,
    /// It is over, and some records are in the error log.
    Partial,
    /// It could not go on; the cursor stays where it was.
    Failed,
    /// It did not begin, for the reason that it has.
    Skipped,
}

impl Run {
    /// Makes the row of a run that begins now.
    pub fn new(
        run: RunId,
        integration: Name,
        definition: Digest,
        trigger: impl Into<String>,
        now_ms: i64,
    ) -> Self {
        Self {
            run,
            integration,
            definition,
            trigger: trigger.into(),
            full: false,
            state: RunState::Running,
            started_at: now_ms,
            ended_at: None,
            counts: Counts::default(),
            timings: Timings::default(),
            cursor_before: None,
            cursor_after: None,
            reason: None,
            token: 0,
            urgency: Urgency::Medium,
            alert: false,
            hops: Hops::default(),
            budget_usd: None,
            progress: Progress::default(),
            purpose: Purpose::Deliver,
            look: None,
        }
    }
}

impl RunState {
    /// Tells whether the run is over.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Running | Self::WaitingForApproval)
    }
}

/// Which batches of a run are accounted for, in a few bytes: all below a mark, and some above it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// All batches with a smaller number are done.
    #[serde(default)]
    below: u64,
    /// Done batches above the mark, as ranges `[from, to)`, in order.
    #[serde(default)]
    above: Vec<(u64, u64)>,
    /// How many there are; known when the source is read to its end.
    #[serde(default)]
    total: Option<u64>,
}

impl Progress {
    /// Notes a batch; `false` when it was noted before.
    pub fn note(&mut self, seq: u64) -> bool {
        if seq < self.below || self.above.iter().any(|(from, to)| (*from..*to).contains(&seq)) {
            return false;
        }
        self.cover(seq, 1);
        true
    }

    /// Notes `span` numbers from `seq` on, whichever of them were noted before.
    pub fn cover(&mut self, seq: u64, span: u64) {
        self.above.push((seq.max(self.below), seq.saturating_add(span).max(self.below)));
        self.above.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(self.above.len());
        for (from, to) in self.above.drain(..).filter(|(from, to)| from < to) {
            match merged.last_mut() {
                Some(last) if last.1 >= from => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        if merged.first().is_some_and(|(from, _)| *from == self.below) {
            self.below = merged.remove(0).1;
        }
        self.above = merged;
    }

    /// Notes how many batches there are; `false` when that was known.
    pub fn end(&mut self, total: u64) -> bool {
        self.total.replace(total).is_none()
    }

    /// Tells whether all batches are accounted for.
    pub fn is_complete(&self) -> bool {
        self.total.is_some_and(|total| self.below >= total)
    }

    /// Lists the numbers that were noted, as ranges `[from, to)` in order.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        let below = Some((0, self.below)).filter(|(from, to)| from < to);
        below.into_iter().chain(self.above.iter().copied())
    }

    /// Takes back the note of every batch in `these`, whoever noted it: they are to be done again.
    pub fn reopen(&mut self, these: &Self) {
        let mut next = Self { total: self.total, ..Self::default() };
        let mut from = 0;
        for (open, to) in these.ranges() {
            next.cover(from, open.saturating_sub(from));
            from = to;
        }
        let total = self.total.unwrap_or(from);
        next.cover(from, total.saturating_sub(from));
        *self = next;
    }

    /// Returns how many batches are accounted for, and how many there are if that is known.
    pub fn done(&self) -> (u64, Option<u64>) {
        (self.below + self.above.iter().map(|(from, to)| to - from).sum::<u64>(), self.total)
    }
}

/// How far the extract stage of a run has come: written once a page, after its batches are on the
/// queue and before the next page is asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Number of the next page.
    pub page: u32,
    /// Where the connector goes on; `None` when the source is read to its end.
    pub position: Option<crate::Value>,
    /// Number of the next batch.
    pub next_seq: u64,
    /// What the extract stage counted so far.
    pub counts: Counts,
    /// How long extracting took so far.
    pub timings: Timings,
    /// What a plan says of the extract stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Box<Found>>,
    /// The cursor as it will be when the run is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<CursorState>,
    /// Mark of the delivery that wrote it: of two at once only one goes on.
    #[serde(default)]
    pub by: String,
    /// Digests of positions visited: a page link that leads back is a cycle.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub visited: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_complete_when_every_batch_is_noted_in_any_order_once() {
        let mut progress = Progress::default();
        for seq in [3, 0, 4, 1] {
            assert!(progress.note(seq));
            assert!(!progress.note(seq), "a repeat is recognised");
        }
        progress.end(5);
        assert!(!progress.is_complete());
        assert!(progress.note(2));
        assert!(progress.is_complete());
        assert_eq!(progress.done(), (5, Some(5)));
    }

    #[test]
    fn a_span_covers_what_was_noted_and_what_was_not() {
        let mut progress = Progress::default();
        progress.end(20);
        progress.cover(10, 10);
        assert!(progress.note(3));
        progress.cover(0, 10);
        assert!(progress.is_complete());
        progress.cover(5, 5);
        assert!(!progress.note(12));
        assert_eq!(progress.done(), (20, Some(20)));
    }

    #[test]
    fn what_is_to_be_done_again_is_open_and_the_rest_is_not() {
        let (mut progress, mut kept) = (Progress::default(), Progress::default());
        progress.end(7);
        progress.cover(0, 7);
        for seq in [5, 0, 1, 3] {
            kept.note(seq);
        }
        progress.reopen(&kept);
        assert_eq!(progress.done(), (3, Some(7)));
        assert!([2, 4, 6].iter().all(|seq| !progress.clone().note(*seq)));
        assert_eq!(kept.ranges().collect::<Vec<_>>(), [(0, 2), (3, 4), (5, 6)]);
        for seq in [0, 1, 3, 5] {
            assert!(!progress.is_complete());
            assert!(progress.note(seq));
        }
        assert!(progress.is_complete());
    }

    #[test]
    fn a_run_without_batches_is_complete_at_its_end() {
        let mut progress = Progress::default();
        assert!(!progress.is_complete());
        assert!(progress.end(0));
        assert!(progress.is_complete());
    }
}
