//! What the operator's command `ferrule` is made of; the end-to-end tests use the same pieces.

pub mod commands;
mod connectors;
mod definitions;
mod fault;
mod hub;
mod operator;
mod output;
mod setting_up;
pub mod stack;
pub mod twin;

pub use fault::{Ended, Fault};

/// Waits. The command is no Lambda: nobody bills it for waiting.
#[expect(clippy::disallowed_methods, reason = "an operator's command may wait; a Lambda may not")]
pub(crate) async fn pause(wait: std::time::Duration) {
    tokio::time::sleep(wait).await;
}
