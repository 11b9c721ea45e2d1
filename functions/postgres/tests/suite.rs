//! The promises of every connector, against a real server.

use ferrule_testing::{postgres::Server, suite::Suite};
use postgres::Postgres;
use serde_json::json;

const TABLES: &str = "create schema suite; \
    create table suite.tickets (number text primary key, short_description text, state text, \
      priority int, updates bigint, sys_updated_on timestamptz default now())";

#[tokio::test]
async fn keeps_its_promises() {
    let Some(server) = Server::start() else { return };
    server.sql(TABLES);
    let settings = |port: u16| {
        json!({
            "host": "localhost", "port": port, "database": "postgres", "schema": "suite",
            "tls": {"ca": server.ca()}
        })
    };
    let secret = |password: &str| json!({"user": server.user(), "password": password});
    Suite::new(Postgres::default())
        .not_http("it speaks PostgreSQL's own protocol")
        .settings(settings(server.port()))
        .secret(secret(server.password()))
        .public(&["user"])
        .source(json!({"table": "tickets"}))
        .target(json!({"table": "tickets", "version_column": "updates"}))
        .dead_settings(settings(1025))
        .bad_secret(secret("n0t-the-password"))
        .run()
        .await;
}
