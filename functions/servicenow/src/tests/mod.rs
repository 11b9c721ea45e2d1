//! The connector against an instance that behaves as documented.

mod extract;
mod import;
mod load;
mod sign;

use std::time::Duration;

use ferrule_connector::{
    Connector, Context, Disposition, Extract, Failure, Fetched, Http, HttpOptions, Load, Mark,
    Name, Record, Store, Tenant, Value, auth::Credentials,
};
use ferrule_core::definition::{Cursor, Mode};
use ferrule_store::Clock;
use ferrule_testing::servicenow::Instance;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{ServiceNow, Settings, Source, Target};

/// 2025-01-08 11:12:07 UTC.
const NOW_MS: i64 = 1_736_334_727_000;

/// A connection to a fake instance.
struct Desk {
    instance: Instance,
    connector: ServiceNow,
    store: Store,
    http: Http,
    settings: Settings,
    secret: Credentials,
    tenant: Tenant,
    connection: Name,
}

fn typed<T: DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

impl Desk {
    async fn new() -> Self {
        Self::with(json!({"auth": "basic"})).await
    }

    async fn with(mut settings: serde_json::Value) -> Self {
        let clock = Clock::manual(NOW_MS);
        let instance = Instance::at(clock.clone());
        settings["instance_url"] = instance.url().into();
        let login = instance.login();
        let secret = match settings["auth"].as_str() {
            Some("oauth") => json!({
                "client_id": login.client_id, "client_secret": login.client_secret
            }),
            Some("api_key") => json!({"api_key": login.api_key}),
            _ => json!({"username": login.username, "password": login.password}),
        };
        let desk = Self {
            instance,
            connector: ServiceNow::default(),
            store: Store::memory(clock.clone()),
            http: Http::new(HttpOptions { local: true, clock, ..HttpOptions::new("snow") }),
            settings: typed(settings),
            secret: typed(secret.clone()),
            tenant: Tenant::new("acme").unwrap(),
            connection: Name::new("snow").unwrap(),
        };
        desk.store_secret(&secret).await;
        desk
    }

    async fn store_secret(&self, secret: &serde_json::Value) {
        let owner = Name::new("servicenow").unwrap();
        let secrets = &self.store.secrets;
        let text = secret.to_string();
        secrets.write(&owner, &self.tenant, &self.connection, &text, None).await.unwrap();
    }

    fn context(&self) -> Context<'_, ServiceNow> {
        Context {
            tenant: &self.tenant,
            connection: &self.connection,
            settings: &self.settings,
            secret: Some(&self.secret),
            http: &self.http,
            store: &self.store,
            local: true,
            time_left: Duration::from_mins(1),
        }
    }

    async fn page(
        &self,
        source: &Source,
        position: &Value,
        since: Option<&Mark>,
    ) -> Result<Fetched, Failure> {
        let cursor: Cursor = typed(json!({"field": ".sys_updated_on", "tie_break": ".sys_id"}));
        let request = Extract {
            context: self.context(),
            source,
            position,
            cursor: Some(&cursor),
            since,
            page_size: 1000,
            started_at_ms: NOW_MS,
            rules: &[],
        };
        self.connector.extract(&request).await
    }

    /// Reads page after page.
    async fn read_all(&self, source: serde_json::Value, since: Option<Mark>) -> Vec<Record> {
        let source: Source = typed(source);
        let (mut position, mut records) = (Value::Null, Vec::new());
        for _ in 0..100 {
            let page = self.page(&source, &position, since.as_ref()).await.unwrap();
            records.extend(page.records);
            let Some(next) = page.next else {
                self.assert_contract();
                return records;
            };
            position = next;
        }
        panic!("a hundred pages, and no end");
    }

    async fn deliver(
        &self,
        target: &Target,
        mode: Mode,
        records: &[Record],
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        let load =
            Load { context: self.context(), target, mode, records, batch_id: "run-0", rules: &[] };
        self.connector.load(&load, done).await
    }

    /// Delivers a batch until all of it is done, as the queue would; returns what became of it and
    /// the failures on the way.
    async fn push(
        &self,
        target: serde_json::Value,
        mode: Mode,
        records: &[Record],
    ) -> (Vec<Disposition>, Vec<Failure>) {
        let target: Target = typed(target);
        let mut done = vec![None; records.len()];
        let mut failures = Vec::new();
        for _ in 0..50 {
            match self.deliver(&target, mode, records, &mut done).await {
                Ok(()) => {
                    self.assert_contract();
                    return (done.into_iter().map(Option::unwrap).collect(), failures);
                }
                Err(failure) => failures.push(failure),
            }
        }
        panic!("never done: {failures:?}");
    }

    fn assert_contract(&self) {
        assert_eq!(self.instance.stats().violations, Vec::<String>::new());
    }
}

fn record(key: &str, value: serde_json::Value) -> Record {
    Record { key: Some(key.to_owned()), value: typed(value), ..Record::default() }
}

fn texts(records: &[Record], field: &str) -> Vec<String> {
    let mut texts: Vec<String> =
        records.iter().map(|r| r.value.get(field).unwrap().as_str().unwrap().to_owned()).collect();
    texts.sort();
    texts
}

fn refusal(disposition: &Disposition) -> &str {
    match disposition {
        Disposition::Refused { code, .. } => code,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn the_readme_and_the_schema_are_current() {
    ferrule_testing::generated::<ServiceNow>();
}

#[test]
fn the_sample_events_can_be_read() {
    for name in ["extract", "load", "check"] {
        let body = ferrule_testing::body(&format!("servicenow/{name}.json"));
        ferrule_core::Message::decode(&body).unwrap();
    }
}
