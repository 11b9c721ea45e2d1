//! Slack, GitHub and a webhook's receiver, as far as the demo needs them: a server on this machine
//! that takes everything and keeps what it got.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

use crate::Fault;

/// Where the incoming webhook of Slack is; on the real one this path is the credential.
pub(super) const SLACK: &str = "/services/T00000000/B00000000/demo";

/// Where issues are made.
pub(super) const ISSUES: &str = "/repos/acme/platform/issues";

/// Where the signed webhook goes.
pub(super) const HOOK: &str = "/hooks/ferrule";

/// A request that came in.
#[derive(Debug, Clone)]
pub(super) struct Came {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Came {
    /// Returns a header, when it is there and is text.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

type Seen = Arc<Mutex<Vec<Came>>>;

/// The server. It ends with the process.
#[derive(Debug)]
pub(super) struct Receiver {
    address: String,
    seen: Seen,
}

impl Receiver {
    pub(super) async fn start() -> Result<Self, Fault> {
        let failed = |error: std::io::Error| Fault::Failed(format!("no receiver: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = format!("http://{}", listener.local_addr().map_err(failed)?);
        let seen = Seen::default();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        // Whatever ends it ends the demo, which then says what did not come.
        tokio::spawn(async move { axum::serve(listener, app).await.ok() });
        Ok(Self { address, seen })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Returns what was posted to a path so far.
    pub(super) fn posts(&self, path: &str) -> Vec<Came> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|one| one.method == "POST" && one.path == path).cloned().collect()
    }
}

async fn answer(
    State(seen): State<Seen>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (method, path) = (method.to_string(), uri.path().to_owned());
    let number = {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(Came { method: method.clone(), path: path.clone(), headers, body });
        seen.len()
    };
    match (method.as_str(), path.as_str()) {
        ("POST", SLACK) => "ok".into_response(),
        ("POST", HOOK) => StatusCode::NO_CONTENT.into_response(),
        ("GET", ISSUES) => Json(json!([])).into_response(),
        ("POST", ISSUES) => {
            let url = format!("https://github.com/acme/platform/issues/{number}");
            let issue = json!({"number": number, "state": "open", "html_url": url});
            (StatusCode::CREATED, Json(issue)).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
