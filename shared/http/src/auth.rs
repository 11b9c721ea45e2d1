//! Who is asking: customer keys, roles, and the audit trail.
//!
//! Every use of a key is one row. A change is written down before it is made, as `started`; a look
//! is written down with its status before the answer leaves. When the trail cannot be written,
//! nothing is changed and nothing is shown.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ferrule_core::{Digest, Failure, Hops, Name, Tenant};
use ferrule_store::{ConfigKey, CustomerKey, Role, Store};
use http::{HeaderMap, Method, StatusCode, request::Parts};
use tracing::{info, warn};

use crate::problem::Problem;

/// The header that holds the key.
pub const KEY_HEADER: &str = "x-customer-key";

/// A key that was good is not looked up again this long; a revoked one works no longer than that.
const TRUST: Duration = Duration::from_secs(10);

/// Most keys remembered; beyond, all are forgotten and looked up again.
const MOST_KEYS: usize = 1000;

/// How a change is noted: what became of it is in what it changed.
const STARTED: &str = "started";

/// Who is asking.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose data it is. It comes from the key alone.
    pub tenant: Tenant,
    /// Id of the key.
    pub key: String,
    /// Who holds the key, as far as that was said when it was issued.
    label: String,
    /// What the key may do.
    role: Role,
    /// How far what asks has come, when it is another hub.
    pub hops: Hops,
}

impl Caller {
    /// Tells whether what a guard has stopped may pass when the caller says so.
    pub fn may_approve(&self) -> bool {
        self.role >= needed(&Method::POST, "/v1/runs/{id}/approve")
    }

    /// Names who is asking for those who read of it later: `ann (1f3a77c0)`.
    pub fn who(&self) -> String {
        let Self { key, label, .. } = self;
        if label.is_empty() { key.clone() } else { format!("{label} ({key})") }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::unauthorized)
    }
}

/// Looks keys up, and remembers good ones for a moment.
#[derive(Debug, Clone)]
pub struct Keys {
    store: Store,
    known: Arc<Mutex<HashMap<Digest, (CustomerKey, i64)>>>,
}

impl Keys {
    /// Makes an empty memory over the store.
    pub fn new(store: Store) -> Self {
        Self { store, known: Arc::default() }
    }

    /// Forgets all keys: one was revoked.
    pub fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Returns who holds the key in these headers. A missing key is looked up like an unknown one,
    /// so that the time it takes tells nothing.
    async fn holder(&self, headers: &HeaderMap) -> Result<Option<CustomerKey>, Failure> {
        let mut given = headers.get_all(KEY_HEADER).iter();
        let key = match (given.next().and_then(|key| key.to_str().ok()), given.next()) {
            (Some(key), None) => key,
            _ => "",
        };
        let digest = Digest::of(&[key.as_bytes()]);
        let now = self.store.clock.now_ms();
        if let Some(known) = self.remembered(&digest, now) {
            return Ok(Some(known));
        }
        let found = self.store.key(key).await?;
        if let Some(found) = &found {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST_KEYS {
                known.clear();
            }
            known.insert(digest, (found.clone(), now));
        }
        Ok(found)
    }

    fn remembered(&self, digest: &Digest, now: i64) -> Option<CustomerKey> {
        let trust_ms = i64::try_from(self.store.scaled(TRUST).as_millis()).unwrap_or(i64::MAX);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, read_at) = known.get(digest)?;
        let is_good = key.revoked_at.is_none_or(|at| at > now);
        (is_good && now - read_at < trust_ms).then(|| key.clone())
    }
}

/// Lets a request through when its key is good and may do this, and writes that down.
pub async fn guard(State(keys): State<Keys>, mut request: Request, next: Next) -> Response {
    let holder = match keys.holder(request.headers()).await {
        Ok(Some(holder)) => holder,
        Ok(None) => {
            info!("a request without a good key");
            return Problem::unauthorized().into_response();
        }
        Err(failure) => return Problem::from(failure).into_response(),
    };
    let use_of_key = Use::of(&request);
    let CustomerKey { id, tenant, role, label, .. } = holder;
    let note = async |outcome: &str| {
        let noted = keys.store.audit(&tenant, &id, &use_of_key.action, outcome).await;
        noted.map_err(|failure| Problem::from(failure).into_response())
    };
    if role < use_of_key.needs {
        warn!(key = id, action = use_of_key.action, "a key may not do this");
        let problem = Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            format!("this needs a key with role {}", word(use_of_key.needs)),
        );
        let noted = note("403").await;
        return noted.err().unwrap_or_else(|| problem.into_response());
    }
    let hops = request.headers().get(Hops::HEADER).and_then(|text| text.to_str().ok());
    let hops = Hops::of_header(hops);
    let caller = Caller { tenant: tenant.clone(), key: id.clone(), label, role, hops };
    request.extensions_mut().insert(caller);
    if use_of_key.changes {
        if let Err(unwritten) = note(STARTED).await {
            return unwritten;
        }
        return next.run(request).await;
    }
    let response = next.run(request).await;
    let noted = note(response.status().as_str()).await;
    noted.err().unwrap_or(response)
}

