//! What a run costs, by what its row in the sync log counts. An estimate: `bench/cost` counts the calls of
//! a run one by one and shows both beside each other.

use super::{Item, Usage, quantity};
use crate::Run;

/// Records that a page has at most.
const PAGE: u64 = 1_000;

/// Every message is sent, received and deleted.
const REQUESTS: f64 = 3.0;

/// A page is one message; a batch goes to `transform`, to its target and to the journal.
const MESSAGES_OF_BATCH: f64 = 3.0;

/// Gigabytes of the functions: connectors and the journal, and `transform`.
const GB: f64 = 0.25;
const TRANSFORM_GB: f64 = 0.5;

/// What a message takes beside its stage's own time: to be read, and the next one written.
const MESSAGE_SECS: f64 = 0.01;

/// Write and read units: of a run's lease, first row with its index, and end; of a page's checkpoint; of a
/// batch, which its target's connector takes and finishes, and which the journal notes.
const WRITES: Each = Each { run: 9.0, page: 1.0, batch: 3.0 };
const READS: Each = Each { run: 6.0, page: 3.0, batch: 2.0 };

/// The same of a run that was brought, and has neither lease nor page: its delivery; its row, with its index, when its
/// only batch is noted; and that batch, which is taken and finished.
const BROUGHT_WRITES: Each = Each { run: 3.0, page: 0.0, batch: 2.0 };
const BROUGHT_READS: Each = Each { run: 1.0, page: 0.0, batch: 1.0 };

/// The same of one that tells somebody: its delivery, twice, and its first row, with its index; each message is taken,
/// finished and noted.
const TOLD_WRITES: Each = Each { run: 4.0, page: 0.0, batch: 3.0 };
const TOLD_READS: Each = Each { run: 1.0, page: 0.0, batch: 2.0 };

/// What a batch of a thousand records needs more than a small one: a letter each in its row, twice.
const WRITES_OF_RECORD: f64 = 2.0 / 1024.0;

struct Each {
    run: f64,
    page: f64,
    batch: f64,
}

impl Each {
    fn of(&self, pages: f64, batches: f64) -> f64 {
        self.run + self.page * pages + self.batch * batches
    }
}

/// Estimates what a run has used so far, beside what its source and its target cost.
pub fn of_run(run: &Run) -> Usage {
    let counts = &run.counts;
    // Who tells somebody numbers batches with room between them; none is without a record.
    let told = counts.told + counts.digested;
    let batches = run.progress.done().0.min(counts.read.max(1)).max(told);
    let is_brought = run.token == 0;
    let pages = if is_brought { 0 } else { batches.max(counts.read.div_ceil(PAGE)).max(1) };
    let (pages, batches) = (quantity(pages), quantity(batches));
    let messages = pages + MESSAGES_OF_BATCH * batches;
    let secs = |ms: u64| quantity(ms) / 1000.0;
    let worked = GB * secs(run.timings.extract_ms + run.timings.load_ms)
        + TRANSFORM_GB * secs(run.timings.transform_ms)
        + GB * MESSAGE_SECS * messages;
    let (writes, reads) = match (is_brought, told) {
        (false, _) => (WRITES, READS),
        (true, 0) => (BROUGHT_WRITES, BROUGHT_READS),
        (true, _) => (TOLD_WRITES, TOLD_READS),
    };
    let api = if is_brought && run.trigger == "webhook" { 1.0 } else { 0.0 };
    Usage::default()
        .with(Item::FunctionGbSecond, worked)
        .with(Item::FunctionCall, messages)
        .with(Item::QueueRequest, REQUESTS * messages)
        .with(
            Item::RowWrite,
            writes.of(pages, batches) + WRITES_OF_RECORD * quantity(counts.loaded()),
        )
        .with(Item::RowRead, reads.of(pages, batches))
        .with(Item::ApiRequest, api)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counts, Digest, Name, Progress, RunId};

    fn run(read: u64, batches: u64, token: u64) -> Run {
        let mut progress = Progress::default();
        progress.cover(0, batches);
        Run {
            token,
            progress,
            counts: Counts { read, created: read, ..Counts::default() },
            ..Run::new(
                RunId::new("r1"),
                Name::new("copy").unwrap(),
                Digest::of(&[]),
                if token == 0 { "webhook" } else { "schedule" },
                0,
            )
        }
    }

    #[test]
    fn a_million_records_cost_cents_and_a_run_that_finds_nothing_next_to_nothing() {
        let million = of_run(&run(1_000_000, 4_000, 1)).usd();
        assert!((0.01..0.06).contains(&million), "{million}");
        let nothing = of_run(&run(0, 0, 1)).usd();
        assert!((0.000_001..0.000_02).contains(&nothing), "{nothing}");
    }

    #[test]
    fn numbers_that_leave_room_for_recipients_are_no_batches() {
        let mut told = run(1, 65_536, 0);
        told.counts.told = 3;
        let (one, three) = (of_run(&run(1, 65_536, 0)), of_run(&told));
        assert!(one.of(Item::QueueRequest) < 20.0, "{one:?}");
        assert!(three.of(Item::QueueRequest) > one.of(Item::QueueRequest));
        assert!((one.of(Item::ApiRequest) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn time_costs_what_the_memory_of_its_stage_does() {
        let mut slow = run(10, 1, 1);
        let quick = of_run(&slow);
        (slow.timings.load_ms, slow.timings.transform_ms) = (4_000, 2_000);
        let more = of_run(&slow).of(Item::FunctionGbSecond) - quick.of(Item::FunctionGbSecond);
        assert!((more - 2.0).abs() < 1e-9, "{more}");
    }
}
