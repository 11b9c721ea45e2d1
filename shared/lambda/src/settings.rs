//! What a function reads from its environment, once.

use ferrule_store::{PARKED_DAYS, Places, Store};

/// Everything the template tells a function. See `infra/template.yaml`, `Globals`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `FERRULE_STACK`: prefix of tables and queues.
    pub stack: String,
    /// `FERRULE_STAGE`: part of secret names.
    pub stage: String,
    /// `FERRULE_QUEUES`: queue URL up to the function's name.
    pub queues: String,
    /// `FERRULE_PAYLOADS`: bucket for parked and oversized payloads.
    pub payloads: String,
    /// `FERRULE_FILES`: default bucket of the `files` connector.
    pub files: String,
    /// `FERRULE_TIME_SCALE`: divides every wait and window; 1 when unset.
    pub time_scale: u32,
    /// `AWS_ENDPOINT_URL_S3`, else `AWS_ENDPOINT_URL`: where S3 is, when not at AWS.
    pub endpoint: Option<String>,
    /// `FERRULE_PARKED_DAYS`: days for which what is parked is kept; 30 when unset.
    pub parked_days: u32,
    /// `FERRULE_LOCAL`: runs on the local stack; loopback and local folders are allowed.
    pub local: bool,
}

impl Settings {
    /// Reads the environment. Never fails: what is missing shows where it is used.
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
    pub fn from_env() -> Self {
        let text = |name: &str| std::env::var(name).unwrap_or_default();
        let endpoint = [text("AWS_ENDPOINT_URL_S3"), text("AWS_ENDPOINT_URL")];
        Self {
            stack: text("FERRULE_STACK"),
            stage: text("FERRULE_STAGE"),
            queues: text("FERRULE_QUEUES"),
            payloads: text("FERRULE_PAYLOADS"),
            files: text("FERRULE_FILES"),
            time_scale: text("FERRULE_TIME_SCALE").parse().unwrap_or(1).max(1),
            parked_days: text("FERRULE_PARKED_DAYS").parse().unwrap_or(PARKED_DAYS).max(1),
            endpoint: endpoint.into_iter().find(|url| !url.is_empty()),
            local: text("FERRULE_LOCAL") == "true",
        }
    }

    /// Makes the store. Nothing is connected or looked up before the first use.
    pub fn store(&self) -> Store {
        let places = Places {
            stack: self.stack.clone(),
            stage: self.stage.clone(),
            queue_prefix: self.queues.clone(),
            payload_bucket: self.payloads.clone(),
            endpoint: self.endpoint.clone(),
        };
        Store { parked_days: self.parked_days, ..Store::aws(&places, self.time_scale) }
    }
}
