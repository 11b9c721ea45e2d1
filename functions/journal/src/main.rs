//! Lambda entry point for the journal function.

fn main() {}
