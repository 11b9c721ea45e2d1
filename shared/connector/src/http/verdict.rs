//! What an answer means: the integration's rules first, then one table for all vendors.

use std::time::Duration;

use ferrule_core::{
    FAIL_RUN, Failure, Value,
    definition::{Action, ErrorRule},
    expr::Expr,
    json,
};
use http::{HeaderMap, StatusCode};

use super::{answer::is_html, call::Call, redact::redact, wait::Hints};

/// Longest part of a vendor's own words that is kept.
const WORDS: usize = 300;

/// Everything that is known about an answer when it is judged.
pub(crate) struct Evidence<'a> {
    pub(crate) service: &'a str,
    pub(crate) status: u16,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) now_ms: i64,
}

impl<'a> Evidence<'a> {
    fn hints(&self, call: &'a Call<'_>) -> Hints<'a> {
        Hints::new(self.headers, call.rate_headers, self.now_ms)
    }
}

/// Why an answer is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It is a success.
    Success,
    /// A rule says that it is to be left out without an error.
    Ignored,
    /// The call wants to see it.
    Accepted,
}

/// Decides about an answer.
pub(crate) fn judge(call: &Call<'_>, evidence: &Evidence<'_>) -> Result<Judged, Failure> {
    let body = || json::parse(evidence.body).unwrap_or_else(|_| text_value(evidence.body));
    let action = match ruled(call, Some(evidence.status), body)? {
        Some(action) => action,
        None if call.accepted.contains(&evidence.status) => return Ok(Judged::Accepted),
        None => standard(evidence.status, evidence.hints(call)),
    };
    match action {
        Action::Ok => Ok(Judged::Success),
        Action::Ignore => Ok(Judged::Ignored),
        other => Err(failure(other, call, evidence)),
    }
}

/// Decides about a call that got no answer: `reason` is what was seen.
pub(crate) fn judge_silence(call: &Call<'_>, service: &str, reason: &str) -> Failure {
    let reason = redact(reason, &call.secrets);
    match ruled(call, None, || Value::Null) {
        Ok(Some(Action::Park)) => Failure::rejected(service, reason),
        Ok(Some(Action::Fail)) => failed(service, &reason),
        Ok(Some(Action::RateLimited)) => {
            Failure::Throttled { service: service.to_owned(), retry_after: None }
        }
        Err(failure) => failure,
        Ok(_) => Failure::unavailable(service, reason),
    }
}

/// Finds the first rule that fits.
fn ruled(
    call: &Call<'_>,
    status: Option<u16>,
    body: impl Fn() -> Value,
) -> Result<Option<Action>, Failure> {
    for rule in call.rules.iter().chain(call.more_rules) {
        if rule.status.iter().any(|wanted| wanted.matches(status)) && holds(rule, &body)? {
            return Ok(Some(rule.action));
        }
    }
    Ok(None)
}

fn holds(rule: &ErrorRule, body: impl Fn() -> Value) -> Result<bool, Failure> {
    let Some(text) = &rule.when else { return Ok(true) };
    let wrong = |error: String| Failure::invalid(format!("error rule {text:?}: {error}"));
    // A condition that the shape of the body makes impossible does not hold.
    Ok(Expr::compile(text).map_err(wrong)?.is_true(&body()).unwrap_or(false))
}

/// The table for all vendors. Their exceptions are rules in their profiles.
fn standard(status: u16, hints: Hints<'_>) -> Action {
    match status {
        200..=299 => Action::Ok,
        429 => Action::RateLimited,
        401 => Action::RefreshAuth,
        403 if hints.is_about_rate() => Action::RateLimited,
        408 | 425 | 500 | 502..=504 | 506..=599 => Action::Retry,
        _ => Action::Park,
    }
}

fn failure(action: Action, call: &Call<'_>, evidence: &Evidence<'_>) -> Failure {
    let service = evidence.service.to_owned();
    let reason = reason(call, evidence);
    // A wait of nothing is no wait: the message would circle.
    let retry_after = evidence.hints(call).wait().filter(|wait| *wait > Duration::ZERO);
    match action {
        Action::RateLimited => Failure::Throttled { service, retry_after },
        Action::RefreshAuth => Failure::Unauthorized { service, reason },
        Action::Park => Failure::Rejected { service, reason },
        Action::Fail => failed(&service, &reason),
        Action::Ok | Action::Ignore | Action::Retry => {
            Failure::Unavailable { service, reason, retry_after }
        }
    }
}

/// A rule asks to fail the run: its own code, so that whoever runs it can tell.
fn failed(service: &str, reason: &str) -> Failure {
    Failure::coded(FAIL_RUN, format!("{service}: {reason}"))
}

