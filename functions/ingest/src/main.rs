//! Lambda entry point for the ingest function.

fn main() {}
