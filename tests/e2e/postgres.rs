//! A real database as the target, on the deployed template: a bad row is refused alone, and killing
//! the function in mid-run writes nothing twice.

use std::{process::Command, time::Duration};

use ferrule_core::Value;
use ferrule_testing::postgres::Server;

use crate::{
    hub::{Hub, count, pause},
    kills::caller,
    sample::{csv, row},
    stack::stack,
};

const ROWS: u32 = 300;

/// What a killed function had in hand comes again when its queue says so.
const PATIENCE: Duration = Duration::from_mins(3);

/// No key: nothing but the connector's own care keeps a row from being there twice. The first two
/// times that row 123 comes, it takes its time.
const TABLES: &str = "create schema shop; create sequence shop.waits; \
    create table shop.incidents (number text not null check (number <> 'INC0000077'), \
      state text, priority smallint, updates int, opened_at timestamptz, active boolean); \
    create function shop.wait() returns trigger language plpgsql as $$ begin \
      if nextval('shop.waits') <= 2 then perform pg_sleep(8); end if; return new; end $$; \
    create trigger wait before insert on shop.incidents for each row \
      when (new.number = 'INC0000123') execute function shop.wait()";

/// Who waits in that trigger, for the first or the second time.
const WAITING: &str = "select client_port from pg_stat_activity, shop.waits \
    where application_name = 'ferrule' and wait_event = 'PgSleep' and last_value = ";

fn definitions(server: &Server) -> String {
    let ca = server.ca().replace('\n', "\n      ");
    let port = server.port();
    format!(
        r#"apiVersion: ferrule/v1
kind: Connection
metadata: {{name: export}}
connector: files
settings: {{bucket: default}}
---
apiVersion: ferrule/v1
kind: Connection
metadata: {{name: shop}}
connector: postgres
settings:
  host: localhost
  port: {port}
  database: postgres
  schema: shop
  tls:
    ca: |
      {ca}
---
apiVersion: ferrule/v1
kind: Integration
metadata: {{name: incidents-to-shop}}
source: {{connection: export, path: 'incidents/*.csv'}}
map:
  number: .number
  state: .incident_state
  priority: {{from: .priority, split: " - ", take: 0, type: int}}
  updates: {{from: .sys_mod_count, type: int}}
  opened_at: {{from: .opened_at, type: datetime, format: "%d-%m-%Y %H:%M", zone: UTC}}
  active: {{from: .active, type: bool}}
output: {{connection: shop, table: incidents, mode: insert, key: .number}}
limits: {{batch: 50}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_function_writes_nothing_twice_into_a_database_and_a_bad_row_is_refused_alone() {
    if !cfg!(target_os = "linux") {
        println!("skipped: processes are found in /proc");
        return;
    }
    let Some(server) = Server::start() else { return };
    server.sql(TABLES);
    let hub = Hub::of("database").await;
    let secret = format!(r#"{{"user":"{}","password":"{}"}}"#, server.user(), server.password());
    hub.secret("postgres", "shop", &secret).await;
    hub.define(&definitions(&server)).await;
    hub.upload("incidents/2026.csv", csv((0..ROWS).map(|n| row(n, n))).as_bytes()).await;

    let run = hub.start("incidents-to-shop", false).await;
    for time in 1..=2 {
        assert!(killed(&server, time).await, "nobody came to row 123, time {time}");
    }
    let run = hub.end_within(PATIENCE, &run).await;

    let rows = "select count(*), count(distinct number), sum(updates) from shop.incidents";
    let sum = (0..ROWS).sum::<u32>() - 77;
    assert_eq!(server.sql(rows), format!("{0}|{0}|{sum}", ROWS - 1), "{run}");
    let row = "select state, priority, opened_at at time zone 'UTC', active \
               from shop.incidents where number = 'INC0000061'";
    assert_eq!(server.sql(row), "New|3|2026-03-01 01:01:00|t");
    let counts = ["read", "created", "refused", "parked"].map(|name| count(&run, name));
    assert_eq!(counts, [i64::from(ROWS), i64::from(ROWS) - 1, 1, 0], "{run}");
    let errors = hub.errors("incidents-to-shop").await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    let text = |key| errors[0].get(key).and_then(Value::as_str).unwrap_or_default();
    assert_eq!((text("code"), text("stage")), ("CHECK", "load"), "{}", errors[0]);
    assert!(!errors[0].to_string().contains(server.password()));
    let record = errors[0].get("record").unwrap();
    assert_eq!(record.get("key").and_then(Value::as_str), Some("INC0000077"));
}

/// Kills the connector's process while the database waits in the middle of its batch.
async fn killed(server: &Server, time: u32) -> bool {
    for _ in 0..1200 {
        let port =
            server.sql(&format!("select ({WAITING}{time} order by query_start desc limit 1)"));
        if let Ok(port) = port.parse()
            && let Some(pid) = caller(port, server.port())
        {
            let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let function = format!("AWS_LAMBDA_FUNCTION_NAME={}-postgres", stack().details().stack);
            assert!(environ.split(|byte| *byte == 0).any(|one| one == function.as_bytes()));
            let status = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
            assert!(status.success());
            return true;
        }
        pause(Duration::from_millis(50)).await;
    }
    false
}
