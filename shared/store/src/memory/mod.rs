//! The embedded twin: everything in memory, with the same behaviour as AWS and a clock that can be
//! set. Clones share what they hold.

mod fuse;
mod handover;
mod partition;
mod payloads;
mod queues;
mod secrets;
mod tables;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use fuse::Fuse;
pub use handover::Handover;
pub use payloads::Payloads;
pub use queues::{Queues, Received};
pub use secrets::Secrets;
pub use tables::Tables;

use crate::{Clock, Store};

impl Store {
    /// Makes an empty store in memory. Everything in it goes by `clock`.
    pub fn memory(clock: Clock) -> Self {
        Self::memory_with(clock, &Fuse::default())
    }

    /// Makes an empty store in memory for a single process: messages are handed over as they are.
    pub fn embedded(clock: Clock) -> Self {
        let queues = crate::Queues::Handover(Handover::new(clock.clone()));
        Self { queues, ..Self::memory(clock) }
    }

    /// Makes an empty store in memory that fails when the fuse has blown.
    pub fn memory_with(clock: Clock, fuse: &Fuse) -> Self {
        Self {
            tables: crate::Tables::Memory(Tables::new(clock.clone()), fuse.clone()),
            queues: crate::Queues::Memory(Queues::new(clock.clone()), fuse.clone()),
            secrets: crate::Secrets::Memory(Secrets::new(fuse)),
            payloads: crate::Payloads::Memory(Payloads::default()),
            clock,
            time_scale: 1,
            parked_days: crate::PARKED_DAYS,
            successes: crate::Successes::default(),
            arrivals: crate::Arrivals::default(),
        }
    }
}

/// Locks; what a panicking holder left behind is whole, since every change is a single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
