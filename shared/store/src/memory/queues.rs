//! Queues in memory, and the receiving side that drives the embedded twin.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use ferrule_core::Failure;

use super::lock;
use crate::{Clock, MAX_DELAY, Outgoing, rules};

/// How long a received message stays hidden when nobody deletes or delays it.
const VISIBILITY: Duration = Duration::from_mins(15);

/// Messages by function.
#[derive(Debug, Clone)]
pub struct Queues {
    clock: Clock,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    sent: u64,
    messages: BTreeMap<String, Line>,
    absent: BTreeSet<String>,
}

/// The messages of one queue.
#[derive(Debug, Default)]
struct Line {
    waiting: BTreeMap<u64, Waiting>,
    /// When each can be received: a long queue is not walked over for its first message.
    order: BTreeSet<(i64, u64)>,
}

#[derive(Debug)]
struct Waiting {
    body: String,
    visible_at: i64,
    receives: u32,
}

impl Line {
    fn add(&mut self, id: u64, waiting: Waiting) {
        self.order.insert((waiting.visible_at, id));
        self.waiting.insert(id, waiting);
    }

    fn remove(&mut self, id: u64) {
        if let Some(waiting) = self.waiting.remove(&id) {
            self.order.remove(&(waiting.visible_at, id));
        }
    }

    /// Hides a message until then; returns it.
    fn hide(&mut self, id: u64, visible_at: i64) -> Option<&mut Waiting> {
        let waiting = self.waiting.get_mut(&id)?;
        self.order.remove(&(waiting.visible_at, id));
        waiting.visible_at = visible_at;
        self.order.insert((visible_at, id));
        Some(waiting)
    }
}

/// A message in the hands of a receiver, hidden from others for 15 minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Names the message to [`Queues::delete`] and [`Queues::delay`].
    pub id: u64,
    /// Text.
    pub body: String,
    /// How often it has been received, this time included.
    pub receives: u32,
}

impl Queues {
    /// Makes empty queues that go by `clock`.
    pub fn new(clock: Clock) -> Self {
        Self { clock, kept: Arc::default() }
    }

    /// Sends messages to the queue of `function`: all, or none when SQS would refuse one.
    pub fn send(&self, function: &str, messages: Vec<Outgoing>) -> Result<(), Failure> {
        messages.iter().try_for_each(rules::check_message)?;
        let now = self.clock.now_ms();
        let mut kept = lock(&self.kept);
        if kept.absent.contains(function) {
            let reason = format!("there is no queue {function}; is its function deployed?");
            return Err(Failure::rejected("sqs", reason));
        }
        for message in messages {
            kept.sent += 1;
            let id = kept.sent;
            let visible_at = after(now, message.delay.min(MAX_DELAY));
            let waiting = Waiting { body: message.body, visible_at, receives: 0 };
            kept.messages.entry(function.to_owned()).or_default().add(id, waiting);
        }
        Ok(())
    }

    /// Takes the queue of `function` away, as when it is not deployed: nothing can be sent there.
    pub fn remove(&self, function: &str) {
        lock(&self.kept).absent.insert(function.to_owned());
    }

    /// Takes the message that has been visible for longest, and hides it.
    pub fn receive(&self, function: &str) -> Option<Received> {
        let now = self.clock.now_ms();
        let mut kept = lock(&self.kept);
        let line = kept.messages.get_mut(function)?;
        let (_, id) = *line.order.first().filter(|(visible_at, _)| *visible_at <= now)?;
        let waiting = line.hide(id, after(now, VISIBILITY))?;
        waiting.receives += 1;
        Some(Received { id, body: waiting.body.clone(), receives: waiting.receives })
    }

    /// Removes a message that has been dealt with.
    pub fn delete(&self, function: &str, id: u64) {
        if let Some(messages) = lock(&self.kept).messages.get_mut(function) {
            messages.remove(id);
        }
    }

    /// Gives a message back, to be received again after `wait`.
    pub fn delay(&self, function: &str, id: u64, wait: Duration) {
        let visible_at = after(self.clock.now_ms(), wait);
        let mut kept = lock(&self.kept);
        if let Some(line) = kept.messages.get_mut(function) {
            line.hide(id, visible_at);
        }
    }

