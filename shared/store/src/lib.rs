//! Everything that is kept: tables, queues, secrets, payloads. Tenant first, always.
//!
//! Two implementations stand beside each other: AWS, and one in memory (the embedded twin) that
//! behaves the same. What the hub keeps (runs, definitions, leases, ...) is written once, on top
//! of their few primitives.

mod account;
mod arrivals;
mod audit;
pub mod aws;
mod breakers;
mod budget;
mod cache;
mod claims;
mod clock;
mod close;
mod config;
mod definitions;
mod deliveries;
mod digests;
mod disabled;
mod errors;
mod failed;
mod foresee;
mod guard;
mod health;
mod keys;
mod lease;
mod listeners;
pub mod memory;
mod messages;
mod once;
mod outbox;
mod overdue;
mod parked;
mod payload;
mod plan;
mod queue;
mod records;
mod replay;
mod rows;
mod rules;
mod runs;
mod secret;
mod sweep;
mod table;
mod together;

pub use arrivals::{Arrival, Arrivals};
pub use audit::AuditRow;
pub use breakers::Breaker;
pub use budget::{Pause, Spent};
pub use cache::Definitions;
pub use claims::{BatchClaim, is_done, letter};
pub use clock::Clock;
pub use close::Successes;
pub use config::{
    BadKey, Config, ConfigAction, ConfigAt, ConfigChange, ConfigDone, ConfigKey, ConfigRefusal,
    ConfigVersion, ConfigWish, Held, MAX_CONFIG_BYTES, MOST_CHANGES, Refused,
};
pub use definitions::{DefinitionKind, Scheduled, Stored, hash_of};
pub use deliveries::{Claimed, Delivery};
pub use digests::{Closed, Collector, Due, Member, Terms};
pub use disabled::{Disabled, Place};
pub use errors::{Affected, Done, ErrorFilter, ErrorRow, ErrorState};
pub use foresee::Foreseen;
pub use guard::NotDecided;
pub use health::{Checkable, ConnectionHealth, hourly_reply};
pub use keys::{CustomerKey, Role};
pub use listeners::{Listener, Listeners};
pub use messages::{URGENT, fresh};
pub use outbox::{Posted, post};
pub use parked::{DAY_MS, PARKED_DAYS};
pub use payload::{PARKED_PREFIX, Payloads};
pub use plan::{MOST_SAMPLED, PlanWish};
pub use queue::{MAX_DELAY, MAX_MESSAGE_BYTES, Outgoing, Queues};
pub use records::{Applied, Change, HubRecord, MAX_KEY_BYTES, is_older, since_of};
pub use replay::{
    Discarded, EXPIRY_WARNING_DAYS, MOST_IDS, NotReplayed, OfDefinition, Pick, Preview,
    REPLAY_RATE, Replay, ReplayRun, ReplayState, ReplayWish, Tried, With, price,
};
pub use rows::mark;
pub use runs::{NotStarted, Standing, envelope_of};
pub use secret::{Secret, Secrets};
pub use table::{Item, MAX_ITEM_BYTES, Query, Rows, Start, Table, Tables, When, Write, Written};
pub use together::Together;

/// Where everything is, for the AWS implementation. Read from the environment by
/// `ferrule_lambda::Settings`.
#[derive(Debug, Clone)]
pub struct Places {
    /// Prefix of table names: the stack.
    pub stack: String,
    /// Stage in secret names.
    pub stage: String,
    /// Queue URLs up to the function's name.
    pub queue_prefix: String,
    /// Bucket for payloads.
    pub payload_bucket: String,
    /// Where AWS is emulated; `None` leaves it to what the SDK reads (`AWS_ENDPOINT_URL`).
    pub endpoint: Option<String>,
}

/// All that is kept, and the clock.
#[derive(Debug, Clone)]
pub struct Store {
    /// Rows.
    pub tables: Tables,
    /// Messages.
    pub queues: Queues,
    /// Credentials.
    pub secrets: Secrets,
    /// Parked and oversized payloads.
    pub payloads: Payloads,
    /// The time.
    pub clock: Clock,
    /// Divides every wait and window: 1 in production, more in tests.
    pub time_scale: u32,
    /// Days for which what is parked is kept; 0 where nobody is there to replay it.
    pub parked_days: u32,
    /// What this process knows of successes, so that it need not read them for each run.
    pub successes: Successes,
    /// What this process knows of what was brought.
    pub arrivals: Arrivals,
}

impl Store {
    /// Returns a wait or window as it is on this stack: divided by the time scale, at least 1 ms.
    pub fn scaled(&self, wait: std::time::Duration) -> std::time::Duration {
        (wait / self.time_scale.max(1)).max(std::time::Duration::from_millis(1))
    }
}
