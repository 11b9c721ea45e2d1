//! Calls to one instance.

use std::{collections::BTreeMap, time::Instant};

use ferrule_connector::{
    Answer, Call, Context, Failure, Object, Timeouts, Value,
    auth::{ApiKey, Auth, ClientAuth, Grant, Scheme},
    url_guard,
};
use ferrule_core::definition::ErrorRule;
use url::Url;

use crate::{ApiVersion, ServiceNow, settings};

/// One instance, signed in.
pub(crate) struct Client<'a> {
    pub(crate) context: &'a Context<'a, ServiceNow>,
    rules: &'a [ErrorRule],
    base: Url,
    scheme: Scheme,
    started: Instant,
}

/// One page of a list.
pub(crate) struct Listing {
    /// The rows that the user may see.
    pub(crate) rows: Vec<Object>,
    /// How many rows match, those included that the user may not see.
    pub(crate) total: Option<u64>,
    /// The answer links to a next page.
    pub(crate) has_next: bool,
}

impl<'a> Client<'a> {
    /// Reads the settings; nothing is sent yet.
    pub(crate) fn new(
        context: &'a Context<'a, ServiceNow>,
        rules: &'a [ErrorRule],
    ) -> Result<Self, Failure> {
        let base = url_guard::parse(&context.settings.instance_url, context.local)?;
        let scheme = scheme(context, &base);
        Ok(Self { context, rules, base, scheme, started: Instant::now() })
    }

    /// Names where records are read or written, for logs.
    pub(crate) fn origin(&self, table: &str) -> Result<String, Failure> {
        Ok(self.url("table", &[table])?.into())
    }

    /// Builds `/api/now[/v2]/{area}/{steps}`.
    pub(crate) fn url(&self, area: &str, steps: &[&str]) -> Result<Url, Failure> {
        if let Some(name) = steps.first().filter(|name| !is_table(name)) {
            return Err(Failure::invalid(format!(
                "{name:?} is not the name of a table: use its name (incident), not its label"
            )));
        }
        let version = self.context.settings.api_version.map(|version| match version {
            ApiVersion::V1 => "v1",
            ApiVersion::V2 => "v2",
        });
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "now"]).extend(version).push(area).extend(steps);
        }
        Ok(url)
    }

    /// Reads a page of a table.
    pub(crate) async fn list(
        &self,
        table: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Listing, Failure> {
        let mut call = Call::get(self.url("table", &[table])?);
        for (name, value) in parameters {
            call = call.query(name, value);
        }
        let is_v1 = self.context.settings.api_version == Some(ApiVersion::V1);
        let answer = self.send(if is_v1 { call.accept(404) } else { call }).await?;
        let body = answer.json()?;
        if answer.status == 404 {
            return nothing(&answer, &body);
        }
        let total = answer.header("x-total-count").and_then(|text| text.parse().ok());
        let link = answer.header("link").unwrap_or_default();
        let has_next = link.split(',').any(|part| part.contains("rel=\"next\""));
        match take(body, "result") {
            Some(Value::Array(rows)) => {
                let rows: Option<Vec<Object>> = rows.into_iter().map(object).collect();
                let rows = rows.ok_or_else(|| answer.unreadable("a record is not an object"))?;
                Ok(Listing { rows, total, has_next })
            }
            _ => Err(answer.unreadable("the answer has no list under result")),
        }
    }

    /// Sends a write and returns what stands under `result`; `None` when a rule of the
    /// integration says to ignore the answer.
    pub(crate) async fn write(&self, call: Call<'_>) -> Result<Option<Value>, Failure> {
        let answer = self.send(call).await?;
        if answer.is_ignored {
            return Ok(None);
        }
        match take(answer.json()?, "result") {
            None => Err(answer.unreadable("the answer has no result")),
            result => Ok(result),
        }
    }

    /// Sends a call whose answer is of the caller's own shape.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let left = self.context.time_left.saturating_sub(self.started.elapsed());
        let call = call.header("accept", "application/json").rules(self.rules);
        let call = call.timeouts(Timeouts::default().within(left));
        let auth = Auth::new(&self.scheme, self.context)?;
        let answer = Box::pin(auth.send(call)).await?;
        if answer.is_html() {
            let reason = "answered with a page for people: is the instance hibernating?";
            return Err(answer.unreadable(reason));
        }
        Ok(answer)
    }
}

/// Says how to sign in there.
fn scheme(context: &Context<'_, ServiceNow>, base: &Url) -> Scheme {
    let mut token_url = base.clone();
    token_url.set_path("/oauth_token.do");
    let grant = Grant {
        token_url: token_url.into(),
        scope: None,
        client_auth: ClientAuth::Post,
        params: BTreeMap::default(),
    };
    let has_user = context.secret.is_some_and(|secret| secret.username.is_some());
    match context.settings.auth {
        settings::Auth::Basic => Scheme::Basic,
        settings::Auth::ApiKey => {
            Scheme::ApiKey(ApiKey { header: Some("x-sn-apikey".to_owned()), ..ApiKey::default() })
        }
        settings::Auth::Oauth if has_user => Scheme::Password(grant),
        settings::Auth::Oauth => Scheme::ClientCredentials(grant),
    }
}

/// v1 says 404 where v2 says 200 and an empty list; any other 404 is a refusal.
fn nothing(answer: &Answer, body: &Value) -> Result<Listing, Failure> {
    let message = body.get("error").and_then(|error| error.get("message")).and_then(Value::as_str);
    if message == Some("No Record found") {
        return Ok(Listing { rows: Vec::new(), total: Some(0), has_next: false });
    }
    let reason = format!("{}: {}", answer.status, message.unwrap_or("not found"));
    Err(Failure::rejected("servicenow", reason))
}

fn is_table(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

pub(crate) fn take(body: Value, key: &str) -> Option<Value> {
    object(body)?.remove(key)
}

fn object(value: Value) -> Option<Object> {
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}