/// Describes an answer that is no success.
pub(crate) fn reason(call: &Call<'_>, evidence: &Evidence<'_>) -> String {
    let status = evidence.status;
    let name = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
    let mut reason = name.map_or_else(|| status.to_string(), |name| format!("{status} {name}"));
    if (300..400).contains(&status) {
        reason.push_str(" (redirects are not followed: use the final address)");
    } else if let Some(words) = words(evidence.headers, evidence.body) {
        reason.push_str(": ");
        reason.push_str(&words);
    }
    redact(&reason, &call.secrets)
}

/// Finds the sentence in an error answer. Whole bodies stay out of logs: they can hold records.
fn words(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if is_html(headers, body) {
        return Some("an HTML page".to_owned());
    }
    let value = json::parse(body).ok()?;
    let text = sentence(&value, 0)?;
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect();
    Some(line)
}

fn sentence(value: &Value, depth: usize) -> Option<String> {
    if depth > 3 {
        return None;
    }
    match value {
        Value::String(text) if !text.is_empty() => Some(text.to_string()),
        Value::Array(items) => items.first().and_then(|item| sentence(item, depth + 1)),
        Value::Object(object) => {
            let keys = [
                "error_description",
                "message",
                "detail",
                "error",
                "errors",
                "errorMessages",
                "errorSummary",
                "title",
            ];
            keys.iter().find_map(|key| sentence(object.get(key)?, depth + 1))
        }
        _ => None,
    }
}

fn text_value(body: &[u8]) -> Value {
    Value::from(String::from_utf8_lossy(body).into_owned())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn evidence<'a>(status: u16, headers: &'a HeaderMap, body: &'a str) -> Evidence<'a> {
        Evidence { service: "jira", status, headers, body: body.as_bytes(), now_ms: 0 }
    }

    fn call(rules: &[ErrorRule]) -> Call<'_> {
        Call::get("https://example.com/".parse().unwrap()).rules(rules)
    }

    fn code(status: u16) -> &'static str {
        let headers = HeaderMap::new();
        match judge(&call(&[]), &evidence(status, &headers, "")) {
            Ok(_) => "ok",
            Err(failure) => failure.code(),
        }
    }

    fn rules(text: &str) -> Vec<ErrorRule> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn reads_statuses_by_the_standard_table() {
        for (statuses, expected) in [
            (&[200, 201, 202, 204, 299][..], "ok"),
            (&[429], "throttled"),
            (&[401], "unauthorized"),
            (&[408, 425, 500, 502, 503, 504, 520, 599], "unavailable"),
            (&[301, 302, 304, 307, 400, 403, 404, 409, 410, 413, 422, 501, 505], "rejected"),
        ] {
            for status in statuses {
                assert_eq!(code(*status), expected, "{status}");
            }
        }
    }

    #[test]
    fn a_403_about_the_rate_is_a_wait() {
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from(30))]);
        let failure = judge(&call(&[]), &evidence(403, &headers, "")).unwrap_err();
        let wait = Some(Duration::from_secs(30));
        assert!(matches!(failure, Failure::Throttled { retry_after, .. } if retry_after == wait));
    }

    #[test]
    fn a_rule_decides_before_the_table_and_can_look_into_the_body() {
        let rules = rules(
            r#"[{"status": [200], "when": ".ok == false and .error == \"busy\"", "do": "retry"},
                {"status": [200], "when": ".ok == false", "do": "park"},
                {"status": [404], "do": "ignore"}, {"status": ["4xx"], "do": "fail"}]"#,
        );
        let headers = HeaderMap::new();
        let judged = |status, body| judge(&call(&rules), &evidence(status, &headers, body));
        let code = |status, body| judged(status, body).unwrap_err().code();
        assert_eq!(judged(200, r#"{"ok": true}"#).unwrap(), Judged::Success);
        assert_eq!(code(200, r#"{"ok": false, "error": "busy"}"#), "unavailable");
        assert_eq!(code(200, r#"{"ok": false}"#), "rejected");
        assert_eq!(judged(404, "").unwrap(), Judged::Ignored);
        assert_eq!(code(422, ""), "FAIL_RUN");
    }

    #[test]
    fn keeps_the_vendors_words_without_the_secret() {
        let headers = HeaderMap::new();
        let body = r#"{"errors": [{"message": "key s3cret-key is\n wrong"}]}"#;
        let call = call(&[]).hide("s3cret-key");
        let failure = judge(&call, &evidence(400, &headers, body)).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "jira rejected the request: 400 Bad Request: key *** is  wrong"
        );
    }

    #[test]
    fn a_call_can_accept_a_status_that_a_rule_does_not_mention() {
        let headers = HeaderMap::new();
        let judged = judge(&call(&[]).accept(404), &evidence(404, &headers, "")).unwrap();
        assert_eq!(judged, Judged::Accepted);
    }
}
