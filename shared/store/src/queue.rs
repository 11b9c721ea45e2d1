//! Queues: one per function, named like it.

use std::time::Duration;

use ferrule_core::Failure;

use crate::{aws, memory};

/// Longest delay a queue can give (SQS: 15 minutes). A longer wait is made of several.
pub const MAX_DELAY: Duration = Duration::from_mins(15);

/// Largest message a queue takes.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// One message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Text; only characters that SQS takes.
    pub body: String,
    /// Not delivered before; cut to [`MAX_DELAY`].
    pub delay: Duration,
}

/// The queues, in AWS or in memory.
#[derive(Debug, Clone)]
pub enum Queues {
    /// SQS.
    Aws(aws::Sqs),
    /// In memory, as text: as SQS has them.
    Memory(memory::Queues, memory::Fuse),
    /// In memory, as they are: the embedded twin.
    Handover(memory::Handover),
}

impl Queues {
    /// Sends messages to the queue of `function`, in batches of up to 10 and 1 MiB.
    ///
    /// Entries that SQS reports as failed are sent again; when some cannot be sent, the whole call
    /// fails, and the caller repeats it: receivers recognise repeats.
    pub async fn send(&self, function: &str, messages: Vec<Outgoing>) -> Result<(), Failure> {
        match self {
            Self::Aws(queues) => queues.send(function, messages).await,
            Self::Memory(queues, fuse) => {
                fuse.before().await?;
                queues.send(function, messages)?;
                fuse.after()
            }
            Self::Handover(queues) => queues.send_texts(function, &messages),
        }
    }
}
