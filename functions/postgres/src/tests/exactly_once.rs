//! What dies: nothing is lost, nothing is there twice.

use ferrule_connector::{Disposition, Failure, Record};
use ferrule_core::definition::Mode;
use serde_json::json;

use super::{Desk, record, refusal, typed};
use crate::Postgres;

/// No key at all: nothing but the hub's own note keeps a row from being there twice.
const LOG: &str = "create table log (n int check (n <> 13), text text)";

fn lines() -> Vec<Record> {
    (0..500).map(|n| record(json!({"n": n, "text": "x"}))).collect()
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_written_once_and_answered_the_same() {
    let Some(mut desk) = Desk::new("lost_answer", LOG) else { return };
    let target = || json!({"table": "log"});
    let first = desk.deliver(target(), Mode::Insert, "run-7", &lines()).await.unwrap();
    assert_eq!(refusal(&first[13]).0, "CHECK");
    desk.connector = Postgres::default();
    let second = desk.deliver(target(), Mode::Insert, "run-7", &lines()).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(desk.sql("select count(*), count(distinct n) from log"), "499|499");
    desk.deliver(target(), Mode::Insert, "run-8", &lines()).await.unwrap();
    assert_eq!(desk.sql("select count(*) from log"), "998", "another batch is another batch");
}

#[tokio::test]
async fn a_connection_that_breaks_in_mid_batch_leaves_nothing_behind() {
    let Some(desk) = Desk::new("broken", LOG) else { return };
    desk.sql(
        "create function die() returns trigger language plpgsql as $$ begin \
         if new.n = 250 then perform pg_terminate_backend(pg_backend_pid()); end if; \
         return new; end $$; \
         create trigger die before insert on log for each row execute function die()",
    );
    let target = || json!({"table": "log"});
    let failure = desk.deliver(target(), Mode::Insert, "run-0", &lines()).await.unwrap_err();
    assert!(matches!(failure, Failure::Unavailable { .. }), "{failure:?}");
    assert_eq!(desk.sql("select count(*) from log"), "0");
    desk.sql("drop trigger die on log");
    desk.deliver(target(), Mode::Insert, "run-0", &lines()).await.unwrap();
    assert_eq!(desk.sql("select count(*), count(distinct n) from log"), "499|499");
}

#[tokio::test]
async fn a_kept_connection_that_died_meanwhile_is_replaced() {
    let Some(desk) = Desk::new("died", LOG) else { return };
    desk.push(json!({"table": "log"}), Mode::Insert, &lines()[..1]).await;
    desk.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity \
         where application_name = 'ferrule' and query like '%died%'",
    );
    let outcome = desk.push(json!({"table": "log"}), Mode::Insert, &lines()[1..2]).await;
    assert_eq!(outcome, [Disposition::Created]);
}

#[tokio::test]
async fn two_workers_with_the_same_batch_write_it_once() {
    let Some(desk) = Desk::new("twice", LOG) else { return };
    let lines = lines();
    let once = || desk.deliver(json!({"table": "log"}), Mode::Insert, "run-0", &lines);
    let (first, second) = tokio::join!(once(), once());
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(desk.sql("select count(*) from log"), "499");
}

#[tokio::test]
async fn a_collision_with_another_transaction_is_tried_again_at_once() {
    let Some(desk) = Desk::new("collision", LOG) else { return };
    desk.sql(
        "create sequence tries; create function collide() returns trigger language plpgsql as $$ \
         begin if nextval('collision.tries') = 1 then \
         raise exception 'could not serialize' using errcode = '40001'; end if; return new; end $$; \
         create trigger collide before insert on log for each statement execute function collide()",
    );
    let outcome = desk.push(json!({"table": "log"}), Mode::Insert, &lines()[..2]).await;
    assert_eq!(outcome, [Disposition::Created, Disposition::Created]);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_given_up_and_comes_again() {
    let Some(mut desk) = Desk::new("slow", LOG) else { return };
    desk.settings.statement_timeout = typed(json!("1s"));
    desk.sql(
        "create function wait() returns trigger language plpgsql as $$ \
         begin perform pg_sleep(30); return new; end $$; \
         create trigger wait before insert on log for each row execute function wait()",
    );
    let target = json!({"table": "log"});
    let failure = desk.deliver(target, Mode::Insert, "run-0", &lines()).await.unwrap_err();
    assert!(matches!(failure, Failure::Unavailable { .. }), "{failure:?}");
    assert!(failure.to_string().contains("57014"), "{failure}");
}

#[tokio::test]
async fn a_user_who_may_not_make_the_table_of_batches_is_told_what_to_do() {
    let tables = format!(
        "{LOG}; create role clerk login password 'pen'; \
         grant usage on schema clerk to clerk; grant insert on log to clerk"
    );
    let Some(mut desk) = Desk::new("clerk", &tables) else { return };
    desk.secret = typed(json!({"user": "clerk", "password": "pen"}));
    let target = json!({"table": "log"});
    let failure = desk.deliver(target, Mode::Insert, "run-0", &lines()).await.unwrap_err();
    assert_eq!(failure.code(), "BATCH_TABLE");
    assert!(failure.to_string().contains("exactly_once: false"), "{failure}");
    let target = json!({"table": "log", "exactly_once": false});
    let outcome = desk.push(target.clone(), Mode::Insert, &lines()[..1]).await;
    assert_eq!(outcome, [Disposition::Created]);
    let failure = desk.deliver(target, Mode::Upsert, "run-0", &lines()).await.unwrap_err();
    assert_eq!(failure.code(), "NO_KEY");
}
