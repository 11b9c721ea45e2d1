//! An organisation that answers like Okta, as far as its documentation goes.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::vendor::{Reply, Request, Vendor};

/// The API token that it takes.
pub const TOKEN: &str = "t0ken-of-okta";

/// What the organisation holds.
#[derive(Debug, Default)]
pub struct Content {
    /// Users.
    pub users: Vec<Value>,
    /// Groups.
    pub groups: Vec<Value>,
    /// Group, user.
    pub members: Vec<(String, String)>,
    /// Entries of the System Log.
    pub log: Vec<Value>,
    /// Answers given instead, by number of the request.
    pub instead: Vec<(usize, Reply)>,
}

/// The organisation as a server.
#[derive(Debug)]
pub struct Org {
    /// The server.
    pub vendor: Vendor,
    content: Arc<Mutex<Content>>,
}

impl Org {
    /// Starts without anybody in it.
    pub async fn start() -> Self {
        let content = Arc::<Mutex<Content>>::default();
        let held = Arc::clone(&content);
        let vendor = Vendor::start(move |request, number| {
            let content = held.lock().unwrap();
            let instead = content.instead.iter().find(|(at, _)| *at == number);
            instead.map_or_else(|| answer(&content, request), |(_, reply)| reply.clone())
        })
        .await;
        Self { vendor, content }
    }

    /// Changes what it holds.
    pub fn change(&self, change: impl FnOnce(&mut Content)) {
        change(&mut self.content.lock().unwrap());
    }

    /// Returns what was asked so far, as path and query.
    pub fn asked(&self) -> Vec<String> {
        let ask = |r: &Request| format!("{}?{}", r.path, r.raw_query);
        self.vendor.requests().iter().map(ask).collect()
    }
}

/// Makes a user; `changed` is when that was last.
pub fn user(number: usize, status: &str, changed: &str) -> Value {
    json!({
        "id": format!("00u{number:05}"), "status": status, "lastUpdated": changed,
        "profile": {"login": format!("u{number}@example.com"), "email": format!("u{number}@example.com")},
    })
}

/// Makes a group; `changed` is when its members did so last.
pub fn group(id: &str, name: &str, changed: &str) -> Value {
    json!({"id": id, "lastUpdated": changed, "lastMembershipUpdated": changed,
           "type": "OKTA_GROUP", "profile": {"name": name}})
}

/// Makes an entry of the System Log.
pub fn entry(event: &str, at: &str, targets: &[(&str, &str)]) -> Value {
    let targets: Vec<Value> =
        targets.iter().map(|(kind, id)| json!({"type": kind, "id": id})).collect();
    json!({"eventType": event, "published": at, "target": targets})
}

/// By this server's clock it is then: far from anybody else's.
const NOW: (&str, i64) = ("Sun, 01 Mar 2026 01:00:00 GMT", 1_772_326_800);

/// Makes the answer to too many calls: there may be more after `wait_secs`.
pub fn limited(wait_secs: i64) -> Reply {
    let body = r#"{"errorCode":"E0000047","errorSummary":"API call exceeded rate limit"}"#;
    Reply::json(body)
        .with_status(429)
        .header("date", NOW.0)
        .header("x-rate-limit-limit", "600")
        .header("x-rate-limit-remaining", "0")
        .header("x-rate-limit-reset", &(NOW.1 + wait_secs).to_string())
}

