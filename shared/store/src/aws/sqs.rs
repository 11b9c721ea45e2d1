//! Queues in SQS.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use ferrule_core::Failure;
use serde::{Deserialize, Serialize};

use super::{
    Session,
    failure::Call,
    json::{Json, Protocol, read},
    retry::{Attempt, until_done},
};
use crate::{MAX_DELAY, MAX_MESSAGE_BYTES, Outgoing, Together, rules};

/// Most entries of one call.
const MAX_ENTRIES: usize = 10;

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
const PROTOCOL: Protocol = Protocol { service: "sqs", target: "AmazonSQS", version: "1.0" };

/// Asks for messages to be sent.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<'a> {
    queue_url: &'a str,
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    id: String,
    message_body: &'a str,
    delay_seconds: i32,
}

/// What became of them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    /// What was taken.
    #[serde(default)]
    successful: Vec<Taken>,
    #[serde(default)]
    failed: Vec<NotTaken>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Taken {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NotTaken {
    #[serde(default)]
    sender_fault: bool,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Messages that somebody sends, shared with whoever sends them for him.
type Messages = Arc<[Outgoing]>;

/// Sends to the queues of functions.
#[derive(Debug, Clone)]
pub struct Sqs {
    session: Session,
    client: Arc<OnceLock<Json>>,
    queue_prefix: Arc<str>,
    /// Who sends to the same queue at the same time shares a request, and what it costs.
    together: Arc<Together<String, Messages>>,
}

impl Sqs {
    /// Takes the queues' URLs up to the function's name.
    pub(super) fn new(session: Session, queue_prefix: &str) -> Self {
        let queue_prefix = queue_prefix.into();
        Self { session, client: Arc::default(), queue_prefix, together: Arc::default() }
    }

    /// Sends messages to the queue of `function`. Nothing is sent when SQS would refuse one for
    /// its size or characters; when a later call fails, what was sent before stays sent.
    pub async fn send(&self, function: &str, messages: Vec<Outgoing>) -> Result<(), Failure> {
        messages.iter().try_for_each(rules::check_message)?;
        let messages = Messages::from(messages);
        let mut is_alone = false;
        let send = async |all: &[Messages]| {
            is_alone = all.len() == 1;
            self.send_all(function, all).await
        };
        match self.together.write(function.to_owned(), Arc::clone(&messages), send).await {
            // It may be somebody else's that is refused.
            Err(Failure::Rejected { .. }) if !is_alone => {
                self.send_all(function, &[messages]).await.into_iter().collect()
            }
            outcome => outcome,
        }
    }

    /// Sends what several have to send; returns what became of each. A request that fails is nobody's but of
    /// those who have a part in it; when SQS does not answer, nobody waits for the next.
    async fn send_all(&self, function: &str, all: &[Messages]) -> Vec<Result<(), Failure>> {
        let url = format!("{}{function}", self.queue_prefix);
        let call = Call { service: "sqs", action: "SendMessage", place: function };
        let mut outcomes = vec![Ok(()); all.len()];
        let mut down = None;
        let messages = all.iter().enumerate();
        let messages =
            messages.flat_map(|(part, of)| of.iter().map(move |message| (part, message)));
        for batch in batches(messages) {
            let parts: Vec<usize> = batch.iter().map(|(part, _)| *part).collect();
            let messages = batch.into_iter().map(|(_, message)| message).collect();
            let outcome = match &down {
                Some(failure) => Err(Failure::clone(failure)),
                None => until_done(call, messages, |left| self.send_batch(call, &url, left)).await,
            };
            let Err(failure) = outcome else { continue };
            for part in parts {
                outcomes[part] = Err(failure.clone());
            }
            if !matches!(failure, Failure::Rejected { .. }) {
                down = Some(failure);
            }
        }
        outcomes
    }

    async fn send_batch<'m>(
        &self,
        call: Call<'_>,
        url: &str,
        mut messages: Vec<&'m Outgoing>,
    ) -> Result<Attempt<(), &'m Outgoing>, Failure> {
        let entries = messages.iter().enumerate().map(|(at, message)| Entry {
            id: at.to_string(),
            message_body: &message.body,
            delay_seconds: delay_secs(message.delay),
        });
        let batch = Batch { queue_url: url, entries: entries.collect() };
        let answer = self.client().ask("SendMessageBatch", &batch).await;
        let answer: Sent = read(call, &answer.map_err(|error| call.failure(&error))?)?;
        if let Some(refused) = answer.failed.iter().find(|entry| entry.sender_fault) {
            let reason = format!("{}: {}", refused.code, refused.message);
            return Err(Failure::rejected("sqs", reason));
        }
        // What is not said to be taken is not: an entry of which nothing is said is sent again.
        let taken: Vec<usize> =
            answer.successful.iter().filter_map(|entry| entry.id.parse().ok()).collect();
        let mut at = 0..;
        messages.retain(|_| at.next().is_some_and(|at| !taken.contains(&at)));
        Ok(Attempt { done: Vec::new(), left: messages })
    }

    fn client(&self) -> &Json {
        self.client.get_or_init(|| Json::new(self.session.config(), PROTOCOL))
    }
}

/// Rounds up: a message must not come before its time.
fn delay_secs(delay: Duration) -> i32 {
    let secs = delay.min(MAX_DELAY).as_millis().div_ceil(1000);
    i32::try_from(secs).unwrap_or(0)
}

/// Cuts messages into what one call takes: 10 entries, and the size of the largest message.
fn batches<'m>(
    messages: impl Iterator<Item = (usize, &'m Outgoing)>,
) -> Vec<Vec<(usize, &'m Outgoing)>> {
    let mut batches: Vec<Vec<_>> = Vec::new();
    let mut size_bytes = 0;
    for (part, message) in messages {
        size_bytes += message.body.len();
        match batches.last_mut() {
            Some(last) if last.len() < MAX_ENTRIES && size_bytes <= MAX_MESSAGE_BYTES => {
                last.push((part, message));
            }
            _ => {
                size_bytes = message.body.len();
                batches.push(vec![(part, message)]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(bodies: &[usize]) -> Vec<usize> {
        let message = |&size: &usize| Outgoing { body: "x".repeat(size), delay: Duration::ZERO };
        let messages: Vec<Outgoing> = bodies.iter().map(message).collect();
        batches(messages.iter().enumerate()).iter().map(Vec::len).collect()
    }

    #[test]
    fn sends_at_most_ten_messages_a_call() {
        assert_eq!(sizes(&[1; 10]), [10]);
        assert_eq!(sizes(&[1; 21]), [10, 10, 1]);
        assert!(sizes(&[]).is_empty());
    }

    #[test]
    fn sends_exactly_one_mebibyte_a_call_and_not_one_byte_more() {
        let half = MAX_MESSAGE_BYTES / 2;
        assert_eq!(sizes(&[half, half]), [2]);
        assert_eq!(sizes(&[half, half + 1]), [1, 1]);
        assert_eq!(sizes(&[MAX_MESSAGE_BYTES, 1, MAX_MESSAGE_BYTES - 1, 1]), [1, 2, 1]);
    }

    #[test]
    fn rounds_delays_up_and_cuts_them_to_fifteen_minutes() {
        let secs = |millis| delay_secs(Duration::from_millis(millis));
        assert_eq!([0, 1, 1000, 1001].map(secs), [0, 1, 1, 2]);
        assert_eq!([899_001, 900_000, 900_001, u64::MAX].map(secs), [900; 4]);
    }
}
