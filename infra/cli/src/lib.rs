//! What the operator's command `ferrule` is made of; the end-to-end tests use the same pieces.

pub mod stack;
