//! The connector against a Slack of our own, as far as the contract suite does not go.

mod faults;
mod samples;
mod tell;
mod workspace;

use std::time::Duration;

use ferrule_connector::{
    Connector, Context, Failure, Http, HttpOptions, Name, Notification, Notify, Receipt, Store,
    Tenant,
};
use ferrule_store::Clock;
use ferrule_testing::vendor::Vendor;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{Secret, Settings, Slack, Target};

/// 2025-01-08 11:12:07 UTC.
const NOW_MS: i64 = 1_736_334_727_000;

const TOKEN: &str = "xoxb-0-s3cr3t";

fn typed<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A connection to a workspace.
struct Desk {
    vendor: Vendor,
    store: Store,
    http: Http,
    settings: Settings,
    secret: Secret,
    target: Target,
    tenant: Tenant,
    connection: Name,
}

impl Desk {
    fn new(vendor: Vendor, secret: &Value, target: Value) -> Self {
        let clock = Clock::manual(NOW_MS);
        let secret = secret.to_string().replace("{{vendor}}", &vendor.url(""));
        Self {
            settings: typed(json!({ "api_url": vendor.url("/api") })),
            vendor,
            store: Store::memory(clock.clone()),
            http: Http::new(HttpOptions { local: true, clock, ..HttpOptions::new("chat") }),
            secret: serde_json::from_str(&secret).unwrap(),
            target: typed(target),
            tenant: Tenant::new("acme").unwrap(),
            connection: Name::new("chat").unwrap(),
        }
    }

    fn context(&self) -> Context<'_, Slack> {
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

    async fn tell(&self, notification: &Notification) -> Result<Receipt, Failure> {
        self.tell_as(notification, false).await
    }

    async fn tell_again(&self, notification: &Notification) -> Result<Receipt, Failure> {
        self.tell_as(notification, true).await
    }

    async fn tell_as(&self, notification: &Notification, again: bool) -> Result<Receipt, Failure> {
        let (context, target) = (self.context(), &self.target);
        Slack.notify(&Notify { context, target, notification, again, rules: &[] }).await
    }
}

fn notification(id: &str, thread: Option<&str>) -> Notification {
    typed(json!({
        "id": id, "type": "connection.opened", "at": NOW_MS, "subject": "billing",
        "title": format!("title of {id}"), "thread": thread
    }))
}

#[test]
fn the_readme_and_the_schema_say_what_the_types_say() {
    ferrule_testing::generated::<Slack>();
}

#[test]
fn a_target_is_named_by_its_channel() {
    let settings = Settings::default();
    assert_eq!(Slack.target(&settings, &typed(json!({ "channel": "#ops" }))), "#ops");
    let webhook = Slack.target(&settings, &Target::default());
    assert_eq!(webhook, "the channel of the incoming webhook");
}
