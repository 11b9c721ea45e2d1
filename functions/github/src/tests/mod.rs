//! The connector against a server that answers like GitHub.

mod hub;

use std::time::Duration;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_connector::{
    Connector, Context, Disposition, Failure, Http, HttpOptions, Load, Name, Notify, Receipt,
    Record, Store, Tenant, Value,
};
use ferrule_core::{Field, Notification, definition::Mode, json};
use ferrule_store::Clock;
use hub::{GitHubServer, words};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{GitHub, Secret, Settings, Target};

/// 2026-03-01 00:00:00 UTC.
const NOW_MS: i64 = 1_772_323_200_000;

struct Desk {
    server: GitHubServer,
    connector: GitHub,
    store: Store,
    http: Http,
    settings: Settings,
    secret: Secret,
    tenant: Tenant,
    connection: Name,
}

fn typed<T: DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

async fn desk(mut settings: serde_json::Value, secret: serde_json::Value) -> Desk {
    let server = GitHubServer::start().await;
    settings["api_url"] = server.vendor.url("").into();
    let clock = Clock::manual(NOW_MS);
    let desk = Desk {
        server,
        connector: GitHub::default(),
        store: Store::memory(clock.clone()),
        http: Http::new(HttpOptions { local: true, clock, ..HttpOptions::new("code") }),
        settings: typed(settings),
        secret: typed(secret.clone()),
        tenant: Tenant::new("acme").unwrap(),
        connection: Name::new("code").unwrap(),
    };
    let (owner, text) = (Name::new("github").unwrap(), secret.to_string());
    let secrets = &desk.store.secrets;
    secrets.write(&owner, &desk.tenant, &desk.connection, &text, None).await.unwrap();
    desk
}

async fn with_token() -> Desk {
    desk(json!({}), json!({"token": "ghp_t0ken"})).await
}

