//! Sends and reads the hub's messages; one too big for a queue travels through the payload bucket.

use std::time::Duration;

use ferrule_core::{
    Digest, Envelope, Failure, MAX_RECORDS, Message, Record, RunId, Task, cut, definition::Urgency,
};
use serde::{Deserialize, Serialize};

use crate::{Outgoing, Payloads, Queues, Store};

/// Beyond this, the text goes to the payload bucket and the queue gets a pointer.
const SPILL_BYTES: usize = 900 * 1024;

/// Begins the key of such a text. The bucket forgets all of these some time after the longest that a
/// queue keeps a message (infra/template.yaml); a message that is sent again is spilled again, and what
/// is parked has a payload of its own.
pub(crate) const PASSING: &str = "_messages/";

/// What follows the name of a function in the name of its queue for urgent messages.
pub const URGENT: &str = "-urgent";

/// The function that has one queue: nobody waits for the journal.
const LANELESS: &str = "journal";

/// What stands on the queue in place of a message that is too big.
#[derive(Serialize, Deserialize)]
struct Pointer {
    envelope: Envelope,
    spilled: String,
    /// Of what is there; absent when its place alone says what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
}

impl Store {
    /// Sends messages to the queue of `function`, not before `delay` has passed. Urgent ones go to
    /// its urgent queue.
    pub async fn send(
        &self,
        function: &str,
        messages: Vec<Message>,
        delay: Duration,
    ) -> Result<(), Failure> {
        let (urgent, rest): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|message| is_urgent(function, &message.envelope));
        if !urgent.is_empty() {
            self.send_to(&format!("{function}{URGENT}"), urgent, delay).await?;
        }
        if rest.is_empty() { Ok(()) } else { self.send_to(function, rest, delay).await }
    }

    async fn send_to(
        &self,
        queue: &str,
        messages: Vec<Message>,
        delay: Duration,
    ) -> Result<(), Failure> {
        if let Queues::Handover(queues) = &self.queues {
            return queues.send(queue, messages, delay);
        }
        let mut outgoing = Vec::with_capacity(messages.len());
        for message in messages {
            let body = self.text_of(&message, message.encode()?).await?;
            outgoing.push(Outgoing { body, delay });
        }
        self.queues.send(queue, outgoing).await
    }

    /// Sends records in as few messages as they fit into, of at most `most` records each; `of` makes
    /// the message of each part. All are under one envelope. Where messages are handed over as they
    /// are, nobody bills for their size: `most` alone cuts.
    pub async fn send_records(
        &self,
        function: &str,
        envelope: &Envelope,
        (records, most): (Vec<Record>, usize),
        mut of: impl FnMut(Vec<Record>) -> Task,
    ) -> Result<(), Failure> {
        if records.is_empty() {
            return Ok(());
        }
        let mut of = |records| Message { envelope: envelope.clone(), task: of(records) };
        let lane = if is_urgent(function, envelope) { URGENT } else { "" };
        let queue = format!("{function}{lane}");
        if let Queues::Handover(queues) = &self.queues {
            let messages = chunks(records, most).into_iter().map(of).collect();
            return queues.send(&queue, messages, Duration::ZERO);
        }
        let mut outgoing = Vec::new();
        for cut in cut(records, most) {
            let (message, text) = Message::encode_cut(cut, &mut of)?;
            let body = self.text_of(&message, text).await?;
            outgoing.push(Outgoing { body, delay: Duration::ZERO });
        }
        self.queues.send(&queue, outgoing).await
    }

    /// Sends one task at once, under `envelope` with a clean slate of failures.
    pub async fn send_task(
        &self,
        function: &str,
        envelope: &Envelope,
        task: Task,
    ) -> Result<(), Failure> {
        let message = Message { envelope: fresh(envelope), task };
        self.send(function, vec![message], Duration::ZERO).await
    }

    /// Reads a message off a queue, fetching its text from the payload bucket if need be.
    pub async fn read_message(&self, text: &str) -> Result<Message, Failure> {
        let Some(pointer) = pointer(text) else { return Message::decode(text) };
        let lost = |why: &str| Failure::coded("PAYLOAD", format!("{}: {why}", pointer.spilled));
        let bytes = self.payloads.get(&pointer.envelope.tenant, &pointer.spilled).await?;
        let bytes = bytes.ok_or_else(|| lost("the payload is not there"))?;
        if pointer.digest.is_some_and(|digest| Digest::of(&[&bytes]) != digest) {
            return Err(lost("the payload was changed"));
        }
        let text = String::from_utf8(bytes).map_err(|_| lost("the payload is not text"))?;
        let mut message = Message::decode(&text)?;
        message.envelope = pointer.envelope;
        Ok(message)
    }

    /// Returns what a message points to, whatever that is; `None` when it does not, or to nothing.
    pub async fn spilled(&self, text: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(pointer) = pointer(text) else { return Ok(None) };
        self.payloads.get(&pointer.envelope.tenant, &pointer.spilled).await
    }

    /// Forgets the payload of a message that has been dealt with. Only memory needs this: in AWS the
    /// bucket forgets by itself.
    pub fn forget_message(&self, text: &str) {
        let Payloads::Memory(payloads) = &self.payloads else { return };
        if let Some(pointer) = pointer(text) {
            payloads.remove(&pointer.envelope.tenant, &pointer.spilled);
        }
    }

    /// Returns what is put on a queue: the text of a message, or what points to it.
    async fn text_of(&self, message: &Message, text: String) -> Result<String, Failure> {
        if text.len() <= SPILL_BYTES {
            return Ok(text);
        }
        let digest = Digest::of(&[text.as_bytes()]);
        let spilled = format!("{PASSING}{}/{digest}", message.envelope.run);
        self.payloads.put(&message.envelope.tenant, &spilled, text.into_bytes()).await?;
        pointer_to(message.envelope.clone(), spilled, Some(digest))
    }

    /// Sends batches that were kept ([`Store::keep_batch`]), as they are, under `envelope`.
    pub async fn send_kept(
        &self,
        function: &str,
        envelope: &Envelope,
        seqs: &[u64],
    ) -> Result<(), Failure> {
        let mut outgoing = Vec::with_capacity(seqs.len());
        let mut sent = Vec::new();
        for seq in seqs {
            let key = kept_key(&envelope.run, *seq);
            let body = match (&self.queues, &self.payloads) {
                // What is handed over is a message, not a pointer to one.
                (Queues::Handover(_), Payloads::Memory(payloads)) => {
                    let Some(text) = payloads.get(&envelope.tenant, &key)? else { continue };
                    sent.push(key);
                    String::from_utf8_lossy(&text).into_owned()
                }
                _ => pointer_to(fresh(envelope), key, None)?,
            };
            outgoing.push(Outgoing { body, delay: Duration::ZERO });
        }
        let lane = if is_urgent(function, envelope) { URGENT } else { "" };
        self.queues.send(&format!("{function}{lane}"), outgoing).await?;
        if let Payloads::Memory(payloads) = &self.payloads {
            for key in sent {
                payloads.remove(&envelope.tenant, &key);
            }
        }
        Ok(())
    }
}

