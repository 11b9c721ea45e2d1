//! How functions reach AWS, and the `files` connector its stores: HTTP/1.1 with TLS, without
//! redirects and proxies. The clients that the SDK and `object_store` bring are several times this
//! size, each (`infra/decisions/0011-small-bootstraps.md`).

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
pub use aws_smithy_types::body::SdkBody;
use futures_util::future::BoxFuture;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector as Tcp, dns::Name},
    },
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

/// How long connecting to AWS may take.
const CONNECT: Duration = Duration::from_secs(2);

/// Reading the machine's root certificates takes its time: once a process.
static TLS: LazyLock<ClientConfig> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
});

/// A pool of connections. One type for everybody: each other one would be compiled again.
pub type Connections = Client<HttpsConnector<Tcp<Names>>, SdkBody>;

/// Makes a pool that trusts whom the machine trusts, and connects to nobody yet.
pub fn connections(names: Names, connect: Duration, plain_too: bool) -> Connections {
    let mut tcp = Tcp::new_with_resolver(names);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect));
    let tls = HttpsConnectorBuilder::new().with_tls_config(TLS.clone());
    let https = if plain_too { tls.https_or_http() } else { tls.https_only() };
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(https.enable_http1().wrap_connector(tcp))
}

/// Makes the transport of the SDK.
pub fn http_client() -> SharedHttpClient {
    let transport = Transport(connections(Names::default(), CONNECT, true));
    SharedHttpClient::new(Shared(SharedHttpConnector::new(transport)))
}

/// Hands the same transport to every client.
#[derive(Debug)]
struct Shared(SharedHttpConnector);

impl HttpClient for Shared {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.clone()
    }
}

#[derive(Debug)]
struct Transport(Connections);

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|e| ConnectorError::user(e.into()))?;
            // Whatever broke, the next attempt may work: the SDK decides how often.
            let answer = client.request(request).await;
            let answer = answer.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

type Found = BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

/// Resolves names: as the machine does, or in a way of one's own.
#[derive(Clone, Default)]
pub struct Names(Option<Arc<dyn Fn(String) -> Found + Send + Sync>>);

impl Names {
    /// Takes what resolves a name. Ports in its addresses do not count.
    pub fn new(resolve: impl Fn(String) -> Found + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(resolve)))
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolve = self.0.clone();
        Box::pin(async move {
            let found = match resolve {
                Some(resolve) => resolve(name.as_str().to_owned()).await?,
                None => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
            };
            Ok(found.into_iter())
        })
    }
}
