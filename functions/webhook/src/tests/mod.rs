//! The connector against a receiver that is a real HTTP server.

mod load;
mod notify;
mod sign;

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_connector::{
    Connector, Context, Disposition, Failure, Health, Http, HttpOptions, Load, Name, Notification,
    Notify, Receipt, Record, Store, Tenant,
};
use ferrule_core::definition::Mode;
use ferrule_store::Clock;
use ferrule_testing::vendor::{Reply, Request, Vendor};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{Secret, Settings, Target, Webhook};

/// 2025-01-08 11:12:07 UTC.
const NOW_MS: i64 = 1_736_334_727_000;

const KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn typed<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A connection to a receiver.
struct Desk {
    receiver: Vendor,
    store: Store,
    http: Http,
    settings: Settings,
    secret: Secret,
    target: Target,
    tenant: Tenant,
    connection: Name,
    local: bool,
}

impl Desk {
    async fn new(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let receiver = Vendor::start(answer).await;
        let clock = Clock::manual(NOW_MS);
        Self {
            settings: typed(json!({ "url": receiver.url("/hook") })),
            receiver,
            store: Store::memory(clock.clone()),
            http: Http::new(HttpOptions { local: true, clock, ..HttpOptions::new("billing") }),
            secret: typed(json!({ "secret": KEY })),
            target: Target::default(),
            tenant: Tenant::new("acme").unwrap(),
            connection: Name::new("billing").unwrap(),
            local: true,
        }
    }

    fn with_secret(mut self, secret: Value) -> Self {
        self.secret = typed(secret);
        self
    }

    fn with_settings(mut self, settings: Value) -> Self {
        self.settings = typed(settings);
        self
    }

    fn with_target(mut self, target: Value) -> Self {
        self.target = typed(target);
        self
    }

    fn context(&self) -> Context<'_, Webhook> {
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

    async fn tell(&self, notification: &Notification) -> Result<Receipt, Failure> {
        let context = self.context();
        let (target, again, rules) = (&self.target, false, &[][..]);
        Webhook.notify(&Notify { context, target, notification, again, rules }).await
    }

    async fn load(
        &self,
        mode: Mode,
        records: &[Record],
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        let (context, target, batch_id) = (self.context(), &self.target, "r1-0");
        let load = Load { context, target, mode, records, batch_id, rules: &[] };
        Webhook.load(&load, done).await
    }

    async fn check(&self) -> Result<Health, Failure> {
        Webhook.check(&self.context()).await
    }
}

/// A receiver that takes everything.
async fn willing() -> Desk {
    Desk::new(|_, _| Reply::status(204)).await
}

async fn answering(status: u16) -> Desk {
    Desk::new(move |_, _| Reply::status(status)).await
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// Computes what the receiver expects, the way a receiver does.
fn expected(key: &str, request: &Request) -> String {
    let key = STANDARD.decode(key.strip_prefix("whsec_").unwrap()).unwrap();
    let header = |name| request.header(name).unwrap();
    let text =
        format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), request.text());
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

/// Checks a request against the contract, where the contracts are at hand.
fn assert_standard(request: &Request) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/contracts/");
    let file = format!("{folder}standard_webhooks.schema.json");
    let Ok(text) = std::fs::read(file) else { return };
    let schema: Value = serde_json::from_slice(&text).unwrap();
    let headers: serde_json::Map<String, Value> =
        request.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let sent = json!({ "headers": headers, "body": body(request) });
    jsonschema::validate(&schema, &sent).unwrap();
}

#[tokio::test]
async fn a_check_without_a_ping_tells_nothing_to_the_receiver() {
    let desk = answering(405).await;
    let message = desk.check().await.unwrap().message;
    assert!(message.contains("405"), "{message}");
    let request = &desk.receiver.requests()[0];
    assert_eq!((request.method.as_str(), request.body.len()), ("GET", 0));
}

#[tokio::test]
async fn a_check_with_a_ping_posts_a_signed_event() {
    let desk = willing().await;
    let settings = json!({ "url": desk.receiver.url("/hook"), "ping": true });
    let desk = desk.with_settings(settings);
    desk.check().await.unwrap();
    let request = &desk.receiver.requests()[0];
    assert_eq!(body(request)["type"], "ferrule.ping");
    assert_eq!(request.header("webhook-signature"), Some(expected(KEY, request).as_str()));
    assert_standard(request);
}

#[tokio::test]
async fn a_check_tells_a_bad_credential_from_a_dead_host() {
    assert_eq!(answering(401).await.check().await.unwrap_err().code(), "unauthorized");
    assert_eq!(answering(410).await.check().await.unwrap_err().code(), "TARGET_GONE");
    let desk = willing().await.with_settings(json!({ "url": "http://127.0.0.1:1024/" }));
    assert_eq!(desk.check().await.unwrap_err().code(), "unavailable");
}

#[test]
fn a_target_is_named_without_its_query() {
    let settings = typed(json!({ "url": "https://example.com/hook?key=s3cret" }));
    assert_eq!(Webhook.target(&settings, &Target::default()), "example.com/hook");
    let hidden = Webhook.target(&Settings::default(), &Target::default());
    assert_eq!(hidden, "the address in the secret");
}

#[test]
fn the_readme_and_the_schema_say_what_the_types_say() {
    ferrule_testing::generated::<Webhook>();
}
