//! The connections themselves: one pool per process, made when it is first needed.

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use ferrule_core::Failure;
use reqwest::{Client, ClientBuilder, redirect::Policy};

use crate::url_guard::{Refused, Resolver};

type Pools = HashMap<(bool, bool, Duration), Client>;

/// Who may be reached and how long connecting may take belong to the pool, not to the call.
static POOLS: LazyLock<Mutex<Pools>> = LazyLock::new(Mutex::default);

/// Returns the client for these limits. Building one reads the root certificates: once is enough, and
/// never where nothing is sealed.
pub(crate) fn client(local: bool, sealed: bool, connect: Duration) -> Result<Client, Failure> {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = pools.get(&(local, sealed, connect)) {
        return Ok(client.clone());
    }
    let started = started(Resolver::new(local), connect);
    // Without a root to trust: should it ever be asked for HTTPS, it would refuse every host.
    let started = if sealed { started } else { started.tls_certs_only([]) };
    let client = built(started)?;
    pools.insert((local, sealed, connect), client.clone());
    Ok(client)
}

/// Builds a client that asks `resolver` whenever it connects.
#[cfg(test)]
pub(crate) fn build(resolver: Resolver, connect: Duration) -> Result<Client, Failure> {
    built(started(resolver, connect))
}

fn started(resolver: Resolver, connect: Duration) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("ferrule/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(resolver))
        .connect_timeout(connect)
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .pool_idle_timeout(Duration::from_secs(20))
}

fn built(started: ClientBuilder) -> Result<Client, Failure> {
    started
        .build()
        .map_err(|error| Failure::invalid(format!("cannot start the HTTP client: {error}")))
}

/// Describes why there is no answer: the innermost cause, which never holds the URL.
pub(crate) fn describe(error: reqwest::Error) -> Result<String, Failure> {
    let connecting = error.is_connect();
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(inner) = cause.source() {
        if let Some(refused) = inner.downcast_ref::<Refused>() {
            return Err(refused.failure());
        }
        cause = inner;
    }
    let what = if error.is_timeout() { "timed out".to_owned() } else { cause.to_string() };
    Ok(if connecting { format!("cannot connect: {what}") } else { what })
}
