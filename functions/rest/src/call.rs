//! What every call of a connection has in common.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use ferrule_connector::{Answer, Call, Context, Failure, auth::Auth};
use ferrule_core::definition::ErrorRule;
use http::Method;
use url::Url;

use crate::{Rest, address};

/// A connection, ready for calls under one integration's rules.
pub(crate) struct Caller<'a> {
    pub(crate) context: &'a Context<'a, Rest>,
    rules: &'a [ErrorRule],
    started: Instant,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(context: &'a Context<'a, Rest>, rules: &'a [ErrorRule]) -> Self {
        Self { context, rules, started: Instant::now() }
    }

    /// Returns how long the function may still run.
    pub(crate) fn time_left(&self) -> Duration {
        self.context.time_left.saturating_sub(self.started.elapsed())
    }

    /// Returns the address of a path.
    pub(crate) fn url(&self, path: &str) -> Result<Url, Failure> {
        address::join(&self.context.settings.base_url, path, self.context.local)
    }

    /// Starts a call with what the profile says.
    pub(crate) fn call(
        &self,
        method: Method,
        url: Url,
        headers: &BTreeMap<String, String>,
        accept: &str,
    ) -> Call<'a> {
        let profile = &self.context.settings.profile;
        let call = Call::new(method, url)
            .header("accept", accept)
            .rules(self.rules)
            .more_rules(&profile.errors)
            .rate_headers(&profile.rate_headers)
            .timeouts(profile.timeouts().within(self.time_left()))
            .cap(profile.cap_bytes());
        let all = profile.headers.iter().chain(headers);
        all.fold(call, |call, (name, value)| call.header(name, value))
    }

    /// Signs the call in and sends it.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Answer, Failure> {
        Auth::new(&self.context.settings.profile.auth, self.context)?.send(call).await
    }
}
