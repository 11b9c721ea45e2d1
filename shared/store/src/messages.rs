//! Sends and reads the hub's messages; one too big for a queue travels through the payload bucket.

use std::time::Duration;

use ferrule_core::{Digest, Envelope, Failure, Message, Task, definition::Urgency};
use serde::{Deserialize, Serialize};

use crate::{Outgoing, Payloads, Store};

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
    digest: Digest,
}

impl Store {
    /// Sends messages to the queue of `function`, not before `delay` has passed. Urgent ones go to
    /// its urgent queue.
    pub async fn send(
        &self,
        function: &str,
        messages: &[Message],
        delay: Duration,
    ) -> Result<(), Failure> {
        let (mut urgent, mut rest) = (Vec::new(), Vec::new());
        for message in messages {
            let is_urgent = message.envelope.urgency == Urgency::High && function != LANELESS;
            let lane = if is_urgent { &mut urgent } else { &mut rest };
            lane.push(Outgoing { body: self.text_of(message).await?, delay });
        }
        if !urgent.is_empty() {
            self.queues.send(&format!("{function}{URGENT}"), urgent).await?;
        }
        if rest.is_empty() { Ok(()) } else { self.queues.send(function, rest).await }
    }

    /// Sends one task at once, under `envelope` with a clean slate of failures.
    pub async fn send_task(
        &self,
        function: &str,
        envelope: &Envelope,
        task: Task,
    ) -> Result<(), Failure> {
        let message = Message { envelope: fresh(envelope), task };
        self.send(function, &[message], Duration::ZERO).await
    }

    /// Reads a message off a queue, fetching its text from the payload bucket if need be.
    pub async fn read_message(&self, text: &str) -> Result<Message, Failure> {
        let Some(pointer) = pointer(text) else { return Message::decode(text) };
        let lost = |why: &str| Failure::coded("PAYLOAD", format!("{}: {why}", pointer.spilled));
        let bytes = self.payloads.get(&pointer.envelope.tenant, &pointer.spilled).await?;
        let bytes = bytes.ok_or_else(|| lost("the payload is not there"))?;
        if Digest::of(&[&bytes]) != pointer.digest {
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

    async fn text_of(&self, message: &Message) -> Result<String, Failure> {
        let text = message.encode()?;
        if text.len() <= SPILL_BYTES {
            return Ok(text);
        }
        let digest = Digest::of(&[text.as_bytes()]);
        let spilled = format!("{PASSING}{}/{digest}", message.envelope.run);
        self.payloads.put(&message.envelope.tenant, &spilled, text.into_bytes()).await?;
        let pointer = Pointer { envelope: message.envelope.clone(), spilled, digest };
        serde_json::to_string(&pointer).map_err(|e| Failure::coded("ENVELOPE", e.to_string()))
    }
}

fn pointer(text: &str) -> Option<Pointer> {
    text.contains("\"spilled\"").then(|| serde_json::from_str(text).ok())?
}

/// Returns the envelope as a new task starts with it: no failures, no waiting.
pub fn fresh(envelope: &Envelope) -> Envelope {
    Envelope { failures: 0, not_before: 0, replayed: false, ..envelope.clone() }
}
