//! The three doors: a queue, an API, a schedule.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use ferrule_core::Failure;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::JoinSet;
use tracing::error;

use crate::{Delivered, Runner, Stage};

/// Left unused at the end of an invocation, for writing down what was not finished.
const MARGIN: Duration = Duration::from_secs(3);

/// The time of an invocation that nobody gave a deadline.
const UNSAID: Duration = Duration::from_mins(1);

const AN_HOUR: Duration = Duration::from_hours(1);

/// An SQS event. Bodies are read one by one, so that one bad body costs itself alone.
#[derive(Debug, Deserialize)]
pub(crate) struct QueueEvent {
    #[serde(rename = "Records")]
    records: Vec<QueueMessage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueueMessage {
    message_id: String,
    /// A string from SQS; the object itself in the samples under `events/`.
    body: Value,
    #[serde(default, rename = "eventSourceARN")]
    event_source_arn: String,
}

#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchResponse {
    batch_item_failures: Vec<BatchItemFailure>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: String,
}

/// Serves a stage from its queue until the sandbox is shut down.
///
/// Needs `ReportBatchItemFailures` on the event source mapping.
pub async fn run_queue<S: Stage>(runner: Runner<S>) -> Result<(), Error> {
    let runner = Arc::new(runner);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<QueueEvent>| {
        let runner = Arc::clone(&runner);
        async move {
            let time_left = time_left(&event.context);
            let deliver = move |_: String, body: String| {
                let runner = Arc::clone(&runner);
                async move { runner.deliver(&body, time_left).await }
            };
            Ok::<_, Error>(run_batch(event.payload, deliver).await)
        }
    }))
    .await
}

/// Serves dead-letter queues: `handle` gets the queue's name and the body. A body that it cannot
/// deal with stays on its queue.
pub async fn run_dead_letters<F, R>(handle: F) -> Result<(), Error>
where
    F: Fn(String, String) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let handle = Arc::new(handle);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<QueueEvent>| {
        let handle = Arc::clone(&handle);
        async move {
            let deliver = move |queue: String, body: String| {
                let handled = handle(queue, body);
                async move {
                    match handled.await {
                        Ok(()) => Delivered::Done,
                        Err(failure) => {
                            error!(code = failure.code(), %failure, "a dead letter stays");
                            Delivered::GiveBack
                        }
                    }
                }
            };
            Ok::<_, Error>(run_batch(event.payload, deliver).await)
        }
    }))
    .await
}

#[expect(clippy::disallowed_methods, reason = "the deadline is given as wall-clock time")]
fn time_left(context: &lambda_runtime::Context) -> Duration {
    until(context.deadline(), SystemTime::now())
}

fn until(deadline: SystemTime, now: SystemTime) -> Duration {
    match deadline.duration_since(now) {
        Ok(left) => left.saturating_sub(MARGIN),
        // `cargo lambda watch` says ten minutes after 1970 began; Lambda itself never so long ago.
        Err(past) if past.duration() > AN_HOUR => UNSAID,
        Err(_) => Duration::ZERO,
    }
}

/// Handles every message on its own task, so that a panic is one message's problem.
async fn run_batch<F, R>(event: QueueEvent, deliver: F) -> BatchResponse
where
    F: Fn(String, String) -> R,
    R: Future<Output = Delivered> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let mut ids = HashMap::with_capacity(event.records.len());
    for message in event.records {
        let queue = message.event_source_arn.rsplit(':').next().unwrap_or_default().to_owned();
        let task = tasks.spawn(deliver(queue, text_of(message.body)));
        ids.insert(task.id(), message.message_id);
    }
    let mut response = BatchResponse::default();
    while let Some(done) = tasks.join_next_with_id().await {
        let (task, delivered) = match done {
            Ok(done) => done,
            Err(broken) => {
                error!(%broken, "the runner panicked");
                (broken.id(), Delivered::GiveBack)
            }
        };
        if delivered == Delivered::GiveBack
            && let Some(item_identifier) = ids.remove(&task)
        {
            response.batch_item_failures.push(BatchItemFailure { item_identifier });
        }
    }
    response
}

fn text_of(body: Value) -> String {
    match body {
        Value::String(text) => text,
        sample => sample.to_string(),
    }
}

/// Serves an HTTP API behind API Gateway until the sandbox is shut down.
pub async fn run_api<S>(app: S) -> Result<(), Error>
where
    S: tower_service::Service<lambda_http::Request, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    S::Response: lambda_http::IntoResponse + Send,
{
    lambda_http::run(app).await
}

/// Serves something that is due every so often until the sandbox is shut down.
pub async fn run_schedule<F, R>(tick: F) -> Result<(), Error>
where
    F: Fn() -> R,
    R: Future<Output = Result<(), Failure>>,
{
    lambda_runtime::run(service_fn(move |_: LambdaEvent<Value>| {
        // Boxed: the compiler lays out nested futures together, and an optimised build gives up on so many levels.
        let tick = Box::pin(tick());
        async move { tick.await.map_err(Error::from) }
    }))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn failed(bodies: &[(&str, &str)]) -> Vec<String> {
        let records: Vec<_> = bodies
            .iter()
            .map(|(id, body)| serde_json::json!({ "messageId": id, "body": body }))
            .collect();
        let event = serde_json::from_value(serde_json::json!({ "Records": records })).unwrap();
        let deliver = |_: String, body: String| async move {
            match body.as_str() {
                "later" => Delivered::GiveBack,
                "panic" => panic!("a bug"),
                _ => Delivered::Done,
            }
        };
        let response = run_batch(event, deliver).await;
        let mut ids: Vec<_> =
            response.batch_item_failures.into_iter().map(|it| it.item_identifier).collect();
        ids.sort();
        ids
    }

    #[tokio::test]
    async fn returns_only_the_messages_that_must_come_again() {
        assert_eq!(failed(&[("1", "ok"), ("2", "later"), ("3", "ok")]).await, ["2"]);
    }

    #[tokio::test]
    async fn a_panic_costs_one_message() {
        assert_eq!(failed(&[("1", "panic"), ("2", "ok")]).await, ["1"]);
    }

    /// Case 17: no outcome of a neighbour changes what becomes of a message.
    #[tokio::test]
    async fn every_message_has_its_own_outcome_in_every_batch_of_up_to_four() {
        let outcomes = ["ok", "later", "panic"];
        let ids = ["1", "2", "3", "4"];
        for size in 0..=ids.len() {
            for case in 0..outcomes.len().pow(u32::try_from(size).unwrap()) {
                let outcome =
                    |at: usize| outcomes[case / outcomes.len().pow(u32::try_from(at).unwrap()) % 3];
                let batch: Vec<_> = (0..size).map(|at| (ids[at], outcome(at))).collect();
                let wanted: Vec<_> =
                    batch.iter().filter(|(_, is)| *is != "ok").map(|(id, _)| *id).collect();
                assert_eq!(failed(&batch).await, wanted, "{batch:?}");
            }
        }
    }

    #[test]
    fn a_deadline_is_kept_and_one_of_1970_is_none() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_000_001);
        let secs = Duration::from_secs;
        assert_eq!(until(now + secs(50), now), secs(47));
        assert_eq!(until(now + secs(1), now), Duration::ZERO);
        assert_eq!(until(now - secs(2), now), Duration::ZERO);
        assert_eq!(until(SystemTime::UNIX_EPOCH + secs(600), now), UNSAID);
    }
}
