//! The server: counts, limits, spoils, checks against the contract, and hands over.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{Method, request::Parts},
    response::Response,
};
use tokio::sync::oneshot;

use super::{Data, answer::Answer, auth, faults::hits, import, table, table::Call};
use crate::contract::{Contract, Exchange};

const MAX_BODY_BYTES: usize = 10 << 20;

/// What every request sees.
pub(super) struct Shared {
    pub(super) base: String,
    pub(super) data: Mutex<Data>,
    pub(super) contract: Option<Contract>,
}

impl Shared {
    pub(super) fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap()
    }
}

/// Serves until `stop` is dropped, on a thread and a runtime of its own: a test that blocks does
/// not stop it.
pub(super) fn serve(listener: TcpListener, shared: Arc<Shared>, stop: oneshot::Receiver<()>) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let app = Router::new().fallback(answer).with_state(shared);
            tokio::select! {
                served = axum::serve(listener, app) => served.unwrap(),
                _ = stop => {}
            }
        });
    });
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
    let delay = shared.data().behaviour.faults.delay;
    if !delay.is_zero() {
        #[expect(clippy::disallowed_methods, reason = "a slow vendor is slow")]
        tokio::time::sleep(delay).await;
    }
    respond(&shared, &parts, &body)
}

fn respond(shared: &Shared, parts: &Parts, body: &Bytes) -> Response {
    let mut data = shared.data();
    if data.behaviour.asleep {
        data.calls += 1;
        return Answer::asleep().into_response();
    }
    if parts.uri.path() == "/oauth_token.do" {
        let login = data.login.clone();
        let answer = data.tokens.give(&login, &parts.headers, body);
        check(shared, &mut data, parts, body, &answer);
        return answer.into_response();
    }
    data.calls += 1;
    let (call, now_secs) = (data.calls, data.tables.clock.now_secs());
    let (limit, faults) = (data.behaviour.limit, data.behaviour.faults.clone());
    let (headers, over) = data.arrivals.note(limit, now_secs);
    let with_limit =
        |answer: Answer| headers.iter().cloned().fold(answer, |answer, (n, v)| answer.with(n, v));
    if let Some(answer) = over.or_else(|| faults.instead(call)) {
        data.faults_given += 1;
        return with_limit(answer).into_response();
    }
    if !data.tokens.lets_in(&data.login, &parts.headers) {
        return auth::not_authenticated().into_response();
    }
    import::transform_pending(&mut data.tables);
    let answer = with_limit(work(shared, &mut data, parts, body));
    check(shared, &mut data, parts, body, &answer);
    let writes = parts.method != Method::GET;
    let lost = writes && hits(call, faults.lost_ack_every);
    if lost || hits(call, faults.reset_every) || hits(call, faults.cut_json_every) {
        data.faults_given += 1;
    }
    faults.spoil(call, writes, answer)
}

/// Notes what does not fit the contract.
fn check(shared: &Shared, data: &mut Data, parts: &Parts, body: &Bytes, answer: &Answer) {
    let Some(contract) = &shared.contract else { return };
    let path = unversioned(parts.uri.path()).0;
    let text = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers: Vec<_> = parts.headers.iter().map(text).collect();
    let found = contract.check(&Exchange {
        method: parts.method.as_str(),
        path: &path,
        query: parts.uri.query().unwrap_or_default(),
        headers: &headers,
        body,
        status: answer.status.as_u16(),
        answer_type: None,
        answer: &answer.body,
    });
    data.violations.extend(found);
}

/// `/api/now/v2/table/incident` is `/api/now/table/incident`; tells whether it was v1.
fn unversioned(path: &str) -> (String, bool) {
    for version in ["v1", "v2"] {
        if let Some(rest) = path.strip_prefix(&format!("/api/now/{version}/")) {
            return (format!("/api/now/{rest}"), version == "v1");
        }
    }
    (path.to_owned(), false)
}

/// Does what the request asks for.
fn work(shared: &Shared, data: &mut Data, parts: &Parts, body: &Bytes) -> Answer {
    if let Some(answer) = wrong_headers(parts) {
        return answer;
    }
    let (path, v1) = unversioned(parts.uri.path());
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let query: BTreeMap<String, String> = url::form_urlencoded::parse(query).into_owned().collect();
    let steps: Vec<&str> = path.trim_start_matches("/api/now/").split('/').collect();
    let (Some(area), Some(name)) = (steps.first(), steps.get(1)) else {
        return Answer::failure(400, "Requested URI does not represent any resource", &path);
    };
    if !data.tables.all.contains_key(*name) {
        return Answer::failure(400, &format!("Invalid table {name}"), "");
    }
    let call = Call { base: &shared.base, v1, path: parts.uri.path(), table: name, query: &query };
    let strict = data.behaviour.strict_queries;
    let tables = &mut data.tables;
    match (*area, &parts.method, steps.get(2).copied()) {
        ("table", &Method::GET, None) => table::list(tables, &call, strict),
        ("table", &Method::GET, Some(id)) => table::one(tables, &call, id),
        ("table", &Method::POST, None) => table::insert(tables, &call, body),
        ("table", &Method::PUT | &Method::PATCH, Some(id)) => {
            table::update(tables, &call, id, body)
        }
        ("table", &Method::DELETE, Some(id)) => table::remove(tables, &call, id),
        ("import", _, _) if tables.all[*name].staging.is_none() => {
            Answer::failure(400, &format!("Invalid staging table {name}"), "")
        }
        ("import", &Method::POST, None) => import::insert(tables, &shared.base, name, body),
        ("import", &Method::POST, Some("insertMultiple")) => {
            import::insert_many(tables, name, body)
        }
        ("import", &Method::GET, Some(id)) => import::read(tables, &shared.base, name, id),
        _ => Answer::failure(400, "Requested URI does not represent any resource", &path),
    }
}

/// Without `Accept`, and with a body that is not declared as JSON, the answer is 400.
fn wrong_headers(parts: &Parts) -> Option<Answer> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let accepts = text("accept").is_some_and(|accept| accept.contains("json"));
    let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method);
    let declared = text("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    (!accepts || (has_body && !declared))
        .then(|| Answer::failure(400, "Requested media type is not supported", "use JSON"))
}
