//! Fakes and promises. Only ever a dev-dependency.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "test code fails by panicking"
)]

pub mod contract;
mod event;
mod generated;
pub mod servicenow;
pub mod vendor;

pub use event::{body, event};
pub use generated::generated;
