//! ferrule-testing.
