//! A server that answers like GitHub, as far as its documentation goes.

use std::sync::{Arc, Mutex};

use ferrule_testing::vendor::{Manner, Reply, Request, Vendor};
use serde_json::{Value, json};

#[derive(Default)]
pub(super) struct Content {
    pub(super) issues: Vec<Value>,
    pub(super) comments: Vec<(u64, Value)>,
    /// Requests after whose effect the connection is gone.
    pub(super) lose: Vec<&'static str>,
    /// Answers given once instead of anything else.
    pub(super) instead: Vec<Reply>,
    /// The token that is taken.
    pub(super) token: String,
    pub(super) tokens_made: usize,
}

pub(super) struct GitHubServer {
    pub(super) vendor: Vendor,
    pub(super) content: Arc<Mutex<Content>>,
}

impl GitHubServer {
    pub(super) async fn start() -> Self {
        let content = Content { token: "ghp_t0ken".into(), ..Content::default() };
        let content = Arc::new(Mutex::new(content));
        let held = Arc::clone(&content);
        let vendor =
            Vendor::start(move |request, _| answer(&mut held.lock().unwrap(), request)).await;
        Self { vendor, content }
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Content) -> T) -> T {
        change(&mut self.content.lock().unwrap())
    }
}

fn answer(content: &mut Content, request: &Request) -> Reply {
    if !content.instead.is_empty() {
        return content.instead.remove(0);
    }
    let steps: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    if let ["app", "installations", _, "access_tokens"] = steps[..] {
        let is_signed = request.header("authorization").is_some_and(|header| {
            header.starts_with("Bearer eyJ") && header.matches('.').count() == 2
        });
        if !is_signed {
            return words(401, "A JSON web token could not be decoded");
        }
        content.tokens_made += 1;
        content.token = format!("ghs_made{}", content.tokens_made);
        let token = json!({"token": content.token, "expires_at": "2026-03-01T01:00:00Z"});
        return Reply::json(token.to_string()).with_status(201);
    }
    if request.header("authorization") != Some(&format!("Bearer {}", content.token)) {
        return words(401, "Bad credentials");
    }
    let reply = route(content, request, &steps);
    let what = format!("{} {}", request.method, steps.last().unwrap_or(&""));
    match content.lose.iter().position(|lost| *lost == what) {
        Some(at) => {
            content.lose.remove(at);
            reply.manner(Manner::HangUp)
        }
        None => reply,
    }
}

fn route(content: &mut Content, request: &Request, steps: &[&str]) -> Reply {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    match (request.method.as_str(), steps) {
        ("GET", ["rate_limit"]) => Reply::json(r#"{"rate":{"remaining":4999}}"#),
        ("GET", ["repos", _, _, "issues"]) => {
            let newest: Vec<&Value> = content.issues.iter().rev().collect();
            Reply::json(json!(newest).to_string())
        }
        ("POST", ["repos", _, _, "issues"]) => {
            let mut issue = body;
            let number = content.issues.len() + 1;
            issue["number"] = number.into();
            issue["state"] = "open".into();
            issue["html_url"] = format!("https://github.com/acme/x/issues/{number}").into();
            content.issues.push(issue.clone());
            Reply::json(issue.to_string()).with_status(201)
        }
        ("GET", ["repos", _, _, "issues", number]) => match at(content, number) {
            Some(issue) => Reply::json(issue.to_string()),
            None => words(404, "Not Found"),
        },
        ("PATCH", ["repos", _, _, "issues", number]) => match at(content, number) {
            Some(issue) => {
                for (key, value) in body.as_object().into_iter().flatten() {
                    issue[key] = value.clone();
                }
                Reply::json(issue.to_string())
            }
            None => words(404, "Not Found"),
        },
        ("GET", ["repos", _, _, "issues", number, "comments"]) => {
            let number: u64 = number.parse().unwrap();
            let of = content.comments.iter().filter(|(issue, _)| *issue == number);
            Reply::json(json!(of.map(|(_, comment)| comment).collect::<Vec<_>>()).to_string())
        }
        ("POST", ["repos", _, _, "issues", number, "comments"]) => {
            content.comments.push((number.parse().unwrap(), body.clone()));
            Reply::json(body.to_string()).with_status(201)
        }
        ("POST", ["repos", _, _, "dispatches"]) => Reply::status(204),
        ("POST", ["repos", _, _, "actions", "workflows", _, "dispatches"]) => Reply::json(
            r#"{"workflow_run_id":22934,"html_url":"https://github.com/acme/x/actions/runs/22934"}"#,
        ),
        _ => words(404, "Not Found"),
    }
}

fn at<'c>(content: &'c mut Content, number: &str) -> Option<&'c mut Value> {
    content.issues.get_mut(number.parse::<usize>().ok()?.checked_sub(1)?)
}

pub(super) fn words(status: u16, message: &str) -> Reply {
    Reply::json(json!({"message": message}).to_string()).with_status(status)
}