/// Makes the answer to too many calls at the same time: its reset means nothing.
pub fn crowded() -> Reply {
    Reply::json(r#"{"errorCode":"E0000047"}"#)
        .with_status(429)
        .header("x-rate-limit-limit", "0")
        .header("x-rate-limit-remaining", "0")
        .header("x-rate-limit-reset", &(NOW.1 + 3000).to_string())
}

fn answer(content: &Content, request: &Request) -> Reply {
    if request.header("authorization") != Some(format!("SSWS {TOKEN}").as_str()) {
        let body = json!({"errorCode": "E0000011", "errorSummary": "Invalid token provided"});
        return Reply::json(body.to_string()).with_status(401);
    }
    let steps: Vec<&str> = request.path.trim_start_matches("/api/v1/").split('/').collect();
    let is_since = |item: &Value, field: &str| match bound(request, field) {
        Some(bound) => item[field].as_str().is_some_and(|at| at >= bound.as_str()),
        None => true,
    };
    match steps[..] {
        ["users", "me"] => Reply::json(json!({"id": "me"}).to_string()),
        ["users"] => {
            let has_filter = request.param("filter").is_some();
            let seen = |user: &&Value| has_filter || user["status"] != "DEPROVISIONED";
            let users = content.users.iter().filter(seen);
            page(request, users.filter(|user| is_since(user, "lastUpdated")).cloned().collect())
        }
        ["groups"] => {
            let groups = content.groups.iter().filter(|group| {
                is_since(group, "lastUpdated") && is_since(group, "lastMembershipUpdated")
            });
            page(request, groups.cloned().collect())
        }
        ["groups", id, "users"] => {
            let of = content.members.iter().filter(|(group, _)| group == id);
            let users = of.filter_map(|(_, id)| content.users.iter().find(|u| u["id"] == **id));
            page(request, users.cloned().collect())
        }
        ["users", id, "groups"] => {
            if !content.users.iter().any(|user| user["id"] == id) {
                return not_found();
            }
            let of = content.members.iter().filter(|(_, user)| user == id);
            let groups: Vec<Value> = of.map(|(group, _)| json!({"id": group})).collect();
            Reply::json(Value::from(groups).to_string())
        }
        ["users", id] => one(&content.users, id),
        ["groups", id] => one(&content.groups, id),
        ["logs"] => {
            let wanted = request.param("filter").unwrap_or_default();
            let fits = |entry: &&Value| {
                let at = entry["published"].as_str().unwrap_or_default();
                wanted.contains(entry["eventType"].as_str().unwrap_or_default())
                    && request.param("since").is_none_or(|since| at >= since)
            };
            let reply = page(request, content.log.iter().filter(fits).cloned().collect());
            // The log names a next page for ever.
            let polling = format!(
                "<{}/api/v1/logs?after=99999&filter={wanted}>; rel=\"next\"",
                here(request)
            );
            if reply.named("link").is_some_and(|link| link.contains("after=")) {
                reply
            } else {
                reply.header("link", &polling)
            }
        }
        _ => not_found(),
    }
}

fn here(request: &Request) -> String {
    format!("http://{}", request.header("host").unwrap_or_default())
}

fn one(things: &[Value], id: &str) -> Reply {
    match things.iter().find(|thing| thing["id"] == id) {
        Some(thing) => Reply::json(thing.to_string()),
        None => not_found(),
    }
}

fn not_found() -> Reply {
    Reply::json(r#"{"errorCode":"E0000007","errorSummary":"Not found"}"#).with_status(404)
}

/// Reads `field ge "..."` out of the filter.
fn bound(request: &Request, field: &str) -> Option<String> {
    let filter = request.param("filter")?;
    let rest = filter.strip_prefix(field)?.strip_prefix(" ge \"")?;
    Some(rest.strip_suffix('"')?.to_owned())
}

/// Cuts a page; the links come in two header lines, and the next one is opaque.
fn page(request: &Request, items: Vec<Value>) -> Reply {
    let number = |name: &str| request.param(name).and_then(|text| text.parse::<usize>().ok());
    let limit = number("limit").unwrap_or(200).min(200);
    let from = number("after").unwrap_or(0);
    let left = items.len().saturating_sub(from);
    let body: Vec<Value> = items.into_iter().skip(from).take(limit).collect();
    let reply = Reply::json(Value::from(body).to_string())
        .header("x-rate-limit-limit", "600")
        .header("x-rate-limit-remaining", "590")
        .header("link", &format!("<{}{}>; rel=\"self\"", here(request), request.path));
    if left <= limit {
        return reply;
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("after", &(from + limit).to_string());
    query.append_pair("limit", &limit.to_string());
    for (name, value) in request.query.iter().filter(|(name, _)| name == "filter") {
        query.append_pair(name, value);
    }
    let link = format!("<{}{}?{}>; rel=\"next\"", here(request), request.path, query.finish());
    reply.header("link", &link)
}
