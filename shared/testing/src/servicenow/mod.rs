//! A ServiceNow instance that is not one: a real HTTP server that behaves as the documentation
//! says, surprises included.
//!
//! No real instance can be reached from the tests. What is here is what the vendor's published
//! documentation says of the Table and Import Set APIs; requests and answers are checked against
//! the contract where it is there.

mod answer;
mod auth;
mod faults;
mod import;
mod limit;
mod query;
mod rows;
mod server;
mod table;

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

pub use auth::Login;
pub use faults::Faults;
use ferrule_store::Clock;
pub use import::Staging;
pub use limit::Limit;
pub use rows::Row;
use tokio::sync::oneshot;

use crate::contract::Contract;

/// How the instance behaves; can be changed while it runs.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// What goes wrong.
    pub faults: Faults,
    /// A rate limit rule; without one there are no headers either.
    pub limit: Option<Limit>,
    /// The instance hibernates: 200 with a page of HTML.
    pub asleep: bool,
    /// `glide.invalid_query.returns_no_rows`: off by default, as documented.
    pub strict_queries: bool,
}

/// What the instance has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// API calls, refused ones included; token calls are not.
    pub calls: u64,
    /// Calls to `/oauth_token.do`.
    pub token_calls: u64,
    /// Calls that went wrong on purpose.
    pub faults_given: u64,
    /// When each call came in, from the start of the instance.
    pub arrivals: Vec<Duration>,
    /// Where a request or an answer did not fit the contract.
    pub violations: Vec<String>,
}

struct Data {
    tables: rows::Tables,
    behaviour: Behaviour,
    login: Login,
    tokens: auth::Tokens,
    arrivals: limit::Arrivals,
    calls: u64,
    faults_given: u64,
    violations: Vec<String>,
}

/// A running instance; it stops when dropped.
pub struct Instance {
    shared: Arc<server::Shared>,
    _stop: oneshot::Sender<()>,
}

impl Instance {
    /// Starts an instance on the machine's clock.
    pub fn start() -> Self {
        Self::at(Clock::System)
    }

    /// Starts an instance on a clock: `sys_updated_on` comes from it.
    ///
    /// It has `incident` (which extends `task`), `sys_user`, and the staging table
    /// `u_incident_import`, whose transform map writes `incident` by `correlation_id`.
    pub fn at(clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let data = Data {
            tables: rows::Tables::new(clock),
            behaviour: Behaviour::default(),
            login: Login::default(),
            tokens: auth::Tokens::default(),
            arrivals: limit::Arrivals::new(),
            calls: 0,
            faults_given: 0,
            violations: Vec::new(),
        };
        let contract = Contract::open("servicenow");
        let shared = Arc::new(server::Shared { base, data: Mutex::new(data), contract });
        let (stop, stopped) = oneshot::channel();
        server::serve(listener, Arc::clone(&shared), stopped);
        let instance = Self { shared, _stop: stop };
        instance.furnish();
        instance
    }

    fn furnish(&self) {
        self.add_table("sys_db_object", None, &["name", "label", "super_class>sys_db_object"]);
        self.add_table("sys_dictionary", None, &["name", "element", "internal_type", "reference"]);
        self.add_table("sys_audit_delete", None, &["tablename", "documentkey"]);
        self.add_table("sys_user", None, &["user_name", "name", "email"]);
        let task = [
            "number",
            "short_description",
            "description",
            "state",
            "priority",
            "urgency",
            "impact",
            "active",
            "assigned_to>sys_user",
            "opened_by>sys_user",
            "opened_at",
            "closed_at",
            "correlation_id",
            "correlation_display",
            "assignment_group",
            "location",
            "work_notes",
        ];
        self.add_table("task", None, &task);
        let incident =
            ["incident_state", "category", "caller_id>sys_user", "reopen_count", "resolved_at"];
        self.add_table("incident", Some("task"), &incident);
        let columns = ["u_number", "u_title", "u_state", "u_priority", "u_key"];
        let map = [
            ("u_number", "number"),
            ("u_title", "short_description"),
            ("u_state", "state"),
            ("u_priority", "priority"),
            ("u_key", "correlation_id"),
        ];
        self.add_staging(
            "u_incident_import",
            &columns,
            Staging {
                target: "incident".into(),
                coalesce: Some("correlation_id".into()),
                map: map.map(|(from, to)| (from.to_owned(), to.to_owned())).into(),
                required: vec!["short_description".into()],
                synchronous: false,
            },
        );
        self.insert("sys_user", &[("user_name", "integration"), ("name", "Integration User")]);
    }

