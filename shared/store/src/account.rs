//! What notes make of a run: functions of values.

use ferrule_core::{Counts, Found, Note, Purpose, Run, RunState, Timings};

use crate::sweep::is_given_up;

/// Returns the run with these notes. One that was given up and has not all of its news yet stays so.
pub(crate) fn noted(before: &Run, notes: &[Note]) -> Run {
    let mut after = before.clone();
    if is_given_up(before) {
        (after.state, after.reason) = (RunState::Running, None);
    }
    apply(&mut after, notes);
    if is_given_up(before) && !after.state.is_over() && !after.progress.is_complete() {
        (after.state, after.reason) = (before.state, before.reason.clone());
    }
    after
}

fn apply(run: &mut Run, notes: &[Note]) {
    for note in notes {
        match note {
            Note::Batch { seq, others, counts, timings, failed } => {
                if run.progress.note(*seq) {
                    for (from, span) in others {
                        run.progress.cover(*from, *span);
                    }
                    run.counts += *counts;
                    run.timings += *timings;
                    if let Some(reason) = failed {
                        fail(run, reason.clone());
                    }
                }
            }
            Note::End { batches, counts, timings, found } => {
                if run.progress.end(*batches) {
                    run.counts += *counts;
                    run.timings += *timings;
                    if let Some(found) = found {
                        run.look.get_or_insert_default().found.merge(*found.clone());
                    }
                }
            }
            Note::Looked { seq, counts, timings, found } => {
                looked(run, *seq, (*counts, *timings), found);
            }
            // What the one makes of the run is decided where that is written (`guard`); of the other, it is all that
            // the run's row is written.
            Note::Weighed { .. } | Note::Waits => {}
            Note::Failed { code, message } => fail(run, format!("{code}: {message}")),
        }
    }
}

/// Notes what a batch would do. One that comes when its run writes already is a repeat.
fn looked(run: &mut Run, seq: u64, (counts, timings): (Counts, Timings), found: &Found) {
    if run.purpose == Purpose::Deliver || !run.progress.note(seq) {
        return;
    }
    run.timings += timings;
    let look = run.look.get_or_insert_default();
    look.found.merge(found.clone());
    if run.purpose == Purpose::Guard {
        look.kept.note(seq);
        look.would += counts;
    } else {
        run.counts += counts;
    }
}

/// Says how a run ended that did not fail.
pub(crate) fn judge(run: &mut Run) {
    if run.state != RunState::Failed {
        run.state = match run.counts.refused + run.counts.parked {
            0 => RunState::Succeeded,
            _ => RunState::Partial,
        };
    }
}

fn fail(run: &mut Run, reason: String) {
    if !run.state.is_over() {
        run.state = RunState::Failed;
        run.reason = Some(reason);
    }
}
