//! A recipient's part of a batch, cut into pieces, on its way to the recipient's connector.

use std::time::Duration;

use ferrule_core::{
    Batch, Counts, Envelope, Failure, Message, Record, Task, Timings, cut, definition::piece_seq,
};
use ferrule_lambda::give_up;
use ferrule_store::fresh;
use tracing::error;

use crate::Dispatch;

/// Most notifications of one message: each is a call.
const MOST: usize = 50;

/// Most pieces of one recipient's part.
const PIECES: usize = 256;

impl Dispatch {
    /// Sends notifications to a recipient; returns the numbers of the pieces.
    pub(crate) async fn send_part(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        at: u16,
        records: Vec<Record>,
    ) -> Result<Vec<u64>, Failure> {
        let mut pieces: Vec<Vec<Record>> =
            cut(records, MOST).into_iter().map(|cut| cut.records).collect();
        if pieces.len() > PIECES {
            let rest = pieces.split_off(PIECES - 1).concat();
            pieces.push(rest);
        }
        let pieces = (0..).zip(pieces).map(|(piece, records)| Batch {
            seq: piece_seq(batch.seq, at, piece),
            origin: batch.origin.clone(),
            recipient: Some(at),
            counts: Counts::default(),
            timings: Timings::default(),
            found: None,
            records,
        });
        let pieces: Vec<Batch> = pieces.collect();
        let seqs = pieces.iter().map(|piece| piece.seq).collect();
        // What somebody replays stays replayed: it is never too late.
        let own = Envelope { replayed: envelope.replayed, ..fresh(envelope) };
        let messages = pieces
            .into_iter()
            .map(|piece| Message { envelope: own.clone(), task: Task::Load(piece) });
        self.send_to(envelope, at, messages.collect()).await?;
        Ok(seqs)
    }

    /// Sends a piece on that came here again: somebody replays it.
    pub(crate) async fn forward(
        &self,
        envelope: &Envelope,
        batch: &Batch,
        at: u16,
    ) -> Result<(), Failure> {
        let message = Message { envelope: envelope.clone(), task: Task::Load(batch.clone()) };
        self.send_to(envelope, at, vec![message]).await
    }

    /// Sends messages to the connector of a recipient. One whose connection is gone is given up:
    /// those that stand in are told, and the others are not kept waiting.
    async fn send_to(
        &self,
        envelope: &Envelope,
        at: u16,
        messages: Vec<Message>,
    ) -> Result<(), Failure> {
        match self.connector_of(envelope, at).await {
            Ok(connector) => self.store.send(&connector, messages, Duration::ZERO).await,
            Err(failure @ Failure::Invalid { .. }) => {
                error!(code = failure.code(), %failure, recipient = at, "cannot tell a recipient");
                for message in messages {
                    give_up(&self.store, &self.definitions, "dispatch", message, &failure).await?;
                }
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    async fn connector_of(&self, envelope: &Envelope, at: u16) -> Result<String, Failure> {
        let integration = self.definitions.of(envelope).await?;
        let to = integration.recipient(at).ok_or_else(|| {
            let name = &envelope.integration;
            Failure::coded("DEFINITION", format!("integration {name} has no recipient {at}"))
        })?;
        let connection = &to.recipient.connection;
        let connection = self.definitions.connection(&envelope.tenant, connection).await?;
        Ok(connection.connector.to_string())
    }
}
