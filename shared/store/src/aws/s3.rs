//! As much of S3 as the hub needs: an object is written, or read. The request is ours; signing,
//! retries and time-outs are the SDK's own engine, which is in every function already
//! (`infra/decisions/0011-small-bootstraps.md`).

use std::fmt;

use aws_runtime::{
    auth::{
        SigV4OperationSigningConfig, SigningOptions,
        sigv4::{SCHEME_ID, SigV4AuthScheme},
    },
    retries::classifiers::AwsErrorCodeClassifier,
};
use aws_sdk_dynamodb::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime::client::{
    orchestrator::operation::Operation,
    retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{AuthSchemeOptionResolverParams, static_resolver::StaticAuthSchemeOptionResolver},
        behavior_version::BehaviorVersion,
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError, SensitiveOutput},
        runtime_components::RuntimeComponentsBuilder,
        runtime_plugin::StaticRuntimePlugin,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::Layer};
use aws_types::{SdkConfig, SigningName, region::SigningRegion};

use super::session::{retries, timeouts};

/// What is asked of S3.
#[derive(Clone)]
pub(super) struct Request {
    /// `GET` or `PUT`.
    pub(super) method: &'static str,
    /// Path of the URL, encoded.
    pub(super) path: String,
    /// What to store.
    pub(super) body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// What S3 said instead of doing it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    meta: ErrorMetadata,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)
    }
}

impl std::error::Error for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.meta
    }
}

/// A connection to S3.
#[derive(Debug, Clone)]
pub(super) struct S3(Operation<Request, Option<Vec<u8>>, Refusal>);

impl S3 {
    /// Makes the client; connects to nobody.
    pub(super) fn new(config: &SdkConfig) -> Self {
        let operation = Operation::builder()
            .service_name("s3")
            .operation_name("Object")
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&endpoint(config))
            .timeout_config(timeouts())
            .standard_retry(&retries())
            .retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Refusal>::new())
            .runtime_plugin(signing(config))
            .serializer(request)
            .deserializer(answer);
        Self(operation.build())
    }

    /// Sends a request. `None` says that there is no such object.
    pub(super) async fn send(
        &self,
        request: Request,
    ) -> Result<Option<Vec<u8>>, SdkError<Refusal, HttpResponse>> {
        self.0.invoke(request).await
    }
}

fn endpoint(config: &SdkConfig) -> String {
    let region = config.region().map(AsRef::as_ref).unwrap_or_default();
    config
        .endpoint_url()
        .map_or_else(|| format!("https://s3.{region}.amazonaws.com"), str::to_owned)
}

/// Signs as S3 wants it: the path as it is sent, and the body's digest in a header, by which S3
/// checks what arrives.
fn signing(config: &SdkConfig) -> StaticRuntimePlugin {
    let mut options = SigningOptions::default();
    options.double_uri_encode = false;
    options.normalize_uri_path = false;
    options.content_sha256_header = true;
    let mut layer = Layer::new("s3");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SensitiveOutput);
    layer.store_put(SigV4OperationSigningConfig {
        region: config.region().cloned().map(SigningRegion::from),
        name: Some(SigningName::from_static("s3")),
        signing_options: options,
        ..SigV4OperationSigningConfig::default()
    });
    let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    let components = RuntimeComponentsBuilder::new("s3")
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_auth_scheme_option_resolver(Some(schemes));
    let components = match config.credentials_provider() {
        Some(credentials) => components.with_identity_resolver(SCHEME_ID, credentials),
        None => components,
    };
    let components = components.with_http_client(config.http_client());
    StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
}

fn request(request: Request) -> Result<HttpRequest, BoxError> {
    let mut http = HttpRequest::new(SdkBody::from(request.body));
    http.set_method(request.method)?;
    http.set_uri(request.path)?;
    Ok(http)
}

fn answer(response: &HttpResponse) -> Result<Option<Vec<u8>>, OrchestratorError<Refusal>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return Ok(Some(body.to_vec()));
    }
    let text = String::from_utf8_lossy(body);
    let status = response.status().as_u16();
    match (status, element(&text, "Code")) {
        (404, Some("NoSuchKey") | None) => Ok(None),
        (403, None) => Err(refusal(status, Some("AccessDenied"), None)),
        (_, code) => Err(refusal(status, code, element(&text, "Message"))),
    }
}

fn refusal(status: u16, code: Option<&str>, message: Option<&str>) -> OrchestratorError<Refusal> {
    let mut meta = ErrorMetadata::builder();
    if let Some(code) = code {
        meta = meta.code(code);
    }
    if let Some(message) = message {
        meta = meta.message(message);
    }
    OrchestratorError::operation(Refusal { status, meta: meta.build() })
}

/// Returns the text of an element of S3's error document, which holds no attributes and no
/// entities in what is read here.
fn element<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}
