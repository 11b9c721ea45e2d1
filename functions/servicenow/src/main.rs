//! Lambda entry point for the servicenow function.

fn main() {}