    /// Tells when the next message of `function` can be received, in milliseconds since 1970;
    /// `None` when its queue is empty. Messages in somebody's hands count with the end of their
    /// hiding.
    pub fn next_visible_at(&self, function: &str) -> Option<i64> {
        let kept = lock(&self.kept);
        kept.messages.get(function)?.order.first().map(|(visible_at, _)| *visible_at)
    }

    /// Returns the messages sent after the one with this id, oldest first, each with its function: for
    /// a test that watches. Those that are gone already are left out.
    pub fn sent_after(&self, id: u64) -> Vec<(String, u64, String)> {
        let kept = lock(&self.kept);
        let of = |(function, line): (&String, &Line)| {
            let later = line.waiting.range(id + 1..);
            later.map(|(id, one)| (function.clone(), *id, one.body.clone())).collect::<Vec<_>>()
        };
        let mut sent: Vec<_> = kept.messages.iter().flat_map(of).collect();
        sent.sort_unstable_by_key(|(_, id, _)| *id);
        sent
    }

    /// Names every message that is on a queue, visible or not.
    pub fn ids(&self) -> BTreeSet<u64> {
        lock(&self.kept).messages.values().flat_map(|line| line.waiting.keys().copied()).collect()
    }

    /// Names the functions that have messages, visible or not.
    pub fn functions(&self) -> Vec<String> {
        let kept = lock(&self.kept);
        let busy = kept.messages.iter().filter(|(_, line)| !line.waiting.is_empty());
        busy.map(|(function, _)| function.clone()).collect()
    }
}

/// Adds a duration to milliseconds since 1970.
fn after(now: i64, wait: Duration) -> i64 {
    now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000_000;

    fn queues() -> (Queues, Clock) {
        let clock = Clock::manual(START);
        (Queues::new(clock.clone()), clock)
    }

    fn message(body: &str, delay: Duration) -> Outgoing {
        Outgoing { body: body.into(), delay }
    }

    #[test]
    fn delivers_in_order_and_each_message_to_one_receiver() {
        let (queues, _) = queues();
        let messages = ["a", "b"].map(|body| message(body, Duration::ZERO));
        queues.send("rest", messages.to_vec()).unwrap();
        let bodies: Vec<_> =
            std::iter::from_fn(|| queues.receive("rest")).map(|m| m.body).collect();
        assert_eq!(bodies, ["a", "b"]);
        assert_eq!(queues.receive("files"), None);
    }

    #[test]
    fn holds_a_delayed_message_back_and_cuts_the_delay_to_what_sqs_takes() {
        let (queues, clock) = queues();
        queues.send("rest", vec![message("later", Duration::from_hours(9))]).unwrap();
        assert_eq!(queues.receive("rest"), None);
        assert_eq!(queues.next_visible_at("rest"), Some(START + 900_000));
        clock.advance(MAX_DELAY);
        assert_eq!(queues.receive("rest").unwrap().body, "later");
    }

    #[test]
    fn delivers_again_what_nobody_deleted_and_counts() {
        let (queues, clock) = queues();
        queues.send("rest", vec![message("again", Duration::ZERO)]).unwrap();
        let first = queues.receive("rest").unwrap();
        queues.delay("rest", first.id, Duration::from_mins(1));
        assert_eq!(queues.receive("rest"), None);
        clock.advance(Duration::from_mins(1));
        assert_eq!(queues.receive("rest").unwrap().receives, 2);
        clock.advance(VISIBILITY);
        assert_eq!(queues.receive("rest").unwrap().receives, 3);
    }

    #[test]
    fn forgets_a_deleted_message() {
        let (queues, _) = queues();
        queues.send("rest", vec![message("done", Duration::ZERO)]).unwrap();
        assert_eq!(queues.functions(), ["rest"]);
        let received = queues.receive("rest").unwrap();
        queues.delete("rest", received.id);
        assert_eq!((queues.functions(), queues.next_visible_at("rest")), (vec![], None));
    }

    #[test]
    fn sends_nothing_when_one_message_would_be_refused() {
        let (queues, _) = queues();
        let messages = ["fine", "\u{ffff}"].map(|body| message(body, Duration::ZERO));
        assert!(queues.send("rest", messages.to_vec()).is_err());
        assert!(queues.functions().is_empty());
    }
}
