//! The connector against a real PostgreSQL, when the machine has one.

mod exactly_once;
mod extract;
mod incidents;
mod load;
mod sign;
mod types;

use std::{sync::LazyLock, time::Duration};

use ferrule_connector::{
    Connector, Context, Disposition, Extract, Failure, Fetched, Http, HttpOptions, Load, Mark,
    Name, Record, Store, Tenant, Value,
};
use ferrule_core::definition::{Cursor, Mode};
use ferrule_store::Clock;
use ferrule_testing::postgres::Server;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{Postgres, Secret, Settings, Source, Target};

/// One server for all tests of this process.
static SERVER: LazyLock<Option<Server>> = LazyLock::new(Server::start);

/// A connection to a schema of its own.
struct Desk {
    server: &'static Server,
    connector: Postgres,
    store: Store,
    http: Http,
    settings: Settings,
    secret: Secret,
    tenant: Tenant,
    connection: Name,
    local: bool,
}

fn typed<T: DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

impl Desk {
    /// Makes a schema and runs `tables` in it; `None` when the machine has no server.
    fn new(schema: &str, tables: &str) -> Option<Self> {
        let server = SERVER.as_ref()?;
        server.sql(&format!("create schema {schema}; set search_path = {schema}; {tables}"));
        let settings = json!({
            "host": "127.0.0.1", "port": server.port(), "database": "postgres", "schema": schema,
            "tls": {"mode": "disable"}
        });
        let clock = Clock::System;
        Some(Self {
            server,
            connector: Postgres::default(),
            store: Store::memory(clock.clone()),
            http: Http::new(HttpOptions { local: true, clock, ..HttpOptions::new("shop") }),
            settings: typed(settings),
            secret: typed(json!({"user": server.user(), "password": server.password()})),
            tenant: Tenant::new("acme").unwrap(),
            connection: Name::new("shop").unwrap(),
            local: true,
        })
    }

    /// Runs SQL in the schema and returns what it prints.
    fn sql(&self, text: &str) -> String {
        let schema = self.settings.schema.as_deref().unwrap();
        self.server.sql(&format!("set search_path = {schema}; {text}"))
    }

    fn context(&self) -> Context<'_, Postgres> {
        Context {
            tenant: &self.tenant,
            connection: &self.connection,
            settings: &self.settings,
            secret: Some(&self.secret),
            http: &self.http,
            store: &self.store,
            local: self.local,
            time_left: Duration::from_mins(1),
        }
    }

    async fn page(
        &self,
        source: &Source,
        cursor: Option<&Cursor>,
        since: Option<&Mark>,
        position: &Value,
    ) -> Result<Fetched, Failure> {
        let context = self.context();
        let (page_size, started_at_ms, rules) = (1000, 0, &[][..]);
        self.connector
            .extract(&Extract {
                context,
                source,
                position,
                cursor,
                since,
                page_size,
                started_at_ms,
                rules,
            })
            .await
    }

    /// Reads page after page; returns the records and how many pages there were.
    async fn read(
        &self,
        source: serde_json::Value,
        cursor: Option<serde_json::Value>,
        since: Option<Mark>,
    ) -> (Vec<Record>, usize) {
        let (source, cursor): (Source, Option<Cursor>) = (typed(source), cursor.map(typed));
        let (mut position, mut records) = (Value::Null, Vec::new());
        for pages in 1..1000 {
            let page = self.page(&source, cursor.as_ref(), since.as_ref(), &position).await;
            let page = page.unwrap();
            assert!(page.rejected.is_empty(), "{:?}", page.rejected);
            records.extend(page.records);
            let Some(next) = page.next else { return (records, pages) };
            position = next;
        }
        panic!("a thousand pages, and no end");
    }

    async fn deliver(
        &self,
        target: serde_json::Value,
        mode: Mode,
        batch_id: &str,
        records: &[Record],
    ) -> Result<Vec<Disposition>, Failure> {
        let target: Target = typed(target);
        let mut done = vec![None; records.len()];
        let (context, rules) = (self.context(), &[][..]);
        let load = Load { context, target: &target, mode, records, batch_id, rules };
        self.connector.load(&load, &mut done).await?;
        Ok(done.into_iter().map(Option::unwrap).collect())
    }

    /// Delivers a batch under an id of its own.
    async fn push(
        &self,
        target: serde_json::Value,
        mode: Mode,
        records: &[Record],
    ) -> Vec<Disposition> {
        self.deliver(target, mode, &ferrule_store::mark(), records).await.unwrap()
    }
}

fn record(value: serde_json::Value) -> Record {
    Record { value: typed(value), ..Record::default() }
}

/// Reads a record out of text, exactly.
fn exact(text: &str) -> Record {
    Record { value: ferrule_core::json::parse(text.as_bytes()).unwrap(), ..Record::default() }
}

fn refusal(disposition: &Disposition) -> (&str, &str) {
    match disposition {
        Disposition::Refused { code, message } => (code, message),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn the_readme_and_the_schema_are_current() {
    ferrule_testing::generated::<Postgres>();
}

#[test]
fn the_sample_events_can_be_read() {
    for name in ["extract", "load", "check"] {
        let body = ferrule_testing::body(&format!("postgres/{name}.json"));
        ferrule_core::Message::decode(&body).unwrap();
    }
}
