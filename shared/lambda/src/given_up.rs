//! What follows when work has failed for good: whoever stands in is told, and the rest is parked.

use std::ops::Range;

use ferrule_core::{
    Batch, Counts, Envelope, Failure, Message, Name, Note, Task, Timings,
    definition::{Integration, same_piece},
};
use ferrule_store::{Definitions, Store, is_done, letter};
use tracing::error;

use crate::park;

/// Parks what is left of a message, after those that stand in for its recipient have got their part.
/// May come twice: the same is sent and written again, and recognised.
pub async fn give_up(
    store: &Store,
    definitions: &Definitions,
    stage: &str,
    message: Message,
    failure: &Failure,
) -> Result<(), Failure> {
    if message.envelope.purpose.is_plan() {
        return end_plan(store, &message, failure).await;
    }
    let integration = match definitions.of(&message.envelope).await {
        Ok(integration) => Some(integration),
        Err(Failure::Invalid { .. }) => None,
        Err(failure) => return Err(failure),
    };
    if let Some(integration) = &integration {
        hand_over(store, definitions, integration, &message).await?;
    }
    let rest = store.undone(message).await?;
    park(store, stage, integration.as_deref(), &rest, failure).await
}

/// Ends a plan that cannot be made: nothing of it is worth keeping.
async fn end_plan(store: &Store, message: &Message, failure: &Failure) -> Result<(), Failure> {
    if matches!(message.task, Task::Note(_)) {
        return Ok(());
    }
    let note = Task::Note(Note::failed(failure));
    store.send_task("journal", &message.envelope, note).await
}

/// Gives those that stand in for a recipient the notifications that it was not told: all of its
/// batch that are neither told nor in a digest. Does nothing for other work, nor for replayed work
/// when they have been told as it failed first.
pub async fn hand_over(
    store: &Store,
    definitions: &Definitions,
    integration: &Integration,
    message: &Message,
) -> Result<(), Failure> {
    let Message { envelope, task: Task::Load(batch) } = message else { return Ok(()) };
    let Some(from) = batch.recipient.and_then(|at| integration.recipient(at)) else {
        return Ok(());
    };
    if envelope.replayed && was_handed_over(store, message, batch, from.fallback.clone()).await? {
        return Ok(());
    }
    let untold = untold(store, message, batch).await?;
    let mut idle = Vec::new();
    // Through `dispatch`, which may send to every connector: no connector may send to another.
    for at in from.fallback {
        let seq = same_piece(batch.seq, at);
        let place = integration.recipient(at);
        let name = place.map(|place| place.recipient.connection.clone());
        if untold.is_empty() || !is_there(definitions, message, name).await? {
            idle.push((seq, 1));
            continue;
        }
        let part = Batch {
            seq,
            counts: Counts::default(),
            timings: Timings::default(),
            recipient: Some(at),
            found: None,
            records: untold.clone(),
            origin: batch.origin.clone(),
        };
        store.send_task("dispatch", envelope, Task::Load(part)).await?;
    }
    let Some((seq, _)) = idle.first().copied() else { return Ok(()) };
    let (counts, timings) = (Counts::default(), Timings::default());
    let note = Note::Batch { seq, others: idle, counts, timings, failed: None };
    store.send_task("journal", envelope, Task::Note(note)).await
}

/// Tells whether one that stands in has had its piece of the batch, as it failed first. A batch that
/// was parked before it was cut into pieces has no such.
async fn was_handed_over(
    store: &Store,
    message: &Message,
    batch: &Batch,
    fallback: Range<u16>,
) -> Result<bool, Failure> {
    let envelope = Envelope { replayed: false, ..message.envelope.clone() };
    for at in fallback {
        let piece = Batch { seq: same_piece(batch.seq, at), ..Batch::default() };
        if store.batch_claim(&envelope, &piece).await?.1.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn untold(
    store: &Store,
    message: &Message,
    batch: &Batch,
) -> Result<Vec<ferrule_core::Record>, Failure> {
    let (claim, _) = store.batch_claim(&message.envelope, batch).await?;
    let letters = claim.letters(batch.records.len());
    let is_untold = |one: char| one == letter::REFUSED || !is_done(one);
    let records = batch.records.iter().zip(letters);
    Ok(records.filter(|(_, one)| is_untold(*one)).map(|(record, _)| record.clone()).collect())
}

/// A fallback whose connection is gone cannot be told; what it stood in for is parked anyway.
async fn is_there(
    definitions: &Definitions,
    message: &Message,
    connection: Option<Name>,
) -> Result<bool, Failure> {
    let Some(connection) = connection else { return Ok(false) };
    match definitions.connection(&message.envelope.tenant, &connection).await {
        Ok(_) => Ok(true),
        Err(failure @ Failure::Invalid { .. }) => {
            error!(code = failure.code(), %failure, "nobody stands in");
            Ok(false)
        }
        Err(failure) => Err(failure),
    }
}
