//! The promises that every connector keeps, proved against a vendor that does as it is told.
//!
//! ```ignore
//! // functions/<name>/tests/suite.rs
//! #[tokio::test]
//! async fn keeps_its_promises() {
//!     Suite::new(Teams)
//!         .settings(json!({"api_url": "{{vendor}}/v1"}))
//!         .secret(json!({"token": "t0ken-of-the-suite"}))
//!         .notify(json!({"channel": "ops"}))
//!         .contract("teams")
//!         .answer("POST /v1/messages", Reply::json(r#"{"id": "7"}"#).with_status(201))
//!         .throttled(Reply::status(429).header("retry-after", "7"), Duration::from_secs(7))
//!         .false_success(Reply::json(r#"{"error": "no_channel"}"#), "rejected")
//!         .run()
//!         .await;
//! }
//! ```
//!
//! What the connector is asked to do stands in `events/<name>/<case>.json`: the same files that
//! `cargo lambda invoke` sends. What it then asks of the vendor stands beside it, in
//! `<case>.request.json`; `UPDATE=1 cargo test -p <name>` writes that.
//!
//! `{{vendor}}` in settings, secret, targets, events and answers is the vendor's address.

mod act;
mod case;
mod check;
mod faults;
mod golden;
mod logs;
mod secrets;
mod setup;
mod shape;
mod stage;
mod together;

use std::{collections::BTreeMap, time::Duration};

use ferrule_connector::{Connector, Role};
use ferrule_core::definition::{Cursor, Mode};

pub use setup::{Promise, Setup};

use self::case::Case;
use crate::vendor::{Reply, Request};

/// What the clock shows during the suite: 2025-11-24 16:00 UTC, in milliseconds since 1970.
pub const NOW_MS: i64 = 1_764_000_000_000;

type Change = Box<dyn FnOnce(Setup) -> Setup>;

/// The promises of one connector, as one way to set it up.
///
/// A connector that can be set up in several ways (webhook or token) has a test a way; see
/// [`Suite::cases`].
pub struct Suite<C> {
    connector: C,
    setup: Setup,
    only: Option<Vec<String>>,
    changes: BTreeMap<String, Change>,
}

impl<C: Connector> Suite<C> {
    /// Starts with an HTTP connector; say [`Suite::not_http`] for another.
    pub fn new(connector: C) -> Self {
        logs::listen();
        Self { connector, setup: Setup::default(), only: None, changes: BTreeMap::new() }
    }

    /// Runs only these files of `events/<name>/`, without `.json`; all when it is not called. The
    /// others are for another `Suite` of the same connector.
    #[must_use]
    pub fn cases(mut self, names: &[&str]) -> Self {
        self.only = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// Changes the setup for one case.
    #[must_use]
    pub fn case(mut self, name: &str, change: impl FnOnce(Setup) -> Setup + 'static) -> Self {
        self.changes.insert(name.to_owned(), Box::new(change));
        self
    }

    /// Sets the connection's settings, as JSON.
    #[must_use]
    pub fn settings(self, json: impl ToString) -> Self {
        self.with(|setup| setup.settings(json))
    }

    /// Sets the connection's secret, as JSON.
    #[must_use]
    pub fn secret(self, json: impl ToString) -> Self {
        self.with(|setup| setup.secret(json))
    }

    /// Names keys of the secret that may be shown, such as a user's name or a client's id.
    #[must_use]
    pub fn public(self, keys: &[&str]) -> Self {
        self.with(|setup| setup.public(keys))
    }

    /// Sets what integrations say under `source`.
    #[must_use]
    pub fn source(self, json: impl ToString) -> Self {
        self.with(|setup| setup.source(json))
    }

    /// Sets the cursor that integrations name.
    #[must_use]
    pub fn cursor(self, cursor: Cursor) -> Self {
        self.with(|setup| setup.cursor(cursor))
    }

    /// Sets what integrations say under `output`.
    #[must_use]
    pub fn target(self, json: impl ToString) -> Self {
        self.with(|setup| setup.target(json))
    }

    /// Sets how records are written; upsert when it is not called.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        self.with(|setup| setup.mode(mode))
    }

    /// Sets what integrations say in an entry of `output.notify`.
    #[must_use]
    pub fn notify(self, json: impl ToString) -> Self {
        self.with(|setup| setup.notify(json))
    }

