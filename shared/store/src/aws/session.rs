//! Who speaks to AWS, where, and how patiently. Only the environment is asked: that is where Lambda
//! puts credentials, and looking elsewhere would bring a second of everything into each function
//! (`infra/decisions/0011-small-bootstraps.md`).

use std::{
    env,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};

use super::transport::http_client;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long a call may take with all its attempts.
const CALL: Duration = Duration::from_secs(20);

/// Who speaks to AWS, and where, whatever the environment says.
#[derive(Debug, Clone)]
pub struct Access {
    /// The region.
    pub region: String,
    /// The access key; `None` is the one in the environment.
    pub keys: Option<Keys>,
}

/// An access key. It has no `Debug` that shows it.
#[derive(Clone)]
pub struct Keys {
    /// Its id.
    pub id: String,
    /// The key itself.
    pub secret: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.id)
    }
}

/// What all clients share: region, credentials, patience. Looked up once, at the first call.
#[derive(Debug, Clone)]
pub(super) struct Session {
    endpoint: Option<String>,
    access: Option<Access>,
    config: Arc<OnceLock<SdkConfig>>,
}

impl Session {
    /// Takes what the environment need not say.
    pub(super) fn new(endpoint: Option<String>, access: Option<Access>) -> Self {
        Self { endpoint, access, config: Arc::default() }
    }

    /// Returns what clients are made of.
    pub(super) fn config(&self) -> &SdkConfig {
        self.config.get_or_init(|| self.make())
    }

    fn make(&self) -> SdkConfig {
        let mut config = SdkConfig::builder()
            .region(self.region().map(Region::new))
            .credentials_provider(self.credentials())
            .http_client(http_client());
        config.set_endpoint_url(self.endpoint.clone().or_else(|| variable("AWS_ENDPOINT_URL")));
        config.build()
    }

    fn region(&self) -> Option<String> {
        let access = self.access.as_ref().map(|access| access.region.clone());
        access.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"))
    }

    fn credentials(&self) -> SharedCredentialsProvider {
        let Some(Access { keys: Some(Keys { id, secret }), .. }) = &self.access else {
            return SharedCredentialsProvider::new(Environment);
        };
        let credentials = Credentials::new(id, secret, None, None, "operator");
        SharedCredentialsProvider::new(credentials)
    }
}

/// How long things may take.
pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).operation_timeout(CALL).build()
}

/// Retries start at 50 ms: the SDK's own first wait of up to a second suits control planes, not
/// tables.
pub(super) fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(5)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_secs(3))
}

/// The credentials in the environment.
#[derive(Debug)]
struct Environment;

impl ProvideCredentials for Environment {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let found = variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"));
        let token = variable("AWS_SESSION_TOKEN");
        let credentials = found.map(|(id, key)| Credentials::new(id, key, token, None, "env"));
        future::ProvideCredentials::ready(credentials.ok_or_else(|| {
            CredentialsError::not_loaded(
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not in the environment",
            )
        }))
    }
}

#[expect(clippy::disallowed_methods, reason = "what AWS itself sets, read at the first call")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_key_of_an_operator() {
        let keys = Keys { id: "id".into(), secret: "s3cret".into() };
        let session = Session::new(None, Some(Access { region: "r".into(), keys: Some(keys) }));
        assert_eq!(session.config().region(), Some(&Region::from_static("r")));
        assert!(!format!("{session:?}").contains("s3cret"));
    }

    #[test]
    fn an_operator_says_where_though_the_environment_does_not() {
        let session = Session::new(None, Some(Access { region: "r".into(), keys: None }));
        assert_eq!(session.config().region(), Some(&Region::from_static("r")));
    }
}
