//! Calls to one organisation: addresses, signing in, pages.

use std::collections::BTreeMap;

use ferrule_connector::{
    Answer, Call, Context, Extract, Failure, Mark, Timeouts, Value,
    auth::{ApiKey, Auth, ClientAuth, Grant, Scheme},
    paging::{Ask, Came, Paging},
};
use ferrule_core::definition::ErrorRule;
use jiff::Timestamp;
use url::Url;

use crate::{Okta, settings};

/// Most records that Okta recommends for a page.
const PAGE: usize = 200;

/// Path of the System Log ends so.
const LOG: &str = "/api/v1/logs";

/// Rights that reading needs.
const SCOPES: &str = "okta.users.read okta.groups.read okta.logs.read";

pub(crate) struct Client<'a> {
    context: &'a Context<'a, Okta>,
    rules: &'a [ErrorRule],
    base: Url,
    scheme: Scheme,
}

/// One page of a list.
pub(crate) struct Page {
    /// Where it was read, without the query.
    pub(crate) origin: String,
    pub(crate) items: Vec<Value>,
    /// Where the next page is; what Okta said, never built.
    pub(crate) next: Option<String>,
}

impl<'a> Client<'a> {
    pub(crate) fn new(
        context: &'a Context<'a, Okta>,
        rules: &'a [ErrorRule],
    ) -> Result<Self, Failure> {
        let text = &context.settings.org_url;
        let base = Url::parse(text).map_err(|error| {
            Failure::coded("SETTINGS", format!("org_url {text:?} is no address: {error}"))
        })?;
        let scheme = scheme(context.settings.auth, &base);
        Ok(Self { context, rules, base, scheme })
    }

    /// Reads the first page of a list.
    pub(crate) async fn list(
        &self,
        steps: &[&str],
        parameters: &[(&str, &str)],
    ) -> Result<Page, Failure> {
        let mut url = self.url(steps);
        url.query_pairs_mut().extend_pairs(parameters);
        self.page(url, &Value::Null).await
    }

    /// Reads the page at a link that Okta gave.
    pub(crate) async fn follow(&self, link: &str) -> Result<Page, Failure> {
        let position = Value::from(link);
        match Paging::LinkHeader.ask(&self.base, &position, PAGE)? {
            Ask::At(url) => self.page(url, &position).await,
            Ask::Params(_) => Err(Failure::invalid("the position of the page is no link")),
        }
    }

    /// Reads one thing; `None` when it is not there.
    pub(crate) async fn find(&self, steps: &[&str]) -> Result<Option<Value>, Failure> {
        let answer = self.send(Call::get(self.url(steps)).accept(404)).await?;
        if answer.status == 404 { Ok(None) } else { answer.json().map(Some) }
    }

    /// Makes a call that any token may make.
    pub(crate) async fn try_out(&self) -> Result<(), Failure> {
        let steps: &[&str] = match self.context.settings.auth {
            settings::Auth::Token => &["users", "me"],
            settings::Auth::Oauth => &["org"],
        };
        self.send(Call::get(self.url(steps))).await.map(drop)
    }

    async fn page(&self, url: Url, position: &Value) -> Result<Page, Failure> {
        let answer = self.send(Call::get(url.clone())).await?;
        let body = answer.json()?;
        let Value::Array(items) = &body else {
            return Err(answer.unreadable("the answer is not a list"));
        };
        let came =
            Came { url: &url, position, headers: &answer.headers, body: &body, records: items };
        // The log always names a next page, for those who wait for more: at its end this very one.
        let is_end = items.is_empty() && url.path().ends_with(LOG);
        let next = if is_end { None } else { Paging::LinkHeader.next(&came)? };
        let next = next.and_then(|next| next.as_str().map(str::to_owned));
        let origin = url[..url::Position::AfterPath].to_owned();
        let Value::Array(items) = body else { return Err(answer.unreadable("no list")) };
        Ok(Page { origin, items, next })
    }

    async fn send(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let timeouts = Timeouts::default().within(self.context.time_left);
        let call = call.header("accept", "application/json").rules(self.rules).timeouts(timeouts);
        Box::pin(Auth::new(&self.scheme, self.context)?.send(call)).await
    }

    fn url(&self, steps: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]).extend(steps);
        }
        url
    }
}

/// Returns how many records a page should have, as a parameter.
pub(crate) fn page_size(request: &Extract<'_, Okta>) -> String {
    let size = request.source.page_size.map_or(request.page_size, usize::from);
    size.clamp(1, PAGE).to_string()
}

/// Writes the bound of an incremental run as Okta's filters want it.
pub(crate) fn since(request: &Extract<'_, Okta>) -> Result<Option<String>, Failure> {
    match request.since {
        None => Ok(None),
        Some(Mark::Time(micros)) => moment(micros.div_euclid(1000)).map(Some),
        Some(other) => {
            let reason = format!("the cursor stands at {other}, which is no time");
            Err(Failure::coded("CURSOR", reason))
        }
    }
}

/// Writes a time as Okta does.
pub(crate) fn moment(at_ms: i64) -> Result<String, Failure> {
    let at = Timestamp::from_millisecond(at_ms).map_err(|e| Failure::invalid(e.to_string()))?;
    Ok(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

fn scheme(auth: settings::Auth, base: &Url) -> Scheme {
    match auth {
        settings::Auth::Token => Scheme::ApiKey(ApiKey {
            header: Some("authorization".to_owned()),
            prefix: "SSWS ".to_owned(),
            query: None,
        }),
        settings::Auth::Oauth => {
            let mut token_url = base.clone();
            token_url.set_path("/oauth2/v1/token");
            Scheme::ClientCredentials(Grant {
                token_url: token_url.into(),
                scope: Some(SCOPES.to_owned()),
                client_auth: ClientAuth::Basic,
                params: BTreeMap::default(),
            })
        }
    }
}
