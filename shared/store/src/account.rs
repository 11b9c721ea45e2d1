//! What notes make of a run: functions of values.

use ferrule_core::{Note, Run, RunState};

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
            Note::End { batches, counts, timings } => {
                if run.progress.end(*batches) {
                    run.counts += *counts;
                    run.timings += *timings;
                }
            }
            Note::Failed { code, message } => fail(run, format!("{code}: {message}")),
        }
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
