//! Lambda entry point for the deadletter function.

fn main() {}