fn note(id: &str, thread: Option<&str>) -> Notification {
    Notification {
        id: id.into(),
        kind: "config.changed".into(),
        at: NOW_MS,
        subject: "app.database.host".into(),
        title: "app.database.host changed".into(),
        fields: vec![Field { name: "New value".into(), value: Value::from("db2 @everyone") }],
        mentions: vec!["acme/ops".into()],
        thread: thread.map(str::to_owned),
        record: json::parse(br#"{"key":"app.database.host","n":12345678901234567890}"#).unwrap(),
        ..Notification::default()
    }
}

impl Desk {
    fn context(&self) -> Context<'_, GitHub> {
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

    async fn tell(
        &self,
        target: serde_json::Value,
        notification: &Notification,
        again: bool,
    ) -> Result<Receipt, Failure> {
        let target: Target = typed(target);
        let context = self.context();
        let notify = Notify { context, target: &target, notification, again, rules: &[] };
        self.connector.notify(&notify).await
    }

    async fn load(
        &self,
        records: &[(&str, &str)],
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        let record = |(key, text): &(&str, &str)| Record {
            key: Some((*key).to_owned()),
            value: json::parse(text.as_bytes()).unwrap(),
            ..Record::default()
        };
        let records: Vec<Record> = records.iter().map(record).collect();
        let target: Target = typed(json!({"repository": "acme/x", "labels": ["hub"]}));
        let load = Load {
            context: self.context(),
            target: &target,
            mode: Mode::Upsert,
            records: &records,
            batch_id: "run-0",
            rules: &[],
        };
        self.connector.load(&load, done).await
    }

    fn issues(&self) -> Vec<serde_json::Value> {
        self.server.change(|content| content.issues.clone())
    }
}

fn issue() -> serde_json::Value {
    json!({"repository": "acme/x"})
}

#[test]
fn what_is_generated_from_the_types_is_current() {
    ferrule_testing::generated::<GitHub>();
}

#[tokio::test]
async fn a_matter_is_one_issue_that_is_commented_and_closed_and_then_a_new_one() {
    let desk = with_token().await;
    let receipt = desk.tell(issue(), &note("n1", Some("db")), false).await.unwrap();
    assert_eq!(receipt.reference.as_deref(), Some("#1"));
    desk.tell(issue(), &note("n2", Some("db")), false).await.unwrap();
    let last = Notification { resolved: true, ..note("n3", Some("db")) };
    desk.tell(issue(), &last, false).await.unwrap();
    let issues = desk.issues();
    assert_eq!(issues.len(), 1);
    assert_eq!(
        (&issues[0]["state"], &issues[0]["state_reason"]),
        (&json!("closed"), &json!("completed"))
    );
    assert_eq!(desk.server.change(|content| content.comments.len()), 2);
    let body = issues[0]["body"].as_str().unwrap();
    assert!(body.starts_with("@acme/ops") && body.contains("`db2 @everyone`"), "{body}");

    desk.tell(issue(), &note("n4", Some("db")), false).await.unwrap();
    desk.tell(issue(), &note("n5", None), false).await.unwrap();
    desk.tell(issue(), &note("n6", None), false).await.unwrap();
    assert_eq!(desk.issues().len(), 4, "a new matter, and two without one");
}

#[tokio::test]
async fn a_lost_answer_makes_no_double() {
    let desk = with_token().await;
    desk.server.change(|content| content.lose = vec!["POST issues", "POST comments"]);
    let lost = desk.tell(issue(), &note("n1", Some("db")), false).await.unwrap_err();
    assert_eq!(lost.code(), "unavailable");
    let early = desk.tell(issue(), &note("n1", Some("db")), true).await.unwrap_err();
    assert_eq!(early.code(), "deferred", "somebody may still be making it");
    desk.store.clock.advance(Duration::from_mins(2));
    let found = desk.tell(issue(), &note("n1", Some("db")), true).await.unwrap();
    assert_eq!(found.reference.as_deref(), Some("#1"));
    let lost = desk.tell(issue(), &note("n2", Some("db")), false).await.unwrap_err();
    assert_eq!(lost.code(), "unavailable");
    desk.tell(issue(), &note("n2", Some("db")), true).await.unwrap();
    let comments = desk.server.change(|content| content.comments.len());
    assert_eq!((desk.issues().len(), comments), (1, 1));
}

#[tokio::test]
async fn records_are_made_changed_and_closed_once() {
    let desk = with_token().await;
    let mut done = vec![None; 2];
    desk.server.change(|content| content.lose = vec!["POST issues"]);
    let batch = [("A", r#"{"title":"one","state":"closed"}"#), ("B", r#"{"title":"two"}"#)];
    assert_eq!(desk.load(&batch, &mut done).await.unwrap_err().code(), "unavailable");
    desk.store.clock.advance(Duration::from_mins(2));
    desk.load(&batch, &mut done).await.unwrap();
    assert_eq!(done, [Some(Disposition::Updated), Some(Disposition::Created)]);
    let issues = desk.issues();
    assert_eq!(
        (issues.len(), &issues[0]["state"], &issues[1]["state"]),
        (2, &json!("closed"), &json!("open"))
    );
    assert_eq!(issues[1]["labels"], json!(["hub"]));

    let mut done = vec![None; 3];
    let again = [
        ("A", r#"{"title":"one","state":"closed"}"#),
        ("B", r#"{"title":"TWO"}"#),
        ("C", r#"{"titel":"three"}"#),
    ];
    desk.load(&again, &mut done).await.unwrap();
    assert_eq!(done[..2], [Some(Disposition::Unchanged), Some(Disposition::Updated)]);
    let Some(Disposition::Refused { code, message }) = &done[2] else { panic!("{done:?}") };
    assert!(code == "RECORD" && message.contains("titel"), "{message}");
    assert_eq!(desk.issues()[1]["title"], "TWO");
}

#[tokio::test]
async fn a_403_can_be_a_wait() {
    let desk = with_token().await;
    let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes.";
    let hinted = words(403, "slow down").header("retry-after", "90");
    desk.server.change(|content| {
        content.instead = vec![
            words(403, secondary),
            hinted,
            words(403, "Resource not accessible by integration"),
        ];
    });
    for (wait, at) in [(None, "n1"), (Some(Duration::from_secs(90)), "n2")] {
        let failure = desk.tell(issue(), &note(at, None), false).await.unwrap_err();
        let Failure::Throttled { retry_after, .. } = failure else { panic!("{failure}") };
        assert_eq!(retry_after, wait);
    }
    let failure = desk.tell(issue(), &note("n3", None), false).await.unwrap_err();
    assert_eq!(failure.code(), "rejected");
}

#[tokio::test]
async fn a_workflow_is_started_with_its_inputs_and_an_event_with_its_record() {
    let desk = with_token().await;
    let target = json!({"repository": "acme/x", "through": "workflow", "workflow": "restart.yml",
        "inputs": {"key": "${.key}", "n": "${.n}"}});
    let receipt = desk.tell(target, &note("n1", None), false).await.unwrap();
    assert_eq!(receipt.reference.as_deref(), Some("22934"));
    let target = json!({"repository": "acme/x", "through": "repository_dispatch"});
    desk.tell(target, &note("n1", None), false).await.unwrap();
    let sent: Vec<String> =
        desk.server.vendor.requests().iter().map(ferrule_testing::vendor::Request::text).collect();
    assert_eq!(
        sent[0],
        r#"{"ref":"main","inputs":{"key":"app.database.host","n":"12345678901234567890"},"return_run_details":true}"#
    );
    assert!(sent[1].contains(r#""event_type":"config.changed""#), "{}", sent[1]);
    assert!(sent[1].contains("12345678901234567890"), "numbers stay exact: {}", sent[1]);
}

#[tokio::test]
async fn an_app_signs_for_a_token_that_lasts_an_hour_and_once_more_after_a_401() {
    let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let der = STANDARD.encode(AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap().as_ref());
    let lines: Vec<&str> =
        der.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
    let settings = json!({"auth": "app", "app_id": "123456", "installation_id": 42});
    let desk = desk(settings, json!({"private_key": pem})).await;
    for id in ["n1", "n2"] {
        desk.tell(issue(), &note(id, None), false).await.unwrap();
    }
    assert_eq!(desk.server.change(|content| content.tokens_made), 1);
    desk.server.change(|content| content.token = "revoked".into());
    desk.tell(issue(), &note("n3", None), false).await.unwrap();
    desk.store.clock.advance(Duration::from_mins(56));
    desk.tell(issue(), &note("n4", None), false).await.unwrap();
    assert_eq!(desk.server.change(|content| content.tokens_made), 3);
    assert_eq!(desk.issues().len(), 4);
}