/// Says where a batch is kept that must not be written yet.
pub(crate) fn kept_key(run: &RunId, seq: u64) -> String {
    format!("{PASSING}{run}/kept-{seq:08}")
}

fn pointer_to(
    envelope: Envelope,
    spilled: String,
    digest: Option<Digest>,
) -> Result<String, Failure> {
    let pointer = Pointer { envelope, spilled, digest };
    serde_json::to_string(&pointer).map_err(|e| Failure::coded("ENVELOPE", e.to_string()))
}

fn is_urgent(function: &str, envelope: &Envelope) -> bool {
    envelope.urgency == Urgency::High && function != LANELESS
}

fn chunks(mut records: Vec<Record>, most: usize) -> Vec<Vec<Record>> {
    let most = most.clamp(1, MAX_RECORDS);
    let mut chunks = Vec::new();
    while records.len() > most {
        let rest = records.split_off(most);
        chunks.push(std::mem::replace(&mut records, rest));
    }
    chunks.push(records);
    chunks
}

fn pointer(text: &str) -> Option<Pointer> {
    text.contains("\"spilled\"").then(|| serde_json::from_str(text).ok())?
}

/// Returns the envelope as a new task starts with it: no failures, no waiting.
pub fn fresh(envelope: &Envelope) -> Envelope {
    Envelope { failures: 0, not_before: 0, replayed: false, ..envelope.clone() }
}
