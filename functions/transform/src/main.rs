//! Lambda entry point for the transform function.

fn main() {}
