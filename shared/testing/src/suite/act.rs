//! Asks the connector to do what an event says, and listens to everything it says.

use std::{error::Error as _, fmt::Write as _};

use ferrule_connector::{
    Connector, Context, Disposition, Extract, Failure, Fetched, Load, Notification, Notify,
    Receipt, Record,
};
use ferrule_core::Page;

use super::{
    NOW_MS, Setup,
    case::{Case, Deed},
    stage::{Desk, Stage, read},
};

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) failure: Option<Failure>,
    /// A record was refused by itself.
    pub(super) refused: bool,
    /// Everything a person could read afterwards, outside of logs.
    pub(super) said: String,
}

impl Outcome {
    /// Returns the failure's code, `rejected` where a record was refused, or `ok`.
    pub(super) fn code(&self) -> &str {
        match &self.failure {
            Some(failure) => failure.code(),
            None if self.refused => "rejected",
            None => "ok",
        }
    }

    /// Proves that all went well.
    pub(super) fn is_ok(&self, when: &str) -> Result<(), String> {
        match self.code() {
            "ok" => Ok(()),
            _ => Err(format!("{when}, and it ends as {}", self.shown())),
        }
    }

    /// Says what happened, for a report.
    pub(super) fn shown(&self) -> String {
        match &self.failure {
            Some(failure) => format!("{} ({failure})", failure.code()),
            None => self.code().to_owned(),
        }
    }

    fn say(&mut self, what: impl std::fmt::Display) {
        writeln!(self.said, "{what}").unwrap();
    }

    fn failed(mut self, failure: Failure) -> Self {
        self.say(&failure);
        self.say(format!("{failure:?}"));
        let mut cause = failure.source();
        while let Some(inner) = cause {
            self.say(inner);
            self.say(format!("{inner:?}"));
            cause = inner.source();
        }
        self.failure = Some(failure);
        self
    }
}

impl<C: Connector> Desk<C> {
    fn context(&self) -> Context<'_, C> {
        Context {
            tenant: &self.tenant,
            connection: &self.connection,
            settings: &self.settings,
            secret: self.secret.as_ref(),
            http: &self.http,
            store: &self.store,
            local: true,
            time_left: self.time_left,
        }
    }
}

impl<C: Connector> Stage<C> {
    /// Does what the case says.
    pub(super) async fn act(&self, desk: &Desk<C>, case: &Case) -> Outcome {
        self.act_on(desk, &case.setup, &case.deed_at(&desk.vendor)).await
    }

    pub(super) async fn act_on(&self, desk: &Desk<C>, setup: &Setup, deed: &Deed) -> Outcome {
        match deed {
            Deed::Extract(page) => self.extract(desk, setup, page).await,
            Deed::Load(records) => self.load(desk, setup, records).await,
            Deed::Notify(told) => self.notify(desk, setup, told).await,
            Deed::Check => match self.connector.check(&desk.context()).await {
                Ok(health) => Outcome { said: health.message, ..Outcome::default() },
                Err(failure) => Outcome::default().failed(failure),
            },
        }
    }

    async fn extract(&self, desk: &Desk<C>, setup: &Setup, page: &Page) -> Outcome {
        let source = setup.source.as_deref().expect("the suite needs .source(json)");
        let source: C::Source = read("source", source, &desk.vendor);
        let cursor = setup.cursor.clone().or_else(|| self.connector.cursor(&source));
        let extract = Extract {
            context: desk.context(),
            source: &source,
            position: &page.position,
            cursor: cursor.as_ref(),
            since: None,
            page_size: 1000,
            started_at_ms: NOW_MS,
            rules: &[],
        };
        match self.connector.extract(&extract).await {
            Ok(Fetched { origin, rejected, .. }) => {
                let mut outcome = Outcome::default();
                outcome.say(origin);
                for one in &rejected {
                    outcome.say(&one.message);
                }
                outcome
            }
            Err(failure) => Outcome::default().failed(failure),
        }
    }

    async fn load(&self, desk: &Desk<C>, setup: &Setup, records: &[Record]) -> Outcome {
        let target = setup.target.as_deref().expect("the suite needs .target(json)");
        let target: C::Target = read("target", target, &desk.vendor);
        let load = Load {
            context: desk.context(),
            target: &target,
            mode: setup.mode,
            records,
            batch_id: "0198c0de00007000800000000000000a-0",
            rules: &[],
        };
        let mut done = vec![None; records.len()];
        let result = self.connector.load(&load, &mut done).await;
        let mut outcome = Outcome::default();
        outcome.say(self.connector.target(&desk.settings, &target));
        let refused = |one: &Option<Disposition>| matches!(one, Some(Disposition::Refused { .. }));
        outcome.refused = done.iter().any(refused);
        for one in done.iter().flatten() {
            outcome.say(format!("{one:?}"));
        }
        match result {
            Err(failure) => outcome.failed(failure),
            Ok(()) if done.iter().any(Option::is_none) => {
                let failure =
                    Failure::coded("FORGOTTEN", "load was Ok, and left a record without an entry");
                outcome.failed(failure)
            }
            Ok(()) => outcome,
        }
    }

    async fn notify(&self, desk: &Desk<C>, setup: &Setup, told: &[Notification]) -> Outcome {
        let target = setup.notify.as_deref().expect("the suite needs .notify(json)");
        let target: C::Target = read("notify", target, &desk.vendor);
        let mut outcome = Outcome::default();
        outcome.say(self.connector.target(&desk.settings, &target));
        for notification in told {
            let notify = Notify {
                context: desk.context(),
                target: &target,
                notification,
                again: setup.again,
                rules: &[],
            };
            match self.connector.notify(&notify).await {
                Ok(Receipt { reference, url }) => {
                    outcome.say(reference.unwrap_or_default());
                    outcome.say(url.unwrap_or_default());
                }
                Err(failure) => return outcome.failed(failure),
            }
        }
        outcome
    }
}
