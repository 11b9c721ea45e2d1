//! Payloads in S3.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::config::{ProvideCredentials, SharedCredentialsProvider};
use ferrule_core::{Failure, Tenant};
use futures_util::future::BoxFuture;
use object_store::{
    BackoffConfig, ClientOptions, CredentialProvider, Error, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredential},
    path::Path,
};
use tokio::sync::OnceCell;

use super::{CALL, CONNECT, Session, failure::Call};

/// A bucket; each tenant has its own prefix.
#[derive(Debug, Clone)]
pub struct Bucket {
    session: Session,
    store: Arc<OnceCell<AmazonS3>>,
    name: Arc<str>,
}

impl Bucket {
    /// Takes the bucket's name.
    pub(super) fn new(session: Session, name: &str) -> Self {
        Self { session, store: Arc::default(), name: name.into() }
    }

    /// Stores `body`; the same key is overwritten.
    pub async fn put(&self, tenant: &Tenant, key: &str, body: Vec<u8>) -> Result<(), Failure> {
        let put = self.store().await?.put(&path(tenant, key), body.into()).await;
        put.map(drop).map_err(|error| self.failure("PutObject", &error))
    }

    /// Reads what was stored; `None` when it is not there.
    pub async fn get(&self, tenant: &Tenant, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let failed = |error| self.failure("GetObject", &error);
        match self.store().await?.get(&path(tenant, key)).await {
            Ok(object) => Ok(Some(object.bytes().await.map_err(failed)?.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    async fn store(&self) -> Result<&AmazonS3, Failure> {
        let made = self.store.get_or_try_init(async || connect(&self.session, &self.name).await);
        made.await.map_err(|error| self.failure("Connect", &error))
    }

    fn failure(&self, action: &'static str, error: &Error) -> Failure {
        let call = Call { service: "s3", action, place: &self.name };
        match error {
            Error::PermissionDenied { .. } => call.refused("AccessDenied", ""),
            error => call.unavailable(&error.to_string()),
        }
    }
}

fn path(tenant: &Tenant, key: &str) -> Path {
    Path::from(format!("{tenant}/{key}"))
}

/// Makes the client. `from_env` reads `AWS_ENDPOINT_URL_S3`, the SDK reads `AWS_ENDPOINT_URL`; an
/// emulator has no TLS.
async fn connect(session: &Session, bucket: &str) -> object_store::Result<AmazonS3> {
    let config = session.config().await;
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_virtual_hosted_style_request(false)
        .with_client_options(ClientOptions::new().with_timeout(CALL).with_connect_timeout(CONNECT))
        .with_retry(retries());
    if let Some(region) = config.region() {
        builder = builder.with_region(region.as_ref());
    }
    if let Some(provider) = config.credentials_provider() {
        builder = builder.with_credentials(Arc::new(Credentials(provider)));
    }
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::S3Endpoint);
    if let Some(endpoint) = endpoint.or_else(|| config.endpoint_url().map(str::to_owned)) {
        builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
    }
    builder.build()
}

fn retries() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(50),
        max_backoff: Duration::from_secs(3),
        base: 2.0,
    };
    RetryConfig { backoff, max_retries: 4, retry_timeout: CALL }
}

/// The SDK's credentials, for `object_store`: every place where the SDK finds them works, and what
/// it renews is renewed here.
#[derive(Debug)]
struct Credentials(SharedCredentialsProvider);

impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    fn get_credential<'s, 'f>(&'s self) -> BoxFuture<'f, object_store::Result<Arc<AwsCredential>>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let found = self.0.provide_credentials().await;
            let found = found.map_err(|error| Error::Generic {
                store: "credentials",
                source: Box::new(error),
            })?;
            Ok(Arc::new(AwsCredential {
                key_id: found.access_key_id().to_owned(),
                secret_key: found.secret_access_key().to_owned(),
                token: found.session_token().map(str::to_owned),
            }))
        })
    }
}
