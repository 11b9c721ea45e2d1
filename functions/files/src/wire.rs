//! How S3 and Azure are reached: HTTP/1.1 with TLS, without redirects and proxies. What
//! `object_store` would bring for it is a second HTTP client
//! (`infra/decisions/0011-small-bootstraps.md`).

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ferrule_store::aws::{Connections, Names, SdkBody, connections};
use futures_util::future::BoxFuture;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy;
use object_store::client::{
    ClientConfigKey, ClientOptions, DnsResolver, HttpClient, HttpConnector, HttpError,
    HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use tokio::time::{Instant, timeout_at};

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
        let names = options.dns_resolver().map(names).unwrap_or_default();
        let plain_too = options.get_config_value(&ClientConfigKey::AllowHttp);
        let pool = connections(names, CONNECT, plain_too.as_deref() == Some("true"));
        Ok(HttpClient::new(Wired(pool)))
    }
}

fn names(resolver: &Arc<dyn DnsResolver>) -> Names {
    let resolver = Arc::clone(resolver);
    Names::new(move |name| {
        let found = resolver.resolve(&name);
        Box::pin(async move {
            let found = found.await.map_err(io::Error::other)?;
            Ok(found.into_iter().map(|address| SocketAddr::new(address, 0)).collect())
        })
    })
}

#[derive(Debug)]
struct Wired(Connections);

impl HttpService for Wired {
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
            let request = request.map(SdkBody::from_body_1_x);
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
