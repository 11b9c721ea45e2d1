//! Runs one message through a stage and turns a [`Failure`] into what happens next.
//!
//! Waiting is done by a queue, never by a function. A message that must wait is sent again with a
//! delay and its attempts counted inside, and the delivered copy is done: only so is waiting for a
//! rate limit no attempt, and the queue's own receive count stays a backstop for crashes alone
//! (infra/decisions/0005).

use std::{sync::Arc, time::Duration};

use ferrule_core::{Failure, Message, Next, Note, SCHEDULE, Task};
use ferrule_store::{Definitions, MAX_DELAY, Store};
use tracing::{Instrument, error, info_span, warn};

use crate::{give_up, held_back::HeldBack, park};

/// What a rate limit without a hint waits, before scaling.
const UNHINTED_WAIT: Duration = Duration::from_mins(1);

/// When a check is tried again whose answer could not be written down: somebody waits for it.
const CHECK_SCHEDULE: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(30)];

/// Trouble of AWS uses up no attempt of a message until its run is so old, before scaling. Then it may be
/// no trouble of AWS.
const PATIENCE: Duration = Duration::from_hours(12);

/// One function's work.
pub trait Stage: Send + Sync + 'static {
    /// Names the function and its queue.
    fn name(&self) -> &str;

    /// Does what a message asks. `time_left` is how long the process may still run.
    fn handle(
        &self,
        message: &Message,
        time_left: Duration,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What became of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// Handled, parked, or sent again for later: the queue may forget it.
    Done,
    /// The queue must deliver it again.
    GiveBack,
}

/// Runs messages through one stage.
#[derive(Debug)]
pub struct Runner<S> {
    stage: Arc<S>,
    store: Store,
    definitions: Arc<Definitions>,
    held_back: Arc<HeldBack>,
}

impl<S> Clone for Runner<S> {
    fn clone(&self) -> Self {
        Self {
            stage: Arc::clone(&self.stage),
            store: self.store.clone(),
            definitions: Arc::clone(&self.definitions),
            held_back: Arc::clone(&self.held_back),
        }
    }
}

impl<S: Stage> Runner<S> {
    /// Wires a stage to the store.
    pub fn new(stage: S, store: Store, definitions: Arc<Definitions>) -> Self {
        let held_back = Arc::new(HeldBack::new(store.clone(), Arc::clone(&definitions)));
        Self { stage: Arc::new(stage), store, definitions, held_back }
    }

    /// Handles one queue message. Never panics, even when the stage does.
    pub async fn deliver(&self, body: &str, time_left: Duration) -> Delivered {
        let message = match self.store.read_message(body).await {
            Ok(message) => message,
            Err(failure @ Failure::Invalid { .. }) => return self.unreadable(body, &failure).await,
            Err(failure) => {
                warn!(code = failure.code(), %failure, "gave the message back");
                return Delivered::GiveBack;
            }
        };
        self.deliver_message(Arc::new(message), time_left).await
    }

    /// Handles a message that was handed over as it is. Never panics, even when the stage does.
    pub async fn deliver_message(&self, message: Arc<Message>, time_left: Duration) -> Delivered {
        let envelope = &message.envelope;
        let span = info_span!(
            "message", tenant = %envelope.tenant, integration = %envelope.integration,
            run = %envelope.run, failures = envelope.failures
        );
        self.work_on(message, time_left).instrument(span).await
    }

    async fn work_on(&self, message: Arc<Message>, time_left: Duration) -> Delivered {
        let early = message.envelope.not_before - self.store.clock.now_ms();
        if early > 0 {
            let wait = Duration::from_millis(early.unsigned_abs());
            return settled(self.send_again(Message::clone(&message), wait).await);
        }
        let done = match self.held_back.wait(&message).await {
            Ok(Some(wait)) => {
                return settled(self.send_again(Message::clone(&message), wait).await);
            }
            Ok(None) => self.handle(Arc::clone(&message), time_left).await,
            Err(failure) => Err(failure),
        };
        match done {
            Ok(()) => Delivered::Done,
            Err(failure) => settled(self.decide(Arc::unwrap_or_clone(message), failure).await),
        }
    }

    /// Handles the message on a task of its own, so that a panic is this message's problem.
    async fn handle(&self, message: Arc<Message>, time_left: Duration) -> Result<(), Failure> {
        let stage = Arc::clone(&self.stage);
        let span = tracing::Span::current();
        let work = async move { stage.handle(&message, time_left).await };
        match tokio::spawn(work.instrument(span)).await {
            Ok(outcome) => outcome,
            Err(broken) => {
                error!(%broken, "the stage panicked");
                Err(Failure::unavailable(self.stage.name(), "the function panicked"))
            }
        }
    }

