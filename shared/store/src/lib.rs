//! ferrule-store.
