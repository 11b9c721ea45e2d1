//! Lambda entry point for the schedule function.

fn main() {}
