//! Telling people, with a connector that rings a bell and everything going wrong around it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod crash;
mod gone;
mod tell;
mod world;
