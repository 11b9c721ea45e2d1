//! A workspace with one channel: keeps what is posted, and gives it back.

use std::sync::{Arc, Mutex};

use ferrule_testing::vendor::{Reply, Request, Vendor};
use serde_json::{Map, Value, json};

use super::{Desk, TOKEN};

pub(super) const CHANNEL: &str = "C0123456789";

/// What was posted, in order.
#[derive(Clone, Default)]
pub(super) struct Channel(Arc<Mutex<Vec<Value>>>);

impl Channel {
    /// Starts a workspace and a connection to it.
    pub(super) async fn open(target: Value) -> (Desk, Self) {
        let channel = Self::default();
        let there = channel.clone();
        let vendor = Vendor::start(move |request, _| there.answer(request)).await;
        (Desk::new(vendor, &json!({ "bot_token": TOKEN }), target), channel)
    }

    pub(super) fn messages(&self) -> Vec<Value> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn forget(&self) {
        self.0.lock().unwrap().clear();
    }

    fn answer(&self, request: &Request) -> Reply {
        assert_eq!(request.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
        let answer = match request.path.strip_prefix("/api/").unwrap() {
            "chat.postMessage" => self.post(serde_json::from_slice(&request.body).unwrap()),
            "chat.update" => self.update(&serde_json::from_slice(&request.body).unwrap()),
            "conversations.history" => self.page(request, None),
            "conversations.replies" => self.page(request, request.param("ts")),
            other => panic!("{other} is not expected"),
        };
        Reply::json(answer.to_string())
    }

    fn post(&self, mut message: Map<String, Value>) -> Value {
        let mut messages = self.0.lock().unwrap();
        let ts = format!("1736334727.{:06}", messages.len());
        message.insert("ts".into(), json!(ts));
        messages.push(Value::from(message.clone()));
        json!({ "ok": true, "channel": CHANNEL, "ts": ts, "message": message })
    }

    fn update(&self, change: &Map<String, Value>) -> Value {
        let mut messages = self.0.lock().unwrap();
        match messages.iter_mut().find(|message| message["ts"] == change["ts"]) {
            None => json!({ "ok": false, "error": "message_not_found" }),
            Some(message) => {
                message.as_object_mut().unwrap().extend(change.clone());
                json!({ "ok": true, "channel": CHANNEL, "ts": change["ts"] })
            }
        }
    }

    /// Pages of two, newest first, as Slack gives them.
    fn page(&self, request: &Request, thread: Option<&str>) -> Value {
        assert_eq!(request.param("channel"), Some(CHANNEL));
        assert_eq!(request.param("include_all_metadata"), Some("true"));
        let messages = self.messages();
        let all: Vec<&Value> =
            messages.iter().rev().filter(|m| m["thread_ts"].as_str() == thread).collect();
        let from: usize = request.param("cursor").map_or(0, |cursor| cursor.parse().unwrap());
        let to = all.len().min(from + 2);
        let next = if to < all.len() { to.to_string() } else { String::new() };
        let page = &all[from..to];
        json!({ "ok": true, "messages": page, "response_metadata": { "next_cursor": next } })
    }
}
