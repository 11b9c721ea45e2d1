//! deadletter.
