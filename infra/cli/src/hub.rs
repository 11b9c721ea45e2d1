//! The hub's HTTP API, as the commands use it.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use ferrule_core::{Value, json};
use reqwest::{Client, Method, RequestBuilder, StatusCode, header};

use crate::Fault;
use crate::stack::Details;

const TIMEOUT: Duration = Duration::from_secs(35);

/// Which hub is meant. Without anything, the one that `ferrule up` started here.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// Folder of the stack's files
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = ".ferrule",
        env = "FERRULE_DIR"
    )]
    pub(crate) dir: std::path::PathBuf,
    /// Address of another hub's API [default: what `up` or `deploy` wrote into the folder]
    #[arg(long, global = true, value_name = "URL", env = "FERRULE_API_URL")]
    api_url: Option<String>,
    /// Customer key; better in the environment than on the command line
    #[arg(
        long,
        global = true,
        value_name = "KEY",
        env = "FERRULE_CUSTOMER_KEY",
        hide_env_values = true
    )]
    customer_key: Option<Key>,
}

/// A customer key. It is never shown.
#[derive(Clone)]
pub(crate) struct Key(String);

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// The hub's HTTP API.
#[derive(Debug)]
pub(crate) struct Hub {
    url: String,
    key: Key,
    client: Client,
}

/// In which state something must be for a change to happen.
#[derive(Debug)]
pub(crate) enum If {
    /// In any.
    Always,
    /// It is not there.
    Absent,
    /// It has this `ETag`.
    Is(String),
}

/// What the hub answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) etag: Option<String>,
    pub(crate) body: Value,
}

impl Hub {
    /// Finds the hub. Nothing is sent yet.
    pub(crate) fn open(place: &Place) -> Result<Self, Fault> {
        let details = Details::read(&place.dir);
        let url = match (&place.api_url, &details) {
            (Some(url), _) => url.clone(),
            (None, Ok(details)) => details.api_url.clone(),
            (None, Err(_)) => return Err(nowhere(&place.dir)),
        };
        let stored = details.ok().and_then(|details| details.customer_key);
        let key = place.customer_key.clone().or(stored.map(Key));
        let key = key.ok_or_else(|| {
            Fault::Refused("no customer key: set FERRULE_CUSTOMER_KEY".to_owned())
        })?;
        Self::new(&url, key)
    }

    /// Takes an address, without `/v1`, and a key.
    pub(crate) fn new(url: &str, key: Key) -> Result<Self, Fault> {
        let client = Client::builder().timeout(TIMEOUT).build();
        let client = client.map_err(|error| Fault::Failed(format!("no HTTP client: {error}")))?;
        let url = url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        Ok(Self { url, key, client })
    }

    /// Reads something.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Answer, Fault> {
        self.send(self.request(Method::GET, path).query(query)).await
    }

    /// Asks for something to be done.
    pub(crate) async fn post(&self, path: &str, body: &serde_json::Value) -> Result<Answer, Fault> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Stores something.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Answer, Fault> {
        let request = self.request(Method::PUT, path).body(body.to_string());
        self.send(request.header(header::CONTENT_TYPE, "application/json")).await
    }

    /// Removes something.
    pub(crate) async fn delete(&self, path: &str) -> Result<Answer, Fault> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Stores something, if it is in that state.
    pub(crate) async fn put_if(
        &self,
        path: &str,
        query: &[(&str, String)],
        body: &Value,
        state: If,
    ) -> Result<Answer, Fault> {
        let request = self.request(Method::PUT, path).query(query).body(body.to_string());
        self.send(only_if(request.header(header::CONTENT_TYPE, "application/json"), state)).await
    }

    /// Asks for something to be done, if what it is about is in that state.
    pub(crate) async fn post_if(
        &self,
        path: &str,
        query: &[(&str, String)],
        body: &Value,
        state: If,
    ) -> Result<Answer, Fault> {
        let request = self.request(Method::POST, path).query(query).body(body.to_string());
        self.send(only_if(request.header(header::CONTENT_TYPE, "application/json"), state)).await
    }

    /// Removes something, if it is in that state.
    pub(crate) async fn delete_if(
        &self,
        path: &str,
        query: &[(&str, String)],
        state: If,
    ) -> Result<Answer, Fault> {
        self.send(only_if(self.request(Method::DELETE, path).query(query), state)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/v1/{path}", self.url);
        self.client.request(method, url).header("x-customer-key", &self.key.0)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, Fault> {
        let unreachable = |error: reqwest::Error| {
            let reason = chain(&error.without_url());
            Fault::Unreachable(format!("{} does not answer: {reason}", self.url))
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let etag = response.headers().get(header::ETAG);
        let etag = etag.and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let text = response.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            return Err(fault(status, &text));
        }
        let body = if text.is_empty() { Ok(Value::Null) } else { json::parse(&text) };
        let body = body.map_err(|error| {
            Fault::Failed(format!("{} answered what is no JSON: {error}", self.url))
        })?;
        Ok(Answer { etag, body })
    }
}

impl Answer {
    /// Returns the body without exact numbers and key order, for tables.
    pub(crate) fn loose(&self) -> serde_json::Value {
        loose(&self.body)
    }
}

/// Gives up exact numbers, for tables.
pub(crate) fn loose(value: &Value) -> serde_json::Value {
    serde_json::from_str(&value.to_string()).unwrap_or_default()
}

/// Writes a name or key as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                segment.push(char::from(byte));
            }
            other => segment.push_str(&format!("%{other:02X}")),
        }
    }
    segment
}

