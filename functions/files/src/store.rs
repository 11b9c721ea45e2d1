//! Opens the place that a connection names: a folder, an S3 bucket or an Azure container.

use std::sync::Arc;
use std::time::Duration;

use ferrule_connector::{Failure, Tenant};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::prefix::PrefixStore;
use object_store::{
    BackoffConfig, ClientOptions, HeaderMap, HeaderValue, ObjectStore, RetryConfig,
};

use crate::folder::Folder;
use crate::listing::path;
use crate::outside;
use crate::settings::{Acl, DEFAULT_BUCKET, Encryption, Place, Secret, Settings, settings};
use crate::wire::Wire;

/// The files of one connection, ready to be read and written.
#[derive(Debug, Clone)]
pub(crate) struct Depot {
    /// Reads and lists.
    pub(crate) store: Arc<dyn ObjectStore>,
    /// Writes: the same place, with the headers that only a write may have.
    pub(crate) writer: Arc<dyn ObjectStore>,
    /// Set for a folder of this machine: what must not be left.
    pub(crate) folder: Option<Folder>,
    /// Lists in order of names.
    pub(crate) is_sorted: bool,
    /// What it is, for messages and logs: `bucket exports`.
    pub(crate) name: String,
}

/// Where Azurite listens when nothing else is said.
const EMULATOR: &str = "http://127.0.0.1:10000";

/// The key that every Azurite has, as its documentation says
/// (<https://learn.microsoft.com/azure/storage/common/storage-connect-azurite>). Not a secret.
pub(crate) const EMULATOR_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// The hub's own buckets; empty where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// Behind `bucket: default`.
    pub bucket: String,
    /// Holds parked payloads of every tenant: no connection may name it.
    pub payloads: String,
}

/// Who asks for which place.
pub(crate) struct Request<'r> {
    pub(crate) tenant: &'r Tenant,
    pub(crate) settings: &'r Settings,
    pub(crate) secret: Option<&'r Secret>,
    pub(crate) local: bool,
    pub(crate) own: &'r Own,
}