/// What a request is about to do with a key.
#[derive(Debug, PartialEq, Eq)]
struct Use {
    action: String,
    needs: Role,
    changes: bool,
}

impl Use {
    fn of(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let method = request.method();
        Self {
            action: format!("{method} {}", named(route, request.uri().path())),
            needs: needed(method, route),
            changes: !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS),
        }
    }
}

/// What it takes. Whatever is not listed here takes an admin.
fn needed(method: &Method, route: &str) -> Role {
    match (method, route) {
        (&Method::GET | &Method::HEAD, "/v1/keys") => Role::Admin,
        (&Method::GET | &Method::HEAD, _) => Role::Read,
        (
            &Method::POST,
            "/v1/sync"
            | "/v1/connections/{name}/check"
            | "/v1/errors/{id}/replay"
            | "/v1/replays"
            | "/v1/discards",
        )
        | (_, "/v1/config" | "/v1/config/{key}" | "/v1/config/{key}/rollback") => Role::Write,
        _ => Role::Admin,
    }
}

/// Fills names, ids and keys of values into the route's template. Keys of records stay out: they can
/// be anything.
fn named(route: &str, path: &str) -> String {
    if route.is_empty() {
        return "(no such path)".to_owned();
    }
    let of_value = route.starts_with("/v1/config/");
    let fill = |(step, is): (&str, &str)| match step {
        "{name}" | "{id}" | "{table}" if Name::new(is).is_ok() => is.to_owned(),
        "{id}" if is_digest(is) => is.to_owned(),
        "{key}" if of_value => config_key(is).unwrap_or_else(|| step.to_owned()),
        _ => step.to_owned(),
    };
    route.split('/').zip(path.split('/')).map(fill).collect::<Vec<_>>().join("/")
}

/// Tells whether it is an id of the error log, which is longer than a name.
fn is_digest(text: &str) -> bool {
    text.len() == 32 && text.chars().all(|one| one.is_ascii_hexdigit())
}

/// Reads the key of a value off one step of a path.
fn config_key(step: &str) -> Option<String> {
    let key = step.replace("%2F", "/").replace("%2f", "/");
    ConfigKey::new(key).ok().map(|key| key.to_string())
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Read => "read",
        Role::Write => "write",
        Role::Admin => "admin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_was_touched_but_no_record() {
        assert_eq!(
            named("/v1/integrations/{name}", "/v1/integrations/a-b"),
            "/v1/integrations/a-b"
        );
        assert_eq!(
            named("/v1/records/{table}/{key}", "/v1/records/people/ann@example.com"),
            "/v1/records/people/{key}"
        );
        assert_eq!(named("/v1/runs/{id}", "/v1/runs/%0A"), "/v1/runs/{id}");
        assert_eq!(named("/v1/config/{key}", "/v1/config/a.b%2Fc"), "/v1/config/a.b/c");
        assert_eq!(named("/v1/config/{key}", "/v1/config/a%0Ab"), "/v1/config/{key}");
        assert_eq!(named("", "/secret?x=1"), "(no such path)");
    }

    #[test]
    fn what_is_not_listed_takes_an_admin() {
        assert_eq!(needed(&Method::GET, "/v1/runs"), Role::Read);
        assert_eq!(needed(&Method::POST, "/v1/sync"), Role::Write);
        assert_eq!(needed(&Method::POST, "/v1/errors/{id}/replay"), Role::Write);
        assert_eq!(needed(&Method::POST, "/v1/replays"), Role::Write);
        assert_eq!(needed(&Method::POST, "/v1/discards"), Role::Write);
        assert_eq!(needed(&Method::POST, "/v1/new"), Role::Admin);
        assert_eq!(needed(&Method::PUT, "/v1/integrations/{name}"), Role::Admin);
        assert_eq!(needed(&Method::GET, "/v1/keys"), Role::Admin);
    }
}