    async fn decide(&self, mut message: Message, failure: Failure) -> Result<(), Failure> {
        let wait = self.store.scaled(UNHINTED_WAIT);
        if failure.is_own() && self.is_young(&message) {
            warn!(code = failure.code(), %failure, wait_ms = wait.as_millis(), "will wait for AWS");
            return self.send_again(message, wait).await;
        }
        let failure = with_hint(failure, wait);
        let schedule = self.schedule(&message).await?;
        let failures = message.envelope.failures + 1;
        let code = failure.code();
        match failure.next(failures as usize, &schedule) {
            Next::Wait(wait) => {
                warn!(code, %failure, wait_ms = wait.as_millis(), "will wait");
                self.send_again(message, wait).await
            }
            Next::Retry(wait) => {
                message.envelope.failures = failures;
                warn!(code, %failure, attempt = failures, wait_ms = wait.as_millis(), "will retry");
                self.send_again(message, wait).await
            }
            Next::Park if message.envelope.purpose.is_plan() => {
                warn!(code, %failure, "a plan cannot be made");
                give_up(&self.store, &self.definitions, self.stage.name(), message, &failure).await
            }
            Next::Park => {
                error!(code, %failure, attempt = failures, "parked");
                message.envelope.failures = failures;
                give_up(&self.store, &self.definitions, self.stage.name(), message, &failure).await
            }
        }
    }

    /// Tells whether a message's run began a short while ago. Who waits for a check is not patient.
    fn is_young(&self, message: &Message) -> bool {
        let patience = i64::try_from(self.store.scaled(PATIENCE).as_millis()).unwrap_or(i64::MAX);
        let age = message.envelope.run.began_ms().map(|began| self.store.clock.now_ms() - began);
        match message.task {
            Task::Check(_) => false,
            // Its run may have waited a day for somebody.
            Task::Release(_) => true,
            _ => age.is_some_and(|age| age < patience),
        }
    }

    /// Returns the waits of the definition in force, scaled.
    async fn schedule(&self, message: &Message) -> Result<Vec<Duration>, Failure> {
        let scaled = |wait: Duration| self.store.scaled(wait);
        if matches!(message.task, Task::Check(_)) {
            return Ok(CHECK_SCHEDULE.into_iter().map(scaled).collect());
        }
        if message.envelope.purpose.is_plan() && !matches!(message.task, Task::Note(_)) {
            // Somebody waits for it, and can ask again.
            return Ok(Vec::new());
        }
        let retry = match self.definitions.of(&message.envelope).await {
            Ok(integration) => integration.retry.clone(),
            Err(Failure::Invalid { .. }) => None,
            Err(failure) => return Err(failure),
        };
        Ok(match retry {
            Some(retry) => retry.schedule.iter().map(|wait| scaled(wait.duration())).collect(),
            None => SCHEDULE.into_iter().map(scaled).collect(),
        })
    }

    async fn send_again(&self, mut message: Message, wait: Duration) -> Result<(), Failure> {
        let envelope = &message.envelope;
        let is_work = !matches!(message.task, Task::Note(_));
        if is_work && envelope.not_before == 0 && envelope.run.delivery().is_some() {
            // Its run is not in the sync log yet, where people look for what is not done.
            self.store.send_task("journal", envelope, Task::Note(Note::Waits)).await?;
        }
        let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        message.envelope.not_before = self.store.clock.now_ms().saturating_add(wait_ms);
        let name = self.stage.name();
        self.store.send(name, vec![message], wait.min(MAX_DELAY)).await
    }

    async fn unreadable(&self, body: &str, failure: &Failure) -> Delivered {
        error!(code = failure.code(), %failure, "parked an unreadable message");
        let parked = park::park_text(&self.store, self.stage.name(), body, failure).await;
        settled(parked)
    }
}

fn settled(outcome: Result<(), Failure>) -> Delivered {
    match outcome {
        Ok(()) => Delivered::Done,
        Err(failure) => {
            warn!(code = failure.code(), %failure, "gave the message back");
            Delivered::GiveBack
        }
    }
}

fn with_hint(failure: Failure, unhinted: Duration) -> Failure {
    match failure {
        Failure::Throttled { service, retry_after: None } => {
            Failure::Throttled { service, retry_after: Some(unhinted) }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