    /// Returns the address, without a path.
    pub fn url(&self) -> &str {
        &self.shared.base
    }

    /// Changes how the instance behaves from now on.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.data().behaviour);
    }

    /// Returns the credentials it knows.
    pub fn login(&self) -> Login {
        self.shared.data().login.clone()
    }

    /// Makes every access token worthless: 401 until a new one is fetched.
    pub fn revoke_tokens(&self) {
        self.shared.data().tokens.revoke();
    }

    /// Makes a table. `caller_id>sys_user` is a field that refers to a table.
    pub fn add_table(&self, name: &str, extends: Option<&str>, fields: &[&str]) {
        const OWN: [&str; 4] = ["sys_id", "sys_created_on", "sys_updated_on", "sys_mod_count"];
        let mut data = self.shared.data();
        let own = if extends.is_none() { &OWN[..] } else { &[] };
        let split = |field: &&str| match field.split_once('>') {
            Some((field, to)) => (field.to_owned(), Some(to.to_owned())),
            None => ((*field).to_owned(), None),
        };
        let fields: BTreeMap<_, _> = own.iter().chain(fields).map(split).collect();
        let table = rows::Table {
            extends: extends.map(str::to_owned),
            fields: fields.clone(),
            ..rows::Table::default()
        };
        data.tables.all.insert(name.to_owned(), table);
        data.tables.describe(name, extends, &fields);
    }

    /// Makes a staging table.
    pub fn add_staging(&self, name: &str, columns: &[&str], staging: Staging) {
        let own = [
            "sys_import_set",
            "sys_import_state",
            "sys_import_state_comment",
            "sys_target_sys_id",
            "sys_target_table",
        ];
        self.add_table(name, None, &[columns, &own].concat());
        self.shared.data().tables.all.get_mut(name).unwrap().staging = Some(staging);
    }

    /// Adds a row, as a person there would; returns its `sys_id`.
    pub fn insert(&self, table: &str, values: &[(&str, &str)]) -> String {
        self.shared.data().tables.insert(table, &row(values))["sys_id"].clone()
    }

    /// Changes a row, as a person there would.
    pub fn change(&self, table: &str, sys_id: &str, values: &[(&str, &str)]) {
        let changed = self.shared.data().tables.update(table, sys_id, &row(values));
        assert!(changed.is_some(), "no {sys_id} in {table}");
    }

    /// Removes a row, as a person there would.
    pub fn remove(&self, table: &str, sys_id: &str) {
        assert!(self.shared.data().tables.remove(table, sys_id), "no {sys_id} in {table}");
    }

    /// Hides a row from the integration's user by an ACL.
    pub fn hide(&self, table: &str, sys_id: &str) {
        self.shared.data().tables.all.get_mut(table).unwrap().hidden.insert(sys_id.to_owned());
    }

    /// Returns every row of a table.
    pub fn rows(&self, table: &str) -> Vec<Row> {
        self.shared.data().tables.all[table].rows.values().cloned().collect()
    }

    /// Returns values of a field that more than one row has.
    pub fn doubles(&self, table: &str, field: &str) -> Vec<String> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for row in self.rows(table) {
            *seen.entry(row[field].clone()).or_default() += 1;
        }
        seen.into_iter().filter(|(_, count)| *count > 1).map(|(value, _)| value).collect()
    }

    /// Returns what the instance has seen.
    pub fn stats(&self) -> Stats {
        let data = self.shared.data();
        Stats {
            calls: data.calls,
            token_calls: data.tokens.calls,
            faults_given: data.faults_given,
            arrivals: data.arrivals.at.clone(),
            violations: data.violations.clone(),
        }
    }

    /// Returns the most calls that came in within any window of this length.
    pub fn most_within(&self, window: Duration) -> usize {
        self.shared.data().arrivals.most_within(window)
    }
}

fn row(values: &[(&str, &str)]) -> Row {
    values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[cfg(test)]
mod tests;
