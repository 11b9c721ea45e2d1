//! Which limits the calls of an integration are made under.

use std::sync::Arc;

use ferrule_core::definition::{Limits, Rate};

use super::{DEFAULT_RATE, window::Limit};

/// What a connection and an integration say of their calls; both hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rates {
    /// Of all calls through the connection, if it says so.
    connection: Option<Rate>,
    /// Of the calls of integrations that say the same.
    integration: Option<Rate>,
}

impl From<Rate> for Rates {
    /// A connection's limit.
    fn from(rate: Rate) -> Self {
        Self { connection: Some(rate), integration: None }
    }
}

impl Rates {
    /// Reads what both say. Where neither says anything, the connection has the hub's own limit.
    pub(crate) fn of(connection: Option<&Limits>, integration: Option<&Limits>) -> Self {
        let calls = |limits: Option<&Limits>| limits.and_then(|limits| limits.calls);
        match (calls(connection), calls(integration)) {
            (None, None) => DEFAULT_RATE.into(),
            // The same said twice is one limit.
            (connection, integration) => {
                Self { connection, integration: integration.filter(|own| Some(*own) != connection) }
            }
        }
    }

    /// The limit that allows the fewest calls in the long run.
    pub(crate) fn strictest(self) -> Rate {
        let both = self.connection.into_iter().chain(self.integration);
        both.min_by_key(|rate| per_hour(*rate)).unwrap_or(DEFAULT_RATE)
    }

    /// How many calls it allows in an hour.
    pub(crate) fn per_hour(self) -> u64 {
        per_hour(self.strictest())
    }

    pub(super) fn limits(self) -> Arc<[Limit]> {
        let connection = self.connection.map(|rate| Limit { of: None, rate });
        let integration = self.integration.map(|rate| Limit { of: Some(rate.to_string()), rate });
        connection.into_iter().chain(integration).collect()
    }
}

fn per_hour(rate: Rate) -> u64 {
    u64::from(rate.calls) * 3600 / u64::from(rate.window_secs.max(1))
}
