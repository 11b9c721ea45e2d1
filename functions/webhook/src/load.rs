//! Records become events: one each, or one for all of a batch.

use std::time::{Duration, Instant};

use ferrule_connector::{Answer, Disposition, Failure, Load, Record};
use ferrule_core::definition::Mode;

use crate::{Webhook, event::Event, post::Receiver};

/// What a receiver may say about a single record, and not about all of them.
const ABOUT_A_RECORD: [u16; 5] = [400, 409, 413, 415, 422];

/// So many calls that fail in a row say that the receiver is down.
const MOST_IN_A_ROW: u32 = 3;

/// Posts a record a call. A call that fails does not keep the neighbours back; several in a row do.
pub(crate) async fn each(
    load: &Load<'_, Webhook>,
    done: &mut [Option<Disposition>],
) -> Result<(), Failure> {
    let receiver = Receiver::new(&load.context, load.rules)?;
    let clock = &load.context.store.clock;
    let (mut first, mut in_a_row) = (None, 0);
    let started = Instant::now();
    for (record, one) in load.records.iter().zip(done).filter(|(_, one)| one.is_none()) {
        if started.elapsed() > load.context.time_left / 2 {
            let reason = "the time is up; the rest of the batch follows".to_owned();
            return Err(first.unwrap_or(Failure::Deferred { reason, wait: Duration::ZERO }));
        }
        let event = Event::of_record(load, record, clock.now_ms());
        match receiver.post(&event, &ABOUT_A_RECORD).await {
            Ok(answer) => {
                *one = Some(disposition(load.mode, record, &answer));
                in_a_row = 0;
            }
            Err(failure @ Failure::Unavailable { .. }) if in_a_row + 1 < MOST_IN_A_ROW => {
                first.get_or_insert(failure);
                in_a_row += 1;
            }
            Err(failure) => return Err(failure),
        }
    }
    first.map_or(Ok(()), Err)
}

/// Posts all records that are open with one call: they succeed or fail together.
pub(crate) async fn together(
    load: &Load<'_, Webhook>,
    done: &mut [Option<Disposition>],
) -> Result<(), Failure> {
    let open: Vec<usize> = (0..done.len()).filter(|at| done[*at].is_none()).collect();
    if open.is_empty() {
        return Ok(());
    }
    let records: Vec<&Record> = open.iter().map(|at| &load.records[*at]).collect();
    let event = Event::of_batch(load, &records, load.context.store.clock.now_ms());
    let answer = Receiver::new(&load.context, load.rules)?.post(&event, &[]).await?;
    for at in open {
        done[at] = Some(disposition(load.mode, &load.records[at], &answer));
    }
    Ok(())
}

fn disposition(mode: Mode, record: &Record, answer: &Answer) -> Disposition {
    match mode {
        _ if answer.is_accepted => {
            Disposition::Refused { code: "REJECTED".into(), message: answer.reason.clone() }
        }
        _ if answer.is_ignored => Disposition::Unchanged,
        Mode::Delete => Disposition::Deleted,
        _ if record.deleted => Disposition::Deleted,
        Mode::Insert => Disposition::Created,
        Mode::Update | Mode::Upsert => Disposition::Updated,
    }
}
