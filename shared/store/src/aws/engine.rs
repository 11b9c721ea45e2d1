//! Requests of our own to AWS. Signing, retries and time-outs are the SDK's own engine, without its
//! clients (`infra/decisions/0011-small-bootstraps.md`).

use std::fmt;

use aws_runtime::{
    auth::{
        SigV4OperationSigningConfig, SigningOptions,
        sigv4::{SCHEME_ID, SigV4AuthScheme},
    },
    retries::classifiers::AwsErrorCodeClassifier,
};
use aws_smithy_async::rt::sleep::TokioSleep;
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
        result::SdkError,
        runtime_components::RuntimeComponentsBuilder,
        runtime_plugin::StaticRuntimePlugin,
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::Layer,
    error::metadata::{ErrorMetadata, ProvideErrorMetadata},
};
use aws_types::{SdkConfig, SigningName, region::SigningRegion};
use serde::de::DeserializeOwned;

use super::session::{retries, timeouts};

/// What is asked.
#[derive(Clone)]
pub(super) struct Request {
    /// `GET`, `PUT` or `POST`.
    pub(super) method: &'static str,
    /// Path of the URL, encoded.
    pub(super) path: String,
    /// Headers that the service wants.
    pub(super) headers: Vec<(&'static str, String)>,
    /// What is sent.
    pub(super) body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// What AWS said instead of doing it.
pub(super) struct Refusal {
    status: u16,
    meta: ErrorMetadata,
    /// All that it said. It may hold what is stored: it is not printed.
    said: Box<[u8]>,
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({}, {:?})", self.status, self.meta)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// Reads what is said of it beside code and message; `None` when that is something else.
    pub(super) fn read<A: DeserializeOwned>(&self) -> Option<A> {
        serde_json::from_slice(&self.said).ok()
    }

    /// Tells whether it has this code.
    pub(super) fn is(&self, code: &str) -> bool {
        self.meta.code() == Some(code)
    }
}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.meta
    }
}

/// What became of a request that was not done.
pub(super) type Refused = SdkError<Refusal, HttpResponse>;

/// Reads an answer: `None` says that what was asked for is not there.
pub(super) type Read = fn(&HttpResponse) -> Result<Option<Vec<u8>>, OrchestratorError<Refusal>>;

/// A connection to one service.
#[derive(Debug, Clone)]
pub(super) struct Engine(Operation<Request, Option<Vec<u8>>, Refusal>);

impl Engine {
    /// Makes the client of `service`, which is its name in URLs and signatures; connects to nobody.
    pub(super) fn new(
        config: &SdkConfig,
        service: &'static str,
        options: SigningOptions,
        read: Read,
    ) -> Self {
        let operation = Operation::builder()
            .service_name(service)
            .operation_name("Request")
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&endpoint(config, service))
            .sleep_impl(TokioSleep::new())
            .timeout_config(timeouts())
            .standard_retry(&retries())
            .retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Refusal>::new())
            .runtime_plugin(signing(config, service, options))
            .serializer(request)
            .deserializer(read);
        Self(operation.build())
    }

    /// Sends a request; again, when it was throttled or the answer was lost on the way.
    pub(super) async fn send(&self, request: Request) -> Result<Option<Vec<u8>>, Refused> {
        self.0.invoke(request).await
    }
}

fn endpoint(config: &SdkConfig, service: &str) -> String {
    if let Some(endpoint) = config.endpoint_url() {
        return endpoint.to_owned();
    }
    let region = config.region().map(AsRef::as_ref).unwrap_or_default();
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{service}.{region}.{suffix}")
}

fn signing(
    config: &SdkConfig,
    service: &'static str,
    signing_options: SigningOptions,
) -> StaticRuntimePlugin {
    let mut layer = Layer::new(service);
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SensitiveOutput);
    layer.store_put(SigV4OperationSigningConfig {
        region: config.region().cloned().map(SigningRegion::from),
        name: Some(SigningName::from_static(service)),
        signing_options,
        ..SigV4OperationSigningConfig::default()
    });
    let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    let components = RuntimeComponentsBuilder::new(service)
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
    for (name, value) in request.headers {
        http.headers_mut().try_insert(name, value)?;
    }
    Ok(http)
}

/// Says what AWS refused: by the code, as far as it names one; `said` is all of it.
pub(super) fn refusal(
    status: u16,
    code: Option<&str>,
    message: Option<&str>,
    said: &[u8],
) -> OrchestratorError<Refusal> {
    let mut meta = ErrorMetadata::builder();
    if let Some(code) = code {
        meta = meta.code(code);
    }
    if let Some(message) = message {
        meta = meta.message(message);
    }
    OrchestratorError::operation(Refusal { status, meta: meta.build(), said: said.into() })
}
