//! Lambda entry point for the records function.

fn main() {}