    /// Checks every request against `../shared/contracts/<vendor>.json`, and answers what has no
    /// answer of its own with the contract's examples.
    #[must_use]
    pub fn contract(self, vendor: &str) -> Self {
        self.with(|setup| setup.contract(vendor))
    }

    /// Answers an operation, such as `POST /api/chat.*`, where `*` is any run of characters.
    #[must_use]
    pub fn answer(self, operation: &str, reply: Reply) -> Self {
        self.with(|setup| setup.answer(operation, reply))
    }

    /// Answers an operation by looking at the request.
    #[must_use]
    pub fn answer_with(
        self,
        operation: &str,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        self.with(|setup| setup.answer_with(operation, answer))
    }

    /// Gives an answer with which the vendor says how long to wait, and how long that is. Call it
    /// once for each way the vendor has.
    #[must_use]
    pub fn throttled(self, reply: Reply, wait: Duration) -> Self {
        self.with(|setup| setup.throttled(reply, wait))
    }

    /// Gives an answer that looks like success and is a failure with this code (`rejected`,
    /// `unavailable`, ...). Call it once for each.
    #[must_use]
    pub fn false_success(self, reply: Reply, code: &'static str) -> Self {
        self.with(|setup| setup.false_success(reply, code))
    }

    /// Gives the answer to a bad credential, where it is not a 401.
    #[must_use]
    pub fn bad_credential(self, reply: Reply) -> Self {
        self.with(|setup| setup.bad_credential(reply))
    }

    /// States what a status means where it is not what it means elsewhere: a code, or `ok`.
    #[must_use]
    pub fn expect(self, status: u16, code: &'static str, reason: &str) -> Self {
        self.with(|setup| setup.expect(status, code, reason))
    }

    /// Leaves a header's value out of the golden requests: a signature that is different each time.
    #[must_use]
    pub fn volatile(self, header: &str) -> Self {
        self.with(|setup| setup.volatile(header))
    }

    /// States that a promise cannot be made, and why.
    #[must_use]
    pub fn without(self, promise: Promise, reason: &str) -> Self {
        self.with(|setup| setup.without(promise, reason))
    }

    /// States that the connector does not speak HTTP, and why: only what does not need a vendor on
    /// HTTP is proved, and `dead` are settings that lead nowhere.
    #[must_use]
    pub fn not_http(self, reason: &str) -> Self {
        self.with(|setup| setup.not_http(reason))
    }

    /// Gives settings that lead to a host that is not there, for a connector without HTTP.
    #[must_use]
    pub fn dead_settings(self, json: impl ToString) -> Self {
        self.with(|setup| setup.dead_settings(json))
    }

    /// Gives a secret that is refused, for a connector without HTTP.
    #[must_use]
    pub fn bad_secret(self, json: impl ToString) -> Self {
        self.with(|setup| setup.bad_secret(json))
    }

    fn with(mut self, change: impl FnOnce(Setup) -> Setup) -> Self {
        self.setup = change(self.setup);
        self
    }

    /// Proves all of it, or fails with everything that does not hold.
    pub async fn run(self) {
        let name = C::NAME;
        let stage = stage::Stage::new(self.connector);
        let mut found = stage::Found::default();
        let cases = case::read(name, &self.setup, self.only.as_deref(), self.changes);
        every_role_has_a_case::<C>(&cases, &mut found);
        for case in &cases {
            found.state(&case.setup);
            shape::prove(&stage, case, &mut found).await;
            if case.setup.is_http() {
                golden::prove(&stage, case, &mut found).await;
                faults::prove(&stage, case, &mut found).await;
            } else {
                golden::prove_without(&stage, case, &mut found).await;
            }
            check::prove(&stage, case, &mut found).await;
            together::prove(&stage, case, &mut found).await;
        }
        found.report(name);
    }
}

/// An event a role: a role that nothing tries is not proved.
fn every_role_has_a_case<C: Connector>(cases: &[Case], found: &mut stage::Found) {
    let name = C::NAME;
    for role in C::ROLES {
        let (task, wanted) = match role {
            Role::Source => ("extract", "extract"),
            Role::Target => ("load", "load"),
            Role::Notify => ("load with a recipient", "notify"),
        };
        if !cases.iter().any(|case| case.deed.kind() == wanted) {
            found.wrong(
                wanted,
                format!("no case: add an event with the task `{task}` to events/{name}/"),
            );
        }
    }
    if !cases.iter().any(|case| case.deed.kind() == "check") {
        found.wrong("check", format!("no case: add events/{name}/check.json"));
    }
}
