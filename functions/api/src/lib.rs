#![doc = include_str!("../README.md")]

mod auth;
mod checks;
mod config;
mod definitions;
mod errors;
mod etag;
mod health;
mod input;
mod keys;
mod openapi;
mod page;
mod problem;
mod records;
mod replays;
mod reserved;
mod router;
mod runs;
mod status;
mod validate;
mod views;

pub use router::app;
