//! The two ways into Slack: the Web API with a token, and an incoming webhook.

use ferrule_connector::{Answer, Call, Context, Failure, Timeouts, Value, url_guard};
use ferrule_core::definition::ErrorRule;
use serde::Serialize;
use url::Url;

use crate::{Slack, fault};

/// Slack warns when the charset is not said.
const JSON: &str = "application/json; charset=utf-8";

/// Slack's answers are small; messages that are read back are not.
const CAP_BYTES: usize = 4 * 1024 * 1024;

/// The way in that a message takes.
#[derive(Clone, Copy)]
pub(crate) struct Api<'a> {
    context: &'a Context<'a, Slack>,
    rules: &'a [ErrorRule],
}

impl<'a> Api<'a> {
    pub(crate) fn new(context: &'a Context<'a, Slack>, rules: &'a [ErrorRule]) -> Self {
        Self { context, rules }
    }

    /// Tells whether there is a token.
    pub(crate) fn has_token(&self) -> bool {
        self.context.secret.is_some_and(|secret| secret.bot_token.is_some())
    }

    /// Tells whether there is an incoming webhook.
    pub(crate) fn has_webhook(&self) -> bool {
        self.context.secret.is_some_and(|secret| secret.webhook_url.is_some())
    }

    /// Calls a method of the Web API that writes.
    pub(crate) async fn call(&self, method: &str, body: &impl Serialize) -> Result<Value, Failure> {
        let call = Call::post(self.method(method)?).body(JSON, text(body)?);
        Ok(self.send(call).await?.1)
    }

    /// Calls a method of the Web API without arguments; the headers say what the token may do.
    pub(crate) async fn look(&self, method: &str) -> Result<(Answer, Value), Failure> {
        self.send(Call::post(self.method(method)?)).await
    }

    /// Calls a method of the Web API that reads.
    pub(crate) async fn read(
        &self,
        method: &str,
        arguments: &[(&str, &str)],
    ) -> Result<Value, Failure> {
        let mut call = Call::get(self.method(method)?);
        for (name, value) in arguments {
            call = call.query(name, value);
        }
        Ok(self.send(call).await?.1)
    }

    /// Posts through the incoming webhook.
    pub(crate) async fn hook(&self, body: &impl Serialize) -> Result<(), Failure> {
        let answer = self.hook_answer(body).await?;
        fault::word(self.context.http.service(), &answer)
    }

    /// Posts through the incoming webhook, and returns also what Slack refuses with a word.
    pub(crate) async fn hook_answer(&self, body: &impl Serialize) -> Result<Answer, Failure> {
        let secret = self.context.secret.and_then(|secret| secret.webhook_url.as_deref());
        let Some(address) = secret else { return Err(lacks("webhook_url")) };
        let url = url_guard::parse(address, self.context.local)?;
        let mut call =
            Call::post(url.clone()).body(JSON, text(body)?).hide(address).hide(url.path());
        // The last part is the secret; the one before names the webhook, the first the workspace.
        for part in url.path_segments().into_iter().flatten().filter(|part| part.len() > 8) {
            call = call.hide(part);
        }
        for status in [400, 403, 404, 410] {
            call = call.accept(status);
        }
        self.context.http.send(self.within(call)).await
    }

    fn method(&self, method: &str) -> Result<Url, Failure> {
        let base = self.context.settings.api_url.trim_end_matches('/');
        url_guard::parse(&format!("{base}/{method}"), self.context.local)
    }

    async fn send(&self, call: Call<'_>) -> Result<(Answer, Value), Failure> {
        let secret = self.context.secret.and_then(|secret| secret.bot_token.as_deref());
        let Some(token) = secret else { return Err(lacks("bot_token")) };
        let call = call.secret_header("authorization", &format!("Bearer {token}")).hide(token);
        let answer = self.context.http.send(self.within(call)).await?;
        let content = fault::content(self.context.http.service(), &answer)?;
        Ok((answer, content))
    }

    fn within<'c>(&self, call: Call<'c>) -> Call<'c>
    where
        'a: 'c,
    {
        let timeouts = Timeouts::default().within(self.context.time_left);
        call.rules(self.rules).timeouts(timeouts).cap(CAP_BYTES)
    }
}

fn text(body: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(body).map_err(|error| Failure::invalid(error.to_string()))
}

fn lacks(key: &str) -> Failure {
    let reason = format!("the secret has no {key}; store it with `ferrule secret set`");
    Failure::coded("SECRET", reason)
}
