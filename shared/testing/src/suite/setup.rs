//! How a connector is set up for the suite: data only.

use std::{fmt, time::Duration};

use ferrule_core::definition::{Cursor, Mode};

use crate::{
    script::Script,
    vendor::{Reply, Request},
};

/// A promise that some vendors make impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// The vendor says how long to wait: [`super::Suite::throttled`].
    Hint,
    /// A failure that looks like success is noticed: [`super::Suite::false_success`].
    FalseSuccess,
    /// Requests are valid by a contract: [`super::Suite::contract`].
    Contract,
    /// A check tells a bad credential: [`super::Suite::bad_credential`], [`super::Suite::bad_secret`].
    Credential,
    /// A check tells a dead host: [`super::Suite::dead_settings`].
    DeadHost,
    /// Without a secret the connection fails: there is none to have.
    Secret,
    /// The same requests go out whenever a case is run.
    Golden,
    /// Many calls at once do not mix.
    Together,
}

/// One way to set a connector up.
#[derive(Clone)]
pub struct Setup {
    pub(super) settings: String,
    pub(super) secret: Option<String>,
    pub(super) public: Vec<String>,
    pub(super) source: Option<String>,
    pub(super) target: Option<String>,
    pub(super) notify: Option<String>,
    pub(super) mode: Mode,
    pub(super) cursor: Option<Cursor>,
    pub(super) contract: Option<String>,
    pub(super) script: Script,
    pub(super) throttled: Vec<(Reply, Duration)>,
    pub(super) false_success: Vec<(Reply, &'static str)>,
    pub(super) bad_credential: Reply,
    pub(super) expected: Vec<(u16, &'static str, String)>,
    pub(super) volatile: Vec<String>,
    pub(super) without: Vec<(Promise, String)>,
    pub(super) not_http: Option<String>,
    pub(super) dead_settings: Option<String>,
    pub(super) bad_secret: Option<String>,
    pub(super) again: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            settings: "{}".to_owned(),
            secret: None,
            public: Vec::new(),
            source: None,
            target: None,
            notify: None,
            mode: Mode::Upsert,
            cursor: None,
            contract: None,
            script: Script::default(),
            throttled: Vec::new(),
            false_success: Vec::new(),
            bad_credential: Reply::json(r#"{"message": "who are you?"}"#).with_status(401),
            expected: Vec::new(),
            volatile: Vec::new(),
            without: Vec::new(),
            not_http: None,
            dead_settings: None,
            bad_secret: None,
            again: false,
        }
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The same verbs as [`super::Suite`]; what is said for a case goes before what is said for all.
#[expect(missing_docs, reason = "documented at Suite")]
#[expect(clippy::needless_pass_by_value, reason = "reads better: `.settings(json!({...}))`")]
impl Setup {
    #[must_use]
    pub fn settings(self, json: impl ToString) -> Self {
        Self { settings: json.to_string(), ..self }
    }

    #[must_use]
    pub fn secret(self, json: impl ToString) -> Self {
        Self { secret: Some(json.to_string()), ..self }
    }

    #[must_use]
    pub fn public(mut self, keys: &[&str]) -> Self {
        self.public.extend(keys.iter().map(|key| (*key).to_owned()));
        self
    }

    #[must_use]
    pub fn source(self, json: impl ToString) -> Self {
        Self { source: Some(json.to_string()), ..self }
    }

    #[must_use]
    pub fn cursor(self, cursor: Cursor) -> Self {
        Self { cursor: Some(cursor), ..self }
    }

    #[must_use]
    pub fn target(self, json: impl ToString) -> Self {
        Self { target: Some(json.to_string()), ..self }
    }

    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    #[must_use]
    pub fn notify(self, json: impl ToString) -> Self {
        Self { notify: Some(json.to_string()), ..self }
    }

    /// An earlier attempt may have got through unnoticed: [`ferrule_connector::Notify::again`].
    #[must_use]
    pub fn again(self) -> Self {
        Self { again: true, ..self }
    }

    #[must_use]
    pub fn contract(self, vendor: &str) -> Self {
        Self { contract: Some(vendor.to_owned()), ..self }
    }

    #[must_use]
    pub fn answer(self, operation: &str, reply: Reply) -> Self {
        self.answer_with(operation, move |_| reply.clone())
    }

    #[must_use]
    pub fn answer_with(
        mut self,
        operation: &str,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        self.script.add(operation, answer);
        self
    }

    #[must_use]
    pub fn throttled(mut self, reply: Reply, wait: Duration) -> Self {
        self.throttled.push((reply, wait));
        self
    }

    #[must_use]
    pub fn false_success(mut self, reply: Reply, code: &'static str) -> Self {
        self.false_success.push((reply, code));
        self
    }

    #[must_use]
    pub fn bad_credential(self, reply: Reply) -> Self {
        Self { bad_credential: reply, ..self }
    }

    #[must_use]
    pub fn expect(mut self, status: u16, code: &'static str, reason: &str) -> Self {
        self.expected.insert(0, (status, code, reason.to_owned()));
        self
    }

    #[must_use]
    pub fn volatile(mut self, header: &str) -> Self {
        self.volatile.push(header.to_ascii_lowercase());
        self
    }

    /// For one case it also takes away what was given for all.
    #[must_use]
    pub fn without(mut self, promise: Promise, reason: &str) -> Self {
        match promise {
            Promise::FalseSuccess => self.false_success.clear(),
            Promise::Hint => self.throttled.clear(),
            Promise::Contract => self.contract = None,
            _ => {}
        }
        self.without.push((promise, reason.to_owned()));
        self
    }

    #[must_use]
    pub fn not_http(self, reason: &str) -> Self {
        Self { not_http: Some(reason.to_owned()), ..self }
    }

    #[must_use]
    pub fn dead_settings(self, json: impl ToString) -> Self {
        Self { dead_settings: Some(json.to_string()), ..self }
    }

    #[must_use]
    pub fn bad_secret(self, json: impl ToString) -> Self {
        Self { bad_secret: Some(json.to_string()), ..self }
    }
}

impl Setup {
    pub(super) fn is_http(&self) -> bool {
        self.not_http.is_none()
    }

    /// Tells whether the promise is stated as impossible.
    pub(super) fn lacks(&self, promise: Promise) -> bool {
        self.without.iter().any(|(named, _)| *named == promise)
    }
}
