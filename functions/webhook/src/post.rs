//! One POST, signed, and what its answer means.

use ferrule_connector::{Answer, Call, Context, Failure, Timeouts, url_guard};
use ferrule_core::{Hops, definition::ErrorRule};
use url::Url;

use crate::{Webhook, event::Event, settings::Secret, sign::Keys};

/// Headers that are ours.
const OURS: [&str; 7] = [
    Hops::HEADER,
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "content-type",
    "content-length",
    "host",
];

/// Shorter parts of an address are words, not tokens.
const TOKEN_CHARS: usize = 8;

/// The receiver, ready to be called.
pub(crate) struct Receiver<'a> {
    context: &'a Context<'a, Webhook>,
    url: Url,
    keys: Keys,
    rules: &'a [ErrorRule],
}

impl<'a> Receiver<'a> {
    /// Reads address and keys; nothing is called.
    pub(crate) fn new(
        context: &'a Context<'a, Webhook>,
        rules: &'a [ErrorRule],
    ) -> Result<Self, Failure> {
        let keys = Keys::read(context.secret)?;
        Ok(Self { context, url: address(context)?, keys, rules })
    }

    /// Posts an event. Answers with one of `accepted` are returned, all others that are no success
    /// are failures.
    pub(crate) async fn post(&self, event: &Event, accepted: &[u16]) -> Result<Answer, Failure> {
        let now_secs = self.context.store.clock.now_secs();
        let signature = self.keys.sign(&event.id, now_secs, &event.body);
        let mut call = self
            .dress(Call::post(self.url.clone()))?
            .body("application/json", event.body.clone())
            .header("webhook-id", &event.id)
            .header("webhook-timestamp", &now_secs.to_string())
            .header("webhook-signature", &signature)
            .hops(event.hops)
            .rules(self.rules)
            .accept(410);
        for status in accepted {
            call = call.accept(*status);
        }
        let answer = self.context.http.send(call).await?;
        if answer.is_accepted && answer.status == 410 {
            return Err(Failure::gone(self.context.http.service(), &answer.reason));
        }
        Ok(answer)
    }

    /// Asks whether somebody is there, without telling anything.
    pub(crate) async fn look(&self) -> Result<Answer, Failure> {
        let mut call = self.dress(Call::get(self.url.clone()))?;
        // Whoever takes only POST says so: that is an answer.
        for status in [400, 404, 405, 406, 410, 415, 422, 501] {
            call = call.accept(status);
        }
        let answer = self.context.http.send(call).await?;
        if answer.is_accepted && answer.status == 410 {
            return Err(Failure::gone(self.context.http.service(), &answer.reason));
        }
        Ok(answer)
    }

    /// Adds the secret's own headers, and sees to it that no message shows a token.
    fn dress<'c>(&self, call: Call<'c>) -> Result<Call<'c>, Failure> {
        let mut call = call.timeouts(Timeouts::default().within(self.context.time_left));
        for secret in tokens(&self.url) {
            call = call.hide(&secret);
        }
        for (name, value) in self.context.secret.iter().flat_map(|secret| &secret.headers) {
            if OURS.contains(&name.to_ascii_lowercase().as_str()) {
                let reason = format!("the secret cannot set the header {name}: it is ours");
                return Err(Failure::coded("SECRET", reason));
            }
            call = call.secret_header(name, value);
        }
        Ok(call)
    }
}

fn address(context: &Context<'_, Webhook>) -> Result<Url, Failure> {
    let in_secret = context.secret.and_then(|secret: &Secret| secret.url.as_deref());
    let text = in_secret.or(context.settings.url.as_deref()).ok_or_else(|| {
        let reason = "the receiver has no address: `url` in the settings, or in the secret when it \
                      holds a token";
        Failure::coded("SETTINGS", reason)
    })?;
    url_guard::parse(text, context.local)
}

/// Lists what in an address could be a token, the longest first.
fn tokens(url: &Url) -> Vec<String> {
    let path = url.path_segments().into_iter().flatten().map(str::to_owned);
    let query = url.query_pairs().map(|(_, value)| value.into_owned());
    let whole = [url.as_str(), url.path()].into_iter().map(str::to_owned);
    whole.chain(path).chain(query).filter(|part| part.chars().count() >= TOKEN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_token_in_an_address_is_hidden() {
        let url = "https://example.com/hooks/T0K3N-T0K3N?key=abcdefgh&v=1".parse().unwrap();
        assert_eq!(tokens(&url)[1..], ["/hooks/T0K3N-T0K3N", "T0K3N-T0K3N", "abcdefgh"]);
    }
}
