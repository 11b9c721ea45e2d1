//! The API as callers see it: over the router, with the store in memory.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod auth;
mod config;
mod cost;
mod definitions;
mod document;
mod guard;
mod hostile;
mod hub;
mod parked;
mod records;
mod replay;
mod runs;
mod tenants;
