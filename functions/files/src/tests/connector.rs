//! The connector as the hub calls it.

use std::time::Duration;

use ferrule_connector::{Connector as _, Context, Extract, Http, HttpOptions, Name, Tenant, Value};
use ferrule_core::{Message, Task};
use ferrule_store::{Clock, Store};

use super::folder::Scratch;
use super::source;
use crate::settings::{Secret, Settings};
use crate::store::{Own, Request};
use crate::{Files, Source};

fn settings(json: &str) -> Settings {
    serde_json::from_str(json).unwrap()
}

/// Calls `check`, then reads a page.
async fn call(settings: &Settings, source: &Source) -> (Result<String, String>, Option<usize>) {
    let (tenant, connection) = (Tenant::new("acme").unwrap(), Name::new("exports").unwrap());
    let http = Http::new(HttpOptions::new("exports"));
    let store = Store::memory(Clock::manual(0));
    let context = || Context {
        tenant: &tenant,
        connection: &connection,
        settings,
        secret: None,
        http: &http,
        store: &store,
        local: true,
        time_left: Duration::from_secs(30),
    };
    let files = Files::default();
    let health = files.check(&context()).await;
    let page = files
        .extract(&Extract {
            context: context(),
            source,
            position: &Value::Null,
            cursor: None,
            since: None,
            page_size: 1000,
            started_at_ms: 0,
            rules: &[],
        })
        .await;
    let health = health.map(|health| health.message).map_err(|failure| failure.to_string());
    (health, page.ok().map(|page| page.records.len()))
}

#[tokio::test]
async fn a_check_tells_a_good_folder_from_a_missing_one() {
    let scratch = Scratch::new();
    scratch.file("a.csv", b"a\n1\n");
    let root = scratch.0.display();
    let source = source(r#"{"path": "*.csv"}"#);
    let good = call(&settings(&format!(r#"{{"root": "{root}"}}"#)), &source).await;
    assert_eq!(good, (Ok(format!("folder {root} can be listed and has files")), Some(1)));
    let missing = call(&settings(&format!(r#"{{"root": "{root}/no"}}"#)), &source).await;
    assert_eq!(missing, (Err(format!("there is no folder {root}/no")), None));
}

/// Where a connection of `tenant` ends up.
fn place(tenant: &str, json: &str, secret: Option<&Secret>) -> Result<String, String> {
    let tenant = Tenant::new(tenant).unwrap();
    let own = Own { bucket: "hub-files".into(), payloads: "hub-payloads".into() };
    let settings = settings(json);
    let request = Request { tenant: &tenant, settings: &settings, secret, local: false, own: &own };
    request.open().map(|depot| depot.store.to_string()).map_err(|failure| failure.to_string())
}

#[test]
fn every_tenant_has_a_folder_of_its_own_in_the_hub_bucket() {
    for bucket in ["default", "hub-files"] {
        let json = format!(r#"{{"bucket": "{bucket}", "region": "eu-west-1"}}"#);
        let of = |tenant| place(tenant, &json, None).unwrap();
        assert!(of("acme").contains("(acme)"), "{}", of("acme"));
        assert!(of("globex").contains("(globex)"), "{}", of("globex"));
    }
}

#[test]
fn nobody_leaves_the_tenant_folder_or_names_the_payload_bucket() {
    let climb = r#"{"bucket": "default", "prefix": "../globex", "region": "eu-west-1"}"#;
    assert!(place("acme", climb, None).is_err());
    assert!(place("acme", r#"{"bucket": "hub-payloads"}"#, None).unwrap_err().contains("own"));
}

#[test]
fn what_the_role_signs_goes_to_aws_only() {
    let json = r#"{"bucket": "exports", "endpoint": "https://s3.example.com"}"#;
    assert!(place("acme", json, None).unwrap_err().contains("access keys"));
    let text = r#"{"access_key_id": "a", "secret_access_key": "b"}"#;
    let secret: Secret = serde_json::from_str(text).unwrap();
    assert!(place("acme", json, Some(&secret)).is_ok());
    let inside = r#"{"bucket": "exports", "endpoint": "https://169.254.169.254"}"#;
    assert!(place("acme", inside, Some(&secret)).is_err());
}

#[test]
fn the_sample_events_are_real_messages() {
    for (event, fits) in [
        ("extract", (|task| matches!(task, Task::Extract(_))) as fn(&Task) -> bool),
        ("load", |task| matches!(task, Task::Load(_))),
        ("check", |task| matches!(task, Task::Check(_))),
    ] {
        let body = ferrule_testing::body(&format!("files/{event}.json"));
        let message = Message::decode(&body).unwrap();
        assert!(fits(&message.task), "{event}");
    }
}

#[test]
fn the_generated_files_are_current() {
    ferrule_testing::generated::<Files>();
}