impl Request<'_> {
    /// Opens the place. Nothing is sent yet.
    pub(crate) fn open(&self) -> Result<Depot, Failure> {
        match self.settings.place(self.local)? {
            Place::Folder(root) => folder(root),
            Place::Bucket(bucket) => self.bucket(bucket),
            Place::Container { account, container } => self.container(account, container),
        }
    }

    fn bucket(&self, bucket: &str) -> Result<Depot, Failure> {
        let (bucket, folder) = self.owned(bucket)?;
        let builder = self.s3(&bucket)?;
        let reader = builder.clone().build().map_err(|error| unusable(&error))?;
        let writer = match self.settings.acl {
            Some(acl) => {
                let headers = acl_header(acl);
                builder.with_client_options(self.options().with_default_headers(headers))
            }
            None => builder,
        };
        let writer = writer.build().map_err(|error| unusable(&error))?;
        let (store, writer) = (within(&folder, reader)?, within(&folder, writer)?);
        let name = format!("bucket {bucket}");
        Ok(Depot { store, writer, folder: None, is_sorted: true, name })
    }

    /// Returns the bucket and the folder in it that this tenant may use.
    fn owned(&self, bucket: &str) -> Result<(String, String), Failure> {
        let prefix = self.settings.prefix.clone().unwrap_or_default();
        if bucket == DEFAULT_BUCKET || bucket == self.own.bucket {
            if self.own.bucket.is_empty() {
                return Err(settings("this hub has no default bucket"));
            }
            return Ok((self.own.bucket.clone(), format!("{}/{prefix}", self.tenant)));
        }
        if bucket == self.own.payloads {
            return Err(settings(&format!("bucket `{bucket}` is the hub's own")));
        }
        Ok((bucket.to_owned(), prefix))
    }

    fn s3(&self, bucket: &str) -> Result<AmazonS3Builder, Failure> {
        let environment = AmazonS3Builder::from_env();
        let mut builder = match self.secret {
            None => environment,
            Some(secret) => self.with_keys(secret, &environment)?,
        };
        if let Some(endpoint) = self.endpoint()? {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = &self.settings.region {
            builder = builder.with_region(region);
        }
        builder = match self.settings.server_side_encryption {
            None | Some(Encryption::None) => builder,
            Some(Encryption::Aes256) => encrypted(builder, "AES256"),
            Some(Encryption::Kms) => match &self.settings.kms_key {
                Some(key) => builder.with_sse_kms_encryption(key),
                None => encrypted(builder, "aws:kms"),
            },
        };
        let builder = builder.with_bucket_name(bucket).with_client_options(self.options());
        Ok(builder.with_http_connector(Wire).with_retry(patience()))
    }

    /// Begins without the function's own credentials, so that they are not mixed with these.
    fn with_keys(
        &self,
        secret: &Secret,
        environment: &AmazonS3Builder,
    ) -> Result<AmazonS3Builder, Failure> {
        let (Some(id), Some(key)) = (&secret.access_key_id, &secret.secret_access_key) else {
            return Err(settings("the secret needs `access_key_id` and `secret_access_key`"));
        };
        let mut builder = AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(key);
        if let Some(token) = &secret.session_token {
            builder = builder.with_token(token);
        }
        if let Some(region) = environment.get_config_value(&AmazonS3ConfigKey::Region) {
            builder = builder.with_region(region);
        }
        match environment.get_config_value(&AmazonS3ConfigKey::Endpoint) {
            Some(endpoint) if self.local => Ok(builder.with_endpoint(endpoint)),
            _ => Ok(builder),
        }
    }

    /// Returns the operator's own address of S3. What the function's role signs goes to AWS only.
    fn endpoint(&self) -> Result<Option<&str>, Failure> {
        let Some(endpoint) = self.settings.endpoint.as_deref() else { return Ok(None) };
        if !self.local && self.secret.is_none() {
            return Err(settings("`endpoint` needs access keys in the connection's secret"));
        }
        if !self.local {
            outside::vet(endpoint)?;
        }
        Ok(Some(endpoint))
    }

    fn container(&self, account: &str, container: &str) -> Result<Depot, Failure> {
        let mut builder = MicrosoftAzureBuilder::new()
            .with_account(account)
            .with_container_name(container)
            .with_client_options(self.options())
            .with_http_connector(Wire)
            .with_retry(patience());
        if self.settings.emulator {
            let host = self.settings.endpoint.as_deref().unwrap_or(EMULATOR);
            builder = builder.with_endpoint(format!("{host}/{account}"));
        }
        builder = match self.secret {
            Some(Secret { account_key: Some(key), .. }) => builder.with_access_key(key),
            Some(Secret { sas: Some(sas), .. }) => builder.with_config(AzureConfigKey::SasKey, sas),
            _ if self.settings.emulator => builder.with_access_key(EMULATOR_KEY),
            _ => return Err(settings("the secret needs `account_key` or `sas`")),
        };
        let store = builder.build().map_err(|error| unusable(&error))?;
        let folder = self.settings.prefix.clone().unwrap_or_default();
        let store = within(&folder, store)?;
        let name = format!("container {container} of {account}");
        Ok(Depot { writer: Arc::clone(&store), store, folder: None, is_sorted: true, name })
    }

    fn options(&self) -> ClientOptions {
        let options = ClientOptions::new().with_allow_http(self.local);
        let vetted = self.settings.endpoint.is_some() && !self.local;
        if vetted { options.with_dns_resolver(Arc::new(outside::Resolver)) } else { options }
    }
}

fn folder(root: &str) -> Result<Depot, Failure> {
    let folder = Folder::open(root)?;
    let store: Arc<dyn ObjectStore> = Arc::new(folder.store()?);
    let name = format!("folder {root}");
    let writer = Arc::clone(&store);
    Ok(Depot { store, writer, folder: Some(folder), is_sorted: false, name })
}

/// A Lambda bills for waiting: one quick second try, then the queue waits.
fn patience() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(50),
        max_backoff: Duration::from_millis(200),
        base: 2.0,
    };
    RetryConfig { backoff, max_retries: 2, retry_timeout: Duration::from_secs(10) }
}

fn encrypted(builder: AmazonS3Builder, kind: &str) -> AmazonS3Builder {
    match "aws_server_side_encryption".parse() {
        Ok(key) => builder.with_config(key, kind),
        Err(_) => unreachable!("object_store knows the key"),
    }
}

/// S3 takes the list from a header; default headers are part of the signature.
fn acl_header(acl: Acl) -> HeaderMap {
    let value = match acl {
        Acl::Private => "private",
        Acl::BucketOwnerRead => "bucket-owner-read",
        Acl::BucketOwnerFullControl => "bucket-owner-full-control",
        Acl::AuthenticatedRead => "authenticated-read",
    };
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-acl", HeaderValue::from_static(value));
    headers
}

fn within(folder: &str, store: impl ObjectStore) -> Result<Arc<dyn ObjectStore>, Failure> {
    match path(folder.trim_matches('/'))? {
        root if root.as_ref().is_empty() => Ok(Arc::new(store)),
        root => Ok(Arc::new(PrefixStore::new(store, root))),
    }
}

fn unusable(error: &object_store::Error) -> Failure {
    crate::fault::failure("open the file store", error)
}
