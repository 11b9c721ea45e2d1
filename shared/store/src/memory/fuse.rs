//! A fuse: makes a process that uses the store in memory die at a chosen moment.
//!
//! Tests light it; what runs on is as good as killed. The call at which it blows has had its
//! effect, only its answer is lost; every later call fails without effect.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use ferrule_core::Failure;

/// Counts calls until it blows. Clones share the count; a new one never blows.
#[derive(Debug, Clone)]
pub struct Fuse {
    left: Arc<AtomicI64>,
    yields: Arc<AtomicBool>,
}

impl Default for Fuse {
    fn default() -> Self {
        Self { left: Arc::new(AtomicI64::new(i64::MAX)), yields: Arc::default() }
    }
}

impl Fuse {
    /// Blows with the answer of the `calls`-th call from now; 0 is at once.
    pub fn light(&self, calls: u32) {
        self.left.store(i64::from(calls), Ordering::SeqCst);
    }

    /// Works again.
    pub fn mend(&self) {
        self.left.store(i64::MAX, Ordering::SeqCst);
    }

    /// Lets other tasks run between two calls from now on, as the network would.
    pub fn interleave(&self) {
        self.yields.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn before(&self) -> Result<(), Failure> {
        if self.yields.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        self.check()
    }

    pub(crate) fn after(&self) -> Result<(), Failure> {
        self.left.fetch_sub(1, Ordering::SeqCst);
        self.check()
    }

    fn check(&self) -> Result<(), Failure> {
        match self.left.load(Ordering::SeqCst) {
            1.. => Ok(()),
            _ => Err(Failure::unavailable("store", "the process was killed")),
        }
    }
}
