//! The stages of the twin, and one step of work at one of them.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ferrule_connector::{Connector, Handler};
use ferrule_core::{Failure, Message};
use ferrule_lambda::{Delivered, Runner, Stage};
use ferrule_store::{Definitions, Queues, Store, memory};
use files::Files;
use journal::Journal;
use records::Records;
use rest::Rest;
use transform::Transform;

/// The connectors that a laptop can serve alone.
pub(super) const CONNECTORS: [&str; 3] = [Files::NAME, Rest::NAME, Records::NAME];

/// How long one delivery may take.
const TIME_LEFT: Duration = Duration::from_mins(1);

/// After so many deliveries a message is given up, as the queue's redrive policy does in AWS.
const MOST_RECEIVES: u32 = 10;

/// A message that was given back comes again after this long.
const GIVEN_BACK: Duration = Duration::from_secs(30);

type Delivery<'s> = Pin<Box<dyn Future<Output = Delivered> + Send + 's>>;

/// One stage, whichever it is.
trait Station: Send + Sync {
    fn deliver<'s>(&'s self, parcel: &'s Parcel) -> Delivery<'s>;
}

impl<S: Stage> Station for Runner<S> {
    fn deliver<'s>(&'s self, parcel: &'s Parcel) -> Delivery<'s> {
        match &parcel.message {
            Some(message) => {
                Box::pin(Runner::deliver_message(self, Arc::clone(message), TIME_LEFT))
            }
            None => Box::pin(Runner::deliver(self, &parcel.received.body, TIME_LEFT)),
        }
    }
}

/// What was received, and the message itself where it is handed over as it is.
struct Parcel {
    received: memory::Received,
    message: Option<Arc<Message>>,
}

/// What a step did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A message of this function was handled.
    Done(&'static str),
    /// Nothing is due before this moment, in milliseconds since 1970.
    Wait(i64),
    /// There is nothing left.
    Idle,
}

/// All stages, by function name.
pub(super) struct Stations {
    store: Store,
    all: Vec<(&'static str, Box<dyn Station>)>,
}

impl Stations {
    pub(super) fn new(store: &Store, definitions: &Arc<Definitions>) -> Self {
        let transform = Transform::new(store.clone(), Arc::clone(definitions));
        let all = vec![
            station("journal", Journal::new(store.clone()), store, definitions),
            station("transform", transform, store, definitions),
            connector(Files::default(), store, definitions),
            connector(Rest::default(), store, definitions),
            connector(Records, store, definitions),
        ];
        Self { store: store.clone(), all }
    }

    /// Handles one message: of the first function in `order` that has one.
    pub(super) async fn step(&self, order: &[&'static str]) -> Result<Step, Failure> {
        let queues = self.queues()?;
        let next = order.iter().find_map(|function| Some((*function, self.receive(function)?)));
        let Some((function, parcel)) = next else {
            let due = order.iter().filter_map(|function| queues.next_visible_at(function)).min();
            return Ok(due.map_or(Step::Idle, Step::Wait));
        };
        match self.station(function)?.deliver(&parcel).await {
            Delivered::Done => self.delete(function, &parcel.received),
            Delivered::GiveBack if parcel.received.receives < MOST_RECEIVES => {
                queues.delay(function, parcel.received.id, GIVEN_BACK);
            }
            Delivered::GiveBack => {
                let reason = format!("a message of {function} came back {MOST_RECEIVES} times");
                return Err(Failure::unavailable("the twin", reason));
            }
        }
        Ok(Step::Done(function))
    }

    fn queues(&self) -> Result<&memory::Queues, Failure> {
        match &self.store.queues {
            Queues::Handover(queues) => Ok(queues.tickets()),
            Queues::Memory(queues, _) => Ok(queues),
            Queues::Aws(_) => Err(Failure::invalid("the twin works in memory only")),
        }
    }

    fn receive(&self, function: &str) -> Option<Parcel> {
        match &self.store.queues {
            Queues::Handover(queues) => {
                let (received, message) = queues.receive(function)?;
                Some(Parcel { received, message: Some(message) })
            }
            Queues::Memory(queues, _) => {
                Some(Parcel { received: queues.receive(function)?, message: None })
            }
            Queues::Aws(_) => None,
        }
    }

    fn delete(&self, function: &str, received: &memory::Received) {
        match &self.store.queues {
            Queues::Handover(queues) => queues.delete(function, received),
            Queues::Memory(queues, _) => {
                queues.delete(function, received.id);
                self.store.forget_message(&received.body);
            }
            Queues::Aws(_) => {}
        }
    }

    fn station(&self, function: &str) -> Result<&dyn Station, Failure> {
        let found = self.all.iter().find(|(name, _)| *name == function);
        let found = found.map(|(_, station)| &**station);
        found.ok_or_else(|| Failure::invalid(format!("the twin has no function {function}")))
    }
}

fn connector<C: Connector>(
    connector: C,
    store: &Store,
    definitions: &Arc<Definitions>,
) -> (&'static str, Box<dyn Station>) {
    let handler = Handler::new(connector, store.clone(), Arc::clone(definitions), true);
    station(C::NAME, handler, store, definitions)
}

fn station<S: Stage>(
    name: &'static str,
    stage: S,
    store: &Store,
    definitions: &Arc<Definitions>,
) -> (&'static str, Box<dyn Station>) {
    (name, Box::new(Runner::new(stage, store.clone(), Arc::clone(definitions))))
}
