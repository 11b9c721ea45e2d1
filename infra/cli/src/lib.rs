//! What the operator's command `ferrule` is made of; the end-to-end tests use the same pieces.

pub mod commands;
mod connectors;
mod definitions;
mod fault;
mod hub;
mod output;
pub mod stack;
pub mod twin;

pub use fault::{Ended, Fault};
