//! One connection a process, kept between messages and tried before it is used.
//!
//! Statements are unnamed and settings are set for a transaction only, so that a pooler in between
//! (RDS Proxy, PgBouncer in transaction mode) can give the server's connection to somebody else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ferrule_connector::{Context, Failure, Name, Tenant};
use tokio_postgres::{Client, Error, Row};

use crate::{
    Postgres, Secret, Settings,
    connect::open,
    failure::{Fault, failure},
    sql::{Text, bound, name},
    table::Table,
};

/// A kept connection must answer within this; it may have died while the function was frozen.
const ALIVE: Duration = Duration::from_secs(3);

/// Kept for what comes after the last statement.
const RESERVE: Duration = Duration::from_secs(3);

/// The server ends a transaction that nobody goes on with, as when the function dies in it.
const IDLE_IN_TRANSACTION: Duration = Duration::from_mins(1);

/// Settings of a transaction: what values look like must not depend on the user's own.
const PREPARE: &str = "select set_config('statement_timeout', $1, true), \
    set_config('idle_in_transaction_session_timeout', $2, true), \
    set_config('search_path', coalesce(nullif($3, ''), current_setting('search_path')), true), \
    set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true), \
    set_config('IntervalStyle', 'iso_8601', true), set_config('extra_float_digits', '3', true), \
    set_config('bytea_output', 'hex', true)";

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// The server refuses to change anything.
    Read,
    /// Rows are written.
    Write,
}

/// Connections that nobody uses at the moment, one for each of the hub's connections.
#[derive(Default)]
pub(crate) struct Pool(Mutex<HashMap<(Tenant, Name), Kept>>);

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

struct Kept {
    settings: Settings,
    secret: Option<Secret>,
    client: Client,
    tables: Tables,
}

/// What the catalogue said of tables on this connection.
pub(crate) type Tables = HashMap<String, Arc<Table>>;

/// A connection with an open transaction. Dropped, it is closed, and the server rolls back.
pub(crate) struct Session {
    client: Client,
    pub(crate) tables: Tables,
    timeout: Duration,
}

impl Pool {
    /// Begins a transaction, on the kept connection when it is alive.
    pub(crate) async fn begin(
        &self,
        context: &Context<'_, Postgres>,
        access: Access,
    ) -> Result<Session, Failure> {
        let timeout = timeout(context)?;
        if let Some(kept) = self.take(context) {
            let mut session = Session { client: kept.client, tables: kept.tables, timeout: ALIVE };
            if session.start(context, access, timeout).await.is_ok() {
                session.timeout = timeout;
                return Ok(session);
            }
        }
        let client = open(context).await?;
        let mut session = Session { client, tables: Tables::new(), timeout };
        session.start(context, access, timeout).await?;
        Ok(session)
    }

    /// Commits, and keeps the connection.
    pub(crate) async fn commit(
        &self,
        context: &Context<'_, Postgres>,
        session: Session,
    ) -> Result<(), Fault> {
        session.run("commit").await?;
        self.keep(context, session);
        Ok(())
    }

    /// Rolls back, and keeps the connection when that went well.
    pub(crate) async fn roll_back(&self, context: &Context<'_, Postgres>, session: Session) {
        if session.run("rollback").await.is_ok() {
            self.keep(context, session);
        }
    }

    fn keep(&self, context: &Context<'_, Postgres>, session: Session) {
        let kept = Kept {
            settings: context.settings.clone(),
            secret: context.secret.cloned(),
            client: session.client,
            tables: session.tables,
        };
        self.lock().insert(key(context), kept);
    }

    /// Takes the kept connection out, unless host, user or password are others now.
    fn take(&self, context: &Context<'_, Postgres>) -> Option<Kept> {
        let kept = self.lock().remove(&key(context))?;
        let is_same = kept.settings == *context.settings && kept.secret.as_ref() == context.secret;
        (is_same && !kept.client.is_closed()).then_some(kept)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(Tenant, Name), Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    async fn start(
        &mut self,
        context: &Context<'_, Postgres>,
        access: Access,
        timeout: Duration,
    ) -> Result<(), Failure> {
        let begin = match access {
            Access::Read => "begin isolation level repeatable read, read only",
            Access::Write => "begin isolation level read committed, read write",
        };
        self.run(begin).await.map_err(|error| failure(&error))?;
        let schema = context.settings.schema.as_deref();
        let path = schema.map_or(String::new(), |schema| format!("{}, public", name(schema)));
        let values = [millis(timeout), millis(IDLE_IN_TRANSACTION), path];
        self.rows(PREPARE, &values.each_ref().map(|value| Text(value))).await?;
        if access == Access::Write {
            // A constraint that waits for the commit would fail the batch in place of a record.
            self.run("set constraints all immediate").await.map_err(|error| failure(&error))?;
        }
        Ok(())
    }

    /// Runs a statement without values and without an answer.
    pub(crate) async fn run(&self, statement: &str) -> Result<(), Fault> {
        within(self.timeout, self.client.batch_execute(statement)).await
    }

    /// Runs a statement with bound values and returns its rows.
    pub(crate) async fn ask(
        &self,
        statement: &str,
        values: &[Text<'_>],
    ) -> Result<Vec<Row>, Fault> {
        within(self.timeout, self.client.query_typed(statement, &bound(values))).await
    }

    /// Runs a statement whose failure concerns the whole page or batch.
    pub(crate) async fn rows(
        &self,
        statement: &str,
        values: &[Text<'_>],
    ) -> Result<Vec<Row>, Failure> {
        self.ask(statement, values).await.map_err(|error| failure(&error))
    }
}

/// The server ends a statement before this does, unless nobody is there any more.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Fault> {
    match tokio::time::timeout(limit + RESERVE / 2, call).await {
        Ok(outcome) => outcome.map_err(Fault::Said),
        Err(_) => Err(Fault::Silent),
    }
}

fn key(context: &Context<'_, Postgres>) -> (Tenant, Name) {
    (context.tenant.clone(), context.connection.clone())
}

/// How long one statement may take.
fn timeout(context: &Context<'_, Postgres>) -> Result<Duration, Failure> {
    let left = context.time_left.saturating_sub(RESERVE);
    if left.is_zero() {
        let reason = "the function's time is up".to_owned();
        return Err(Failure::Deferred { reason, wait: Duration::ZERO });
    }
    Ok(context.settings.statement_timeout.duration().max(Duration::from_secs(1)).min(left))
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}
