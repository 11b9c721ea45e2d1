//! The implementation on AWS. Nothing here is touched before its first use: making a store needs
//! no network, no credentials and no runtime.

mod bucket;
mod cache;
mod dynamo;
mod failure;
mod retry;
mod secrets;
mod sqs;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use aws_config::{
    BehaviorVersion, ConfigLoader, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::Credentials;
use tokio::sync::OnceCell;

pub use bucket::Bucket;
pub use dynamo::Dynamo;
pub use secrets::SecretsManager;
pub use sqs::Sqs;

use crate::{Clock, Places, Store};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long a call may take with all its attempts.
const CALL: Duration = Duration::from_secs(20);

impl Store {
    /// Makes a store in AWS. Looks nothing up: region, credentials and endpoint are found at the
    /// first call, each client is made at its first call.
    pub fn aws(places: &Places, time_scale: u32) -> Self {
        Self::in_session(Session::new(places.endpoint.clone(), None), places, time_scale)
    }

    /// Makes a store in AWS for somebody else than the environment says: the operator's command
    /// speaks to the local AWS so.
    pub fn aws_as(places: &Places, time_scale: u32, access: Access) -> Self {
        Self::in_session(Session::new(places.endpoint.clone(), Some(access)), places, time_scale)
    }

    fn in_session(session: Session, places: &Places, time_scale: u32) -> Self {
        let clock = Clock::System;
        let tables = Dynamo::new(session.clone(), &places.stack, clock.clone());
        let secrets = SecretsManager::new(session.clone(), &places.stage, clock.clone());
        Self {
            tables: crate::Tables::Aws(tables),
            queues: crate::Queues::Aws(Sqs::new(session.clone(), &places.queue_prefix)),
            secrets: crate::Secrets::Aws(secrets),
            payloads: crate::Payloads::Aws(Bucket::new(session, &places.payload_bucket)),
            clock,
            time_scale,
        }
    }
}

/// Who speaks to AWS, and where, when the environment does not say so.
#[derive(Clone)]
pub struct Access {
    /// The region.
    pub region: String,
    /// Id of the access key.
    pub key_id: String,
    /// The access key. It has no `Debug` that shows it.
    pub secret_key: String,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Access({}, {})", self.region, self.key_id)
    }
}

/// What all clients share: region, credentials, connections. Looked up once, at the first call.
#[derive(Debug, Clone)]
struct Session {
    endpoint: Option<String>,
    access: Option<Access>,
    config: Arc<OnceCell<SdkConfig>>,
}

impl Session {
    fn new(endpoint: Option<String>, access: Option<Access>) -> Self {
        Self { endpoint, access, config: Arc::default() }
    }

    async fn config(&self) -> &SdkConfig {
        self.config.get_or_init(async || self.loader().load().await).await
    }

    fn loader(&self) -> ConfigLoader {
        let loader = loader(self.endpoint.clone());
        let Some(Access { region, key_id, secret_key }) = &self.access else { return loader };
        let credentials = Credentials::new(key_id, secret_key, None, None, "operator");
        loader.region(Region::new(region.clone())).credentials_provider(credentials)
    }
}

/// Finds what the SDK finds in the environment. Retries start at 50 ms: the SDK's own first wait
/// of up to a second suits control planes, not tables.
fn loader(endpoint: Option<String>) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL);
    let retries = RetryConfig::standard()
        .with_max_attempts(5)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_secs(3));
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts.build())
        .retry_config(retries);
    match endpoint {
        Some(endpoint) => loader.endpoint_url(endpoint),
        None => loader,
    }
}
