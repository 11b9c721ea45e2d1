//! How S3 and Azure are reached: HTTP/1.1 with TLS, without redirects and proxies. What
//! `object_store` would bring for it is a second HTTP client
//! (`infra/decisions/0011-small-bootstraps.md`).

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use ferrule_store::aws::tls;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Body, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{HttpConnector as Tcp, dns::Name};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::client::{
    ClientConfigKey, ClientOptions, DnsError, DnsResolver, HttpClient, HttpConnector, HttpError,
    HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody, HttpService,
};
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long nothing may arrive.
const SILENCE: Duration = Duration::from_secs(20);
/// How long a call may take with its answer.
const CALL: Duration = Duration::from_mins(2);

/// Makes the connections of a store.
#[derive(Debug)]
pub(crate) struct Wire;

impl HttpConnector for Wire {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let mut tcp = Tcp::new_with_resolver(Names(options.dns_resolver().cloned()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let https = HttpsConnectorBuilder::new().with_tls_config(tls());
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp);
        let https = if plain.as_deref() == Some("true") {
            https.https_or_http()
        } else {
            https.https_only()
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(https.enable_http1().wrap_connector(tcp));
        Ok(HttpClient::new(Connections(client)))
    }
}

#[derive(Debug)]
struct Connections(Client<HttpsConnector<Tcp<Names>>, HttpRequestBody>);

impl HttpService for Connections {
    fn call<'s, 'f>(
        &'s self,
        request: HttpRequest,
    ) -> BoxFuture<'f, Result<HttpResponse, HttpError>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let until = Instant::now() + CALL;
            let answer = timeout_at(Instant::now() + SILENCE, self.0.request(request)).await;
            let answer = answer.map_err(|_| silence())?.map_err(|error| broken(&error))?;
            Ok(answer.map(|body| HttpResponseBody::new(timed(body, until))))
        })
    }
}

/// Passes a body on, as long as it keeps coming.
fn timed(
    body: Incoming,
    until: Instant,
) -> impl Body<Data = Bytes, Error = HttpError> + Send + Sync + 'static {
    StreamBody::new(stream::try_unfold(body, move |mut body| async move {
        match timeout_at(until.min(Instant::now() + SILENCE), body.frame()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(frame))) => Ok(Some((frame, body))),
            Ok(Some(Err(error))) => Err(HttpError::new(HttpErrorKind::Interrupted, error)),
            Err(_) => Err(silence()),
        }
    }))
}

fn silence() -> HttpError {
    HttpError::new_boxed(HttpErrorKind::Timeout, "it took too long".into())
}

/// Tells the innermost cause: the outer ones say only that there is one.
fn broken(error: &legacy::Error) -> HttpError {
    let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Interrupted };
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    HttpError::new_boxed(kind, cause.to_string().into())
}

/// Resolves names as the options say, else as the machine does.
#[derive(Debug, Clone)]
struct Names(Option<Arc<dyn DnsResolver>>);

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = DnsError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = match resolver {
                Some(resolver) => {
                    let addresses = resolver.resolve(name.as_str()).await?;
                    addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect()
                }
                None => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
            };
            Ok(found.into_iter())
        })
    }
}
