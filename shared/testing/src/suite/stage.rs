//! Where a connector is tried, and what was found.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use ferrule_connector::{Connector, Http, HttpOptions, Name, Store, Tenant};
use ferrule_store::Clock;
use serde::de::DeserializeOwned;

use super::{NOW_MS, Promise, Setup};

/// Time that a call has unless it is about time.
const PLENTY: Duration = Duration::from_mins(1);

/// The one value of the connector: everything is asked of it, as in a process that lives long.
pub(super) struct Stage<C> {
    pub(super) connector: C,
    desks: AtomicUsize,
}

/// One connection of one tenant. Each has a name of its own: what a connector remembers of one must
/// not help another.
pub(super) struct Desk<C: Connector> {
    pub(super) tenant: Tenant,
    pub(super) connection: Name,
    pub(super) settings: C::Settings,
    pub(super) secret: Option<C::Secret>,
    pub(super) http: Http,
    pub(super) store: Store,
    pub(super) time_left: Duration,
    /// The vendor's address, for placeholders.
    pub(super) vendor: String,
}

impl<C: Connector> Stage<C> {
    pub(super) fn new(connector: C) -> Self {
        Self { connector, desks: AtomicUsize::new(0) }
    }

    /// Sets a connection up against the vendor at this address.
    pub(super) async fn desk(&self, setup: &Setup, vendor: &str) -> Desk<C> {
        let number = self.desks.fetch_add(1, Ordering::Relaxed);
        let store = Store::memory(Clock::manual(NOW_MS));
        let tenant = Tenant::new(if number.is_multiple_of(2) { "acme" } else { "bolt" }).unwrap();
        let connection = Name::new(format!("suite-{number}")).unwrap();
        let secret = setup.secret.as_deref().map(|text| placed(text, vendor));
        if let Some(text) = &secret {
            let owner = Name::new(C::NAME).unwrap();
            store.secrets.write(&owner, &tenant, &connection, text, None).await.unwrap();
        }
        let clock = store.clock.clone();
        Desk {
            settings: read("settings", &setup.settings, vendor),
            secret: secret.map(|text| read("secret", &text, vendor)),
            http: Http::new(HttpOptions { local: true, clock, ..HttpOptions::new("vendor") }),
            tenant,
            connection,
            store,
            time_left: PLENTY,
            vendor: vendor.to_owned(),
        }
    }
}

/// Puts the vendor's address where the placeholder stands.
pub(super) fn placed(text: &str, vendor: &str) -> String {
    text.replace("{{vendor}}", vendor)
}

/// Reads what the test says, by the connector's own types.
pub(super) fn read<T: DeserializeOwned>(what: &str, text: &str, vendor: &str) -> T {
    serde_json::from_str(&placed(text, vendor))
        .unwrap_or_else(|error| panic!("the suite's {what} do not fit the connector: {error}"))
}

/// What does not hold, and what was proved.
#[derive(Debug, Default)]
pub(super) struct Found {
    wrong: Vec<String>,
    proved: usize,
    stated: BTreeSet<String>,
}

impl Found {
    pub(super) fn wrong(&mut self, at: &str, what: impl std::fmt::Display) {
        self.wrong.push(format!("{at}: {what}"));
    }

    /// Notes that something holds, or does not.
    pub(super) fn prove(&mut self, at: &str, holds: Result<(), String>) {
        match holds {
            Ok(()) => self.proved += 1,
            Err(what) => self.wrong(at, what),
        }
    }

    /// Writes down what cannot be proved, with the reason that the test gives.
    pub(super) fn state(&mut self, setup: &Setup) {
        for (promise, reason) in &setup.without {
            self.stated.insert(format!("{promise:?}: {reason}"));
        }
        for (status, code, reason) in &setup.expected {
            self.stated.insert(format!("{status} means {code}: {reason}"));
        }
        if let Some(reason) = &setup.not_http {
            self.stated.insert(format!("Http: {reason}"));
        }
    }

    /// Demands that a promise be proved, or stated as impossible.
    pub(super) fn demand(
        &mut self,
        at: &str,
        setup: &Setup,
        promise: Promise,
        has: bool,
        say: &str,
    ) {
        if has && setup.lacks(promise) {
            self.wrong(at, format!("{promise:?} is given and stated as impossible: take one away"));
        }
        if !has && !setup.lacks(promise) {
            self.wrong(
                at,
                format!("{say}, or say why not: `.without(Promise::{promise:?}, \"…\")`"),
            );
        }
    }

    pub(super) fn report(self, name: &str) {
        let Self { mut wrong, proved, stated } = self;
        wrong.dedup();
        let list = |lines: Vec<String>| [vec![String::new()], lines].concat().join("\n  - ");
        let not = list(stated.into_iter().collect());
        eprintln!("{name}: {proved} promises proved; stated as not applicable:{not}");
        assert!(wrong.is_empty(), "{name} breaks its promises:{}", list(wrong));
    }
}
