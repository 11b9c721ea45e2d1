//! Lambda entry point for the api function.

fn main() {}