fn only_if(request: RequestBuilder, state: If) -> RequestBuilder {
    match state {
        If::Always => request,
        If::Absent => request.header(header::IF_NONE_MATCH, "*"),
        If::Is(tag) => request.header(header::IF_MATCH, tag),
    }
}

fn nowhere(dir: &Path) -> Fault {
    Fault::Unreachable(format!(
        "no hub: no stack is up in {} (`ferrule up` starts one) and FERRULE_API_URL is not set",
        dir.display()
    ))
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => chain(cause),
        None => error.to_string(),
    }
}

/// Reads a problem document (RFC 9457).
fn fault(status: StatusCode, text: &[u8]) -> Fault {
    let problem: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
    let problems = problem["problems"].as_array().map_or(&[][..], Vec::as_slice);
    let detail = ["detail", "title"].iter().find_map(|key| problem[*key].as_str());
    let mut said = detail.map_or_else(|| status.to_string(), str::to_owned);
    if !problems.is_empty() {
        // The detail is the first of them.
        let lines: Vec<String> = problems.iter().map(one_problem).collect();
        let is_value = problem["type"] == "urn:ferrule:invalid_value";
        let what = if is_value { "value" } else { "definition" };
        said = format!("the hub does not take this {what}\n  {}", lines.join("\n  "));
    }
    match status.as_u16() {
        400 | 413 | 415 | 422 => Fault::Invalid(said),
        401 => Fault::Refused(format!("the hub does not know this customer key ({said})")),
        403 | 404 | 409 | 410 | 412 | 428 | 429 => Fault::Refused(said),
        502..=504 => Fault::Unreachable(format!("{status}: {said}")),
        _ => Fault::Failed(format!("{status}: {said}")),
    }
}

/// Definitions are sent as one line of JSON, so only the path tells where it is.
fn one_problem(one: &serde_json::Value) -> String {
    let text = |key: &str| one[key].as_str().unwrap_or_default();
    let hint = match text("suggestion") {
        "" => String::new(),
        suggestion => format!("; did you mean {suggestion}?"),
    };
    let gap = if text("path").is_empty() { "" } else { ": " };
    format!("{}{gap}{}{hint}", text("path"), text("message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_with_path_and_hint() {
        let text = br#"{"detail": "1:70: unknown key", "problems": [
            {"path": "source.conection", "line": 1, "column": 70, "message": "unknown key",
             "suggestion": "connection"}]}"#;
        let fault = fault(StatusCode::UNPROCESSABLE_ENTITY, text);
        let said = "the hub does not take this definition\n  \
                    source.conection: unknown key; did you mean connection?";
        assert_eq!((fault.code(), fault.to_string().as_str()), (2, said));
    }

    #[test]
    fn each_kind_of_answer_has_its_exit_code() {
        let codes = [400, 401, 404, 409, 500, 503]
            .map(|status| fault(StatusCode::from_u16(status).unwrap(), b"").code());
        assert_eq!(codes, [2, 5, 5, 5, 1, 3]);
    }

    #[test]
    fn a_key_cannot_leave_its_segment() {
        assert_eq!(segment("../a b?c"), "..%2Fa%20b%3Fc");
    }

    #[test]
    fn a_customer_key_is_never_shown() {
        assert_eq!(format!("{:?}", Key::from("frl_secret")), "Key");
    }
}
