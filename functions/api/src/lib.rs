#![doc = include_str!("../README.md")]

mod cost;
mod errors;
mod keys;
mod openapi;
mod records;
mod replays;
mod reserved;
mod router;
mod runs;
mod status;
mod views;

use ferrule_http::{auth, input, page, problem};
pub use router::app;
