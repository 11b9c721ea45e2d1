//! Who waits for a call in this process.
//!
//! One at a time asks the row, for all of them. Would they race for it, most of them would read and write in
//! vain, and give their message back after a while though there are calls enough.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{Mutex, MutexGuard};

#[derive(Debug, Default)]
pub(super) struct Queue {
    turn: Mutex<()>,
    waiting: AtomicU32,
}

/// Somebody in the queue, until dropped.
pub(super) struct InLine<'q>(&'q Queue);

impl Queue {
    /// Joins the queue; others see it at once.
    pub(super) fn join(&self) -> InLine<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        InLine(self)
    }

    /// Returns how many wait, with whoever asks.
    pub(super) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl<'q> InLine<'q> {
    /// Waits until it is our turn.
    pub(super) async fn turn(&self) -> MutexGuard<'q, ()> {
        self.0.turn.lock().await
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
