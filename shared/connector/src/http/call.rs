//! One request, described before it is sent.

use std::time::Duration;

use bytes::Bytes;
use ferrule_core::{Failure, Hops, Value, definition::ErrorRule};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

use super::rate::RateHeaders;

/// Most bytes of an answer that are read, after unpacking, unless the call says otherwise.
pub const CAP_BYTES: usize = 16 * 1024 * 1024;

/// How long each part of a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// From there until the answer begins.
    pub first_byte: Duration,
    /// Between two parts of the answer.
    pub idle: Duration,
    /// All in all.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(20),
            idle: Duration::from_secs(10),
            total: Duration::from_secs(40),
        }
    }
}

impl Timeouts {
    /// Shortens the whole so that it does not last longer than `time_left`.
    #[must_use]
    pub fn within(self, time_left: Duration) -> Self {
        Self { total: self.total.min(time_left), ..self }
    }
}

/// One request. A mistake in a header is kept and told by [`crate::Http::send`].
///
/// It has no `Debug`: headers, body and even the URL can hold credentials.
#[derive(Clone)]
pub struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) rules: &'a [ErrorRule],
    pub(crate) more_rules: &'a [ErrorRule],
    pub(crate) accepted: Vec<u16>,
    pub(crate) rate_headers: &'a RateHeaders,
    pub(crate) timeouts: Timeouts,
    pub(crate) cap_bytes: usize,
    pub(crate) secrets: Vec<String>,
    pub(crate) is_limited: bool,
    pub(crate) mistake: Option<Failure>,
}

impl<'a> Call<'a> {
    /// Describes a request with any method.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            rules: &[],
            more_rules: &[],
            accepted: Vec::new(),
            rate_headers: RateHeaders::USUAL,
            timeouts: Timeouts::default(),
            cap_bytes: CAP_BYTES,
            secrets: Vec::new(),
            is_limited: true,
            mistake: None,
        }
    }

    /// Describes a GET.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// Describes a POST.
    pub fn post(url: Url) -> Self {
        Self::new(Method::POST, url)
    }

    /// Describes a PUT.
    pub fn put(url: Url) -> Self {
        Self::new(Method::PUT, url)
    }

    /// Describes a PATCH.
    pub fn patch(url: Url) -> Self {
        Self::new(Method::PATCH, url)
    }

    /// Describes a DELETE.
    pub fn delete(url: Url) -> Self {
        Self::new(Method::DELETE, url)
    }

    /// Sets a header, replacing what was there.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                self.headers.insert(name, value);
            }
            (Err(_), _) => self.wrong(format!("{name:?} cannot be the name of a header")),
            (_, Err(_)) => {
                self.wrong(format!(
                    "the value of header {name} has a character that is not allowed"
                ));
            }
        }
        self
    }

    /// Tells another hub how far a record has come, when it has come from anywhere.
    #[must_use]
    pub fn hops(self, hops: Hops) -> Self {
        if hops.is_none() {
            return self;
        }
        self.header(Hops::HEADER, &hops.number().to_string())
    }

    /// Sets a header whose value must never be shown.
    #[must_use]
    pub fn secret_header(self, name: &str, value: &str) -> Self {
        let mut call = self.header(name, value).hide(value);
        // `Bearer abc`: whoever answers may repeat just the token.
        for part in value.split_ascii_whitespace().filter(|part| part.len() >= 8) {
            call = call.hide(part);
        }
        if let Some(value) = call.headers.get_mut(name) {
            value.set_sensitive(true);
        }
        call
    }

    /// Adds a parameter to the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Sets the body, and says what it is.
    #[must_use]
    pub fn body(self, content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut call = self.header(header::CONTENT_TYPE.as_str(), content_type);
        call.body = Some(body.into());
        call
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    /// Sets a form body.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let text =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", text)
    }

    /// Reads the answer by these rules first, then by the standard table.
    #[must_use]
    pub fn rules(mut self, rules: &'a [ErrorRule]) -> Self {
        self.rules = rules;
        self
    }

    /// Reads the answer by these too, behind [`Call::rules`]: what a vendor's profile says.
    #[must_use]
    pub fn more_rules(mut self, rules: &'a [ErrorRule]) -> Self {
        self.more_rules = rules;
        self
    }

    /// Returns answers with this status instead of failing, unless a rule says otherwise.
    #[must_use]
    pub fn accept(mut self, status: u16) -> Self {
        self.accepted.push(status);
        self
    }

    /// Reads what the answer says about the rate from these headers.
    #[must_use]
    pub fn rate_headers(mut self, names: &'a RateHeaders) -> Self {
        if let Some(name) = names.misnamed() {
            self.wrong(format!("{name:?} cannot be the name of a header"));
        }
        self.rate_headers = names;
        self
    }

    /// Sets how long it may take.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Sets how many bytes of the answer are read at most, after unpacking.
    #[must_use]
    pub fn cap(mut self, bytes: usize) -> Self {
        self.cap_bytes = bytes;
        self
    }

    /// Removes this text from every message about the call.
    #[must_use]
    pub fn hide(mut self, secret: &str) -> Self {
        self.secrets.push(secret.to_owned());
        self
    }

    /// Sends without counting it towards the connection's call limit: a token endpoint.
    #[must_use]
    pub fn unlimited(mut self) -> Self {
        self.is_limited = false;
        self
    }

    /// Returns where the call goes.
    pub fn url(&self) -> &Url {
        &self.url
    }

    fn wrong(&mut self, reason: String) {
        self.mistake.get_or_insert(Failure::invalid(reason));
    }
}
