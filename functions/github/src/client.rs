//! Calls to the API: addresses, headers, signing in, and what a refusal means.

use std::sync::LazyLock;

use ferrule_connector::{Answer, Call, Context, Failure, Object, Timeouts, Value, url_guard};
use ferrule_core::definition::ErrorRule;
use url::Url;

use crate::{GitHub, Target, app::Tokens};

/// The version of the API whose documentation this was written by.
pub(crate) const API_VERSION: &str = "2022-11-28";

/// A secondary limit can be a 403 without any hint but its words.
/// <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>
static RULES: LazyLock<Vec<ErrorRule>> = LazyLock::new(|| {
    let text = r#"[{"status": [403], "when": ".message | ascii_downcase | contains(\"secondary rate limit\") or contains(\"abuse detection\")", "do": "rate_limited"}]"#;
    serde_json::from_str(text).unwrap_or_default()
});

pub(crate) struct Client<'a> {
    pub(crate) context: &'a Context<'a, GitHub>,
    tokens: &'a Tokens,
    rules: &'a [ErrorRule],
    base: Url,
    /// Owner and name.
    repository: Option<(&'a str, &'a str)>,
}

impl<'a> Client<'a> {
    /// Reads the target's repository; nothing is called.
    pub(crate) fn new(
        context: &'a Context<'a, GitHub>,
        tokens: &'a Tokens,
        rules: &'a [ErrorRule],
        target: &'a Target,
    ) -> Result<Self, Failure> {
        let parts = target.repository.split_once('/');
        let repository = parts.filter(|(owner, name)| is_name(owner) && is_name(name));
        if repository.is_none() {
            let reason = format!(
                "{:?} is no repository: write owner and name, such as acme/platform",
                target.repository
            );
            return Err(Failure::coded("SETTINGS", reason));
        }
        Ok(Self { rules, repository, ..Self::any(context, tokens)? })
    }

    /// Calls what is in no repository.
    pub(crate) fn any(
        context: &'a Context<'a, GitHub>,
        tokens: &'a Tokens,
    ) -> Result<Self, Failure> {
        let base = url_guard::parse(context.settings.api_url(), context.local)?;
        Ok(Self { context, tokens, rules: &[], base, repository: None })
    }

    /// Returns an address in the repository.
    pub(crate) fn url(&self, steps: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            if let Some((owner, name)) = self.repository {
                path.extend(["repos", owner, name]);
            }
            path.extend(steps);
        }
        url
    }

    /// Sends a call; after a 401 once more with a new token.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let call = call
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", API_VERSION)
            .timeouts(Timeouts::default().within(self.context.time_left))
            .rules(self.rules)
            .more_rules(&RULES);
        let token = self.tokens.token(self.context, &self.base, None).await?;
        match self.send_as(call.clone(), &token).await {
            Err(refused @ Failure::Unauthorized { .. }) => {
                let fresh = self.tokens.token(self.context, &self.base, Some(&token)).await?;
                if fresh == token {
                    return Err(refused);
                }
                self.send_as(call, &fresh).await
            }
            other => other,
        }
    }

    async fn send_as(&self, call: Call<'_>, token: &str) -> Result<Answer, Failure> {
        let bearer = format!("Bearer {token}");
        let call = call.secret_header("authorization", &bearer).hide(token);
        Box::pin(self.context.http.send(call)).await
    }

    /// Sends a JSON body and returns what came back.
    pub(crate) async fn write(&self, call: Call<'_>, body: Object) -> Result<Value, Failure> {
        self.send(call.json(&Value::from(body))).await?.json()
    }

    /// Reads a list.
    pub(crate) async fn list(
        &self,
        steps: &[&str],
        parameters: &[(&str, &str)],
    ) -> Result<Vec<Value>, Failure> {
        let mut call = Call::get(self.url(steps));
        for (name, value) in parameters {
            call = call.query(name, value);
        }
        let answer = self.send(call).await?;
        match answer.json()? {
            Value::Array(items) => Ok(items),
            _ => Err(answer.unreadable("the answer is not a list")),
        }
    }

    /// Asks what does not count, and returns how many calls are left.
    pub(crate) async fn try_out(&self) -> Result<String, Failure> {
        let body = self.send(Call::get(self.url(&["rate_limit"]))).await?.json()?;
        let left = body.get("rate").and_then(|rate| rate.get("remaining"));
        Ok(left.map_or_else(|| "?".to_owned(), Value::to_string))
    }
}

/// What GitHub allows in the name of an owner or a repository.
fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.chars().all(is_plain) && !matches!(text, "." | "..")
}
