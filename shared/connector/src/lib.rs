//! ferrule-connector.
