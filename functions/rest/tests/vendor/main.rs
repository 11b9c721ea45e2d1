//! The connector against a real HTTP server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod check;
mod extract;
mod hostile;
mod load;
mod paging;

use std::time::Duration;

use ferrule_connector::{
    Connector, Context, Disposition, Extract, Failure, Fetched, Health, Http, HttpOptions, Load,
    Mark, Name, Record, Store, Tenant, Value,
};
use ferrule_core::definition::{ErrorRule, Mode};
use ferrule_store::Clock;
use ferrule_testing::vendor::Vendor;
use rest::{Rest, Settings, Source, Target};

/// What the hub gives to the connector, put together for one vendor.
struct Hub {
    rest: Rest,
    tenant: Tenant,
    connection: Name,
    settings: Settings,
    http: Http,
    store: Store,
    rules: Vec<ErrorRule>,
    since: Option<Mark>,
    time_left: Duration,
}

impl Hub {
    /// A connection to the vendor with this profile (JSON).
    fn new(vendor: &Vendor, profile: &str) -> Self {
        let base_url = vendor.url("/v1");
        let settings = format!(r#"{{"base_url": "{base_url}", "profile": {profile}}}"#);
        let store = Store::memory(Clock::manual(1_700_000_000_000));
        let clock = store.clock.clone();
        Self {
            rest: Rest::default(),
            tenant: Tenant::new("acme").unwrap(),
            connection: Name::new("crm").unwrap(),
            settings: serde_json::from_str(&settings).unwrap(),
            http: Http::new(HttpOptions { local: true, clock, ..HttpOptions::new("crm") }),
            store,
            rules: Vec::new(),
            since: None,
            time_left: Duration::from_mins(1),
        }
    }

    fn context(&self) -> Context<'_, Rest> {
        Context {
            tenant: &self.tenant,
            connection: &self.connection,
            settings: &self.settings,
            secret: None,
            http: &self.http,
            store: &self.store,
            local: true,
            time_left: self.time_left,
        }
    }

    async fn keep_secret(&self, body: &str) {
        let owner = Name::new(Rest::NAME).unwrap();
        let secrets = &self.store.secrets;
        secrets.write(&owner, &self.tenant, &self.connection, body, None).await.unwrap();
    }

    async fn page(&self, source: &str, position: &Value) -> Result<Fetched, Failure> {
        let source: Source = serde_json::from_str(source).unwrap();
        let extract = Extract {
            context: self.context(),
            source: &source,
            position,
            cursor: None,
            since: self.since.as_ref(),
            page_size: 2,
            started_at_ms: 0,
            rules: &self.rules,
        };
        self.rest.extract(&extract).await
    }

    /// Reads page after page, as the hub does, but at most 20.
    async fn read(&self, source: &str) -> Result<Vec<String>, Failure> {
        let mut read = Vec::new();
        let mut position = Value::Null;
        for _ in 0..20 {
            let fetched = self.page(source, &position).await?;
            read.extend(fetched.records.iter().map(|record| record.value.to_string()));
            match fetched.next {
                Some(next) => position = next,
                None => return Ok(read),
            }
        }
        panic!("no end after 20 pages: {read:?}")
    }

    async fn load(
        &self,
        target: &str,
        mode: Mode,
        records: &[Record],
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        let target: Target = serde_json::from_str(target).unwrap();
        let load = Load {
            context: self.context(),
            target: &target,
            mode,
            records,
            batch_id: "run-7",
            rules: &self.rules,
        };
        self.rest.load(&load, done).await
    }

    /// Writes records with these keys and says what became of each.
    async fn write(&self, target: &str, mode: Mode, keys: &[&str]) -> Result<Vec<String>, Failure> {
        let mut done = vec![None; keys.len()];
        self.load(target, mode, &records(keys), &mut done).await?;
        Ok(done.into_iter().map(|one| shown(one.unwrap())).collect())
    }

    async fn check(&self) -> Result<Health, Failure> {
        self.rest.check(&self.context()).await
    }
}

fn records(keys: &[&str]) -> Vec<Record> {
    let record = |key: &&str| Record {
        key: Some((*key).into()),
        value: json(&format!(r#"{{"id": "{key}", "n": 1.10}}"#)),
        ..Record::default()
    };
    keys.iter().map(record).collect()
}

fn json(text: &str) -> Value {
    ferrule_core::json::parse(text.as_bytes()).unwrap()
}

fn shown(disposition: Disposition) -> String {
    match disposition {
        Disposition::Refused { code, message } => format!("{code} {message}"),
        other => format!("{other:?}"),
    }
}
