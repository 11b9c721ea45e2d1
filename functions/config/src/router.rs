//! Which path leads where.

use axum::{
    Router,
    extract::{FromRef, Request},
    middleware,
    routing::{get, post},
};
use ferrule_http::{Hub, auth::Keys, door};
use ferrule_store::Store;
use http::Uri;

use crate::values::{self, Service};

/// What handlers work with.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    hub: Hub,
    service: Service,
}

impl FromRef<Config> for Store {
    fn from_ref(config: &Config) -> Self {
        Self::from_ref(&config.hub)
    }
}

impl FromRef<Config> for Keys {
    fn from_ref(config: &Config) -> Self {
        Self::from_ref(&config.hub)
    }
}

impl FromRef<Config> for Service {
    fn from_ref(config: &Config) -> Self {
        config.service.clone()
    }
}

/// Serves configuration values under `/v1/config`.
pub fn app(store: Store) -> Router {
    let config = Config { service: Service::new(store.clone()), hub: Hub::new(store) };
    let routed = door(guarded(), Router::new(), config);
    Router::new().fallback_service(routed).layer(middleware::map_request(join_key))
}

fn guarded() -> Router<Config> {
    Router::new()
        .route("/v1/config", get(values::list).post(values::batch))
        .route("/v1/config/{key}", get(values::one).put(values::put).delete(values::remove))
        .route("/v1/config/{key}/history", get(values::history))
        .route("/v1/config/{key}/rollback", post(values::rollback))
}

/// Makes the key of a configuration value one step of the path, whether or not its slashes came
/// encoded: what stands in front of us decodes some of them.
async fn join_key(mut request: Request) -> Request {
    if let Some(path) = joined(request.uri().path()) {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = format!("{path}{query}").parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

fn joined(path: &str) -> Option<String> {
    let rest = path.strip_prefix("/v1/config/")?;
    let (key, last) = match rest.rsplit_once('/') {
        Some((key, "history")) => (key, "/history"),
        Some((key, "rollback")) => (key, "/rollback"),
        _ => (rest, ""),
    };
    key.contains('/').then(|| format!("/v1/config/{}{last}", key.replace('/', "%2F")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_step_however_its_slashes_came() {
        for (path, is) in [
            ("/v1/config/a/b.c", Some("/v1/config/a%2Fb.c")),
            ("/v1/config/a/b/history", Some("/v1/config/a%2Fb/history")),
            ("/v1/config/a%2Fb/c/rollback", Some("/v1/config/a%2Fb%2Fc/rollback")),
            ("/v1/config/a/history", None),
            ("/v1/config/a%2Fb", None),
            ("/v1/records/a/b", None),
        ] {
            assert_eq!(joined(path).as_deref(), is, "{path}");
        }
    }
}
