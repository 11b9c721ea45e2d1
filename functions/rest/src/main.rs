//! Lambda entry point for the rest function.

fn main() {}
