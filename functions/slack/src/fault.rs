//! What Slack's answers mean. It says 200 to almost everything.

use std::time::Duration;

use ferrule_connector::{Answer, Failure, Value};

/// What Slack calls the error, and who said it.
pub(crate) struct Fault<'a> {
    service: &'a str,
    error: &'a str,
    /// What else there is to know, for people.
    more: String,
    retry_after: Option<Duration>,
}

/// Reads an answer of the Web API: its content, or what went wrong.
pub(crate) fn content(service: &str, answer: &Answer) -> Result<Value, Failure> {
    let content = answer.json()?;
    match content.get("ok").and_then(Value::as_bool) {
        Some(true) => Ok(content),
        Some(false) => Err(Fault::of(service, answer, &content).failure()),
        None => Err(answer.unreadable("does not say whether it is ok")),
    }
}

/// Reads an answer of an incoming webhook, which is a word.
pub(crate) fn word(service: &str, answer: &Answer) -> Result<(), Failure> {
    if answer.is_html() {
        return Err(answer.unreadable("answered with HTML, not with a word"));
    }
    let text = answer.text();
    let error = match (answer.status, text.trim()) {
        (200..=299, "ok") => return Ok(()),
        (200..=299, "") => return Err(answer.unreadable("says nothing, where Slack says ok")),
        // A proxy, or an answer of the Web API: never a message that got through.
        (200..=299, text) if text.starts_with('{') => return content(service, answer).map(drop),
        (_, text) => text,
    };
    let is_word = !error.is_empty() && error.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let more = answer.status.to_string();
    if is_word {
        return Err(Fault { service, error, more, retry_after: None }.failure());
    }
    Err(if answer.status < 300 {
        answer.unreadable("is not what Slack says")
    } else {
        Failure::rejected(service, &answer.reason)
    })
}

impl<'a> Fault<'a> {
    fn of(service: &'a str, answer: &Answer, content: &'a Value) -> Self {
        let text = |key: &str| content.get(key).and_then(Value::as_str);
        let mut more = Vec::new();
        if let (Some(needed), Some(provided)) = (text("needed"), text("provided")) {
            more.push(format!("it needs {needed} and has {provided}"));
        }
        let messages = content.get("response_metadata").and_then(|data| data.get("messages"));
        let messages = messages.and_then(Value::as_array).unwrap_or_default();
        more.extend(messages.iter().filter_map(Value::as_str).take(5).map(str::to_owned));
        let secs = answer.header("retry-after").and_then(|secs| secs.trim().parse().ok());
        let error = text("error").unwrap_or("no_error_named");
        let retry_after = secs.map(Duration::from_secs);
        Self { service, error, more: more.join("; "), retry_after }
    }

    fn failure(&self) -> Failure {
        let service = self.service.to_owned();
        let reason = self.reason();
        match self.error {
            "ratelimited" | "rate_limited" | "message_limit_exceeded" => {
                Failure::Throttled { service, retry_after: self.retry_after }
            }
            // It may have been done all the same: the next attempt looks first.
            "internal_error"
            | "fatal_error"
            | "service_unavailable"
            | "request_timeout"
            | "unknown_error"
            | "team_added_to_org"
            | "rollup_error" => {
                Failure::Unavailable { service, reason, retry_after: self.retry_after }
            }
            "invalid_auth"
            | "not_authed"
            | "token_revoked"
            | "token_expired"
            | "account_inactive"
            | "two_factor_setup_required"
            | "org_login_required"
            | "invalid_token"
            | "no_service"
            | "no_service_id"
            | "no_team"
            | "no_active_hooks"
            | "team_disabled" => Failure::Unauthorized { service, reason },
            "is_archived" | "channel_is_archived" => Failure::gone(service, reason),
            _ => Failure::Rejected { service, reason },
        }
    }

    /// Slack's word, and what a person can do about it.
    fn reason(&self) -> String {
        let what_to_do = match self.error {
            "channel_not_found" => {
                "there is no such channel, or it is private: write its id, and /invite the app"
            }
            "not_in_channel" => "/invite the app into the channel, or give it chat:write.public",
            "missing_scope" => "give the app the scope and install it again",
            "is_archived" | "channel_is_archived" => "the channel is archived",
            "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "invalid_token" => {
                "store the app's token again with `ferrule secret set`"
            }
            "no_service" | "no_service_id" | "no_active_hooks" => {
                "the incoming webhook was removed: make a new one and store its address"
            }
            "restricted_action"
            | "action_prohibited"
            | "posting_to_general_channel_denied"
            | "restricted_action_read_only_channel"
            | "no_permission" => "an administrator of the workspace has to allow it",
            _ => "",
        };
        let parts = [self.error, what_to_do, &self.more];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    }
}
