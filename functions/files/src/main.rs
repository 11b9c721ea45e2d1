//! Lambda entry point for the files function.

fn main() {}
