//! Signing in, and signing in again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ferrule_connector::{
    Answer, Connector, Context, Failure, Health, Http, HttpOptions, Name, Role, Store, Tenant,
    auth::{Auth, Scheme},
};
use ferrule_core::Object;
use ferrule_store::{Clock, Query, Table};
use ferrule_testing::vendor::{Reply, Request, Vendor};

use super::get;

struct Fake;

impl Connector for Fake {
    const NAME: &'static str = "fake";
    const ROLES: &'static [Role] = &[Role::Source, Role::Target];
    type Settings = Object;
    type Secret = Object;
    type Source = Object;
    type Target = Object;

    async fn check(&self, _: &Context<'_, Self>) -> Result<Health, Failure> {
        Err(Failure::invalid("not used"))
    }
}

/// A tenant's connection, in a store of its own.
struct Desk {
    store: Store,
    tenant: Tenant,
    connection: Name,
    settings: Object,
    scheme: Scheme,
}

impl Desk {
    async fn new(scheme: &str, secret: &str) -> Self {
        let desk = Self {
            store: Store::memory(Clock::manual(1_700_000_000_000)),
            tenant: Tenant::new("acme").unwrap(),
            connection: Name::new("crm").unwrap(),
            settings: Object::new(),
            scheme: serde_json::from_str(scheme).unwrap(),
        };
        desk.put(secret).await;
        desk
    }

    async fn put(&self, secret: &str) {
        let owner = Name::new(Fake::NAME).unwrap();
        let secrets = &self.store.secrets;
        secrets.write(&owner, &self.tenant, &self.connection, secret, None).await.unwrap();
    }

    async fn secret(&self) -> String {
        let owner = Name::new(Fake::NAME).unwrap();
        let secret = self.store.secrets.read(&owner, &self.tenant, &self.connection, true).await;
        secret.unwrap().unwrap().expose().to_owned()
    }

    /// Another process of the connector.
    fn worker(&self) -> Http {
        Http::new(HttpOptions {
            local: true,
            clock: self.store.clock.clone(),
            ..HttpOptions::new("crm")
        })
    }

    async fn call(&self, http: &Http, vendor: &Vendor) -> Result<Answer, Failure> {
        let context: Context<'_, Fake> = Context {
            tenant: &self.tenant,
            connection: &self.connection,
            settings: &self.settings,
            secret: None,
            http,
            store: &self.store,
            local: true,
            time_left: Duration::from_secs(30),
        };
        Auth::new(&self.scheme, &context)?.send(get(vendor, "/page")).await
    }

    /// Calls, and while another worker has the lease, calls again: what the queue does.
    async fn call_until_answered(&self, http: &Http, vendor: &Vendor) -> Result<Answer, Failure> {
        loop {
            match self.call(http, vendor).await {
                Err(Failure::Deferred { .. }) => tokio::task::yield_now().await,
                other => return other,
            }
        }
    }
}

fn authorization(request: &Request) -> &str {
    request.header("authorization").unwrap_or("")
}

#[tokio::test]
async fn static_schemes_put_the_secret_where_it_belongs() {
    for (scheme, secret, header, value) in [
        (r#""basic""#, r#"{"username": "u", "password": "pä"}"#, "authorization", "Basic dTpww6Q="),
        (r#""bearer""#, r#"{"token": "t0ken"}"#, "authorization", "Bearer t0ken"),
        (r#"{"api_key": {}}"#, r#"{"api_key": "k"}"#, "x-api-key", "k"),
        (
            r#"{"api_key": {"header": "Authorization", "prefix": "Token "}}"#,
            r#"{"api_key": "k"}"#,
            "authorization",
            "Token k",
        ),
        (r#""headers""#, r#"{"headers": {"X-One": "1"}}"#, "x-one", "1"),
    ] {
        let vendor = Vendor::start(|_, _| Reply::json("{}")).await;
        let desk = Desk::new(scheme, secret).await;
        desk.call(&desk.worker(), &vendor).await.unwrap();
        assert_eq!(vendor.requests()[0].header(header), Some(value), "{scheme}");
    }
    let vendor = Vendor::start(|_, _| Reply::json("{}")).await;
    let desk = Desk::new(r#"{"api_key": {"query": "key"}}"#, r#"{"api_key": "a&b"}"#).await;
    desk.call(&desk.worker(), &vendor).await.unwrap();
    assert_eq!(vendor.requests()[0].param("key"), Some("a&b"));
}

#[tokio::test]
async fn a_secret_without_the_right_part_says_which_is_missing() {
    let vendor = Vendor::start(|_, _| Reply::json("{}")).await;
    let desk = Desk::new(r#""basic""#, r#"{"username": "u"}"#).await;
    let failure = desk.call(&desk.worker(), &vendor).await.err().unwrap();
    assert_eq!(failure.to_string(), "the secret has no password");
    desk.put(r#"{"pasword": "hunter2"}"#).await;
    let failure = desk.call(&desk.worker(), &vendor).await.err().unwrap();
    assert!(failure.code() == "SECRET" && !failure.to_string().contains("hunter2"));
    assert!(vendor.requests().is_empty());
}

#[tokio::test]
async fn a_refused_static_secret_is_not_tried_twice() {
    let vendor = Vendor::start(|_, _| Reply::status(401)).await;
    let desk = Desk::new(r#""bearer""#, r#"{"token": "old-token"}"#).await;
    let failure = desk.call(&desk.worker(), &vendor).await.err().unwrap();
    assert!(matches!(failure, Failure::Unauthorized { .. }));
    assert_eq!(vendor.requests().len(), 1);
}

/// A vendor whose token is `token-<n>` since the n-th call of its token endpoint, and who takes
/// only what `is_taken` says.
async fn oauth(is_taken: impl Fn(usize) -> bool + Send + Sync + 'static) -> Vendor {
    let issued = AtomicUsize::new(0);
    Vendor::start(move |request, _| {
        if request.path == "/token" {
            let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
            return Reply::json(format!(
                r#"{{"access_token": "token-{number}", "expires_in": 3600,
                     "refresh_token": "refresh-{number}"}}"#
            ));
        }
        let number = authorization(request).strip_prefix("Bearer token-");
        match number.and_then(|number| number.parse().ok()) {
            Some(number) if is_taken(number) => Reply::json("{}"),
            _ => Reply::status(401),
        }
    })
    .await
}

fn client_credentials(vendor: &Vendor) -> String {
    let url = vendor.url("/token");
    format!(r#"{{"client_credentials": {{"token_url": "{url}", "scope": "read"}}}}"#)
}

const CLIENT: &str = r#"{"client_id": "my id", "client_secret": "s3cret/canary"}"#;

#[tokio::test]
async fn client_credentials_are_encoded_and_the_token_is_kept() {
    let vendor = oauth(|_| true).await;
    let desk = Desk::new(&client_credentials(&vendor), CLIENT).await;
    let http = desk.worker();
    for _ in 0..3 {
        desk.call(&http, &vendor).await.unwrap();
    }
    desk.call(&desk.worker(), &vendor).await.unwrap();
    assert_eq!((vendor.count("/token"), vendor.count("/page")), (1, 4));
    let token = &vendor.requests()[0];
    assert_eq!(token.text(), "grant_type=client_credentials&scope=read");
    // base64 of "my+id:s3cret%2Fcanary"
    assert_eq!(authorization(token), "Basic bXkraWQ6czNjcmV0JTJGY2FuYXJ5");
}

#[tokio::test]
async fn an_ended_token_is_fetched_again_a_little_early() {
    let vendor = oauth(|_| true).await;
    let desk = Desk::new(&client_credentials(&vendor), CLIENT).await;
    let http = desk.worker();
    desk.call(&http, &vendor).await.unwrap();
    desk.store.clock.advance(Duration::from_secs(3539));
    desk.call(&http, &vendor).await.unwrap();
    assert_eq!(vendor.count("/token"), 1);
    desk.store.clock.advance(Duration::from_secs(1));
    desk.call(&http, &vendor).await.unwrap();
    assert_eq!(vendor.count("/token"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_workers_refused_in_mid_run_fetch_one_token() {
    let first_is_good = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let good = Arc::clone(&first_is_good);
    let vendor = Arc::new(oauth(move |number| number > 1 || good.load(Ordering::SeqCst)).await);
    let desk = Arc::new(Desk::new(&client_credentials(&vendor), CLIENT).await);
    let workers: Vec<Http> = (0..10).map(|_| desk.worker()).collect();
    for http in &workers {
        desk.call(http, &vendor).await.unwrap();
    }
    assert_eq!(vendor.count("/token"), 1);
    first_is_good.store(false, Ordering::SeqCst);
    let tasks = workers.into_iter().map(|http| {
        let (desk, vendor) = (Arc::clone(&desk), Arc::clone(&vendor));
        tokio::spawn(async move { desk.call_until_answered(&http, &vendor).await.is_ok() })
    });
    for task in tasks.collect::<Vec<_>>() {
        assert!(task.await.unwrap());
    }
    assert_eq!(vendor.count("/token"), 2, "one at the start, one after the 401");
}

#[tokio::test]
async fn a_vendor_who_minds_something_else_is_not_stormed() {
    let vendor = oauth(|_| false).await;
    let desk = Desk::new(&client_credentials(&vendor), CLIENT).await;
    for _ in 0..5 {
        let failure = desk.call(&desk.worker(), &vendor).await.err().unwrap();
        assert!(matches!(failure, Failure::Unauthorized { .. }), "{failure}");
    }
    assert_eq!(vendor.count("/token"), 2);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_written_back_before_it_is_needed() {
    let vendor = oauth(|_| true).await;
    let url = vendor.url("/token");
    let scheme = format!(r#"{{"refresh_token": {{"token_url": "{url}", "client_auth": "post"}}}}"#);
    let secret = r#"{"client_id": "c", "refresh_token": "refresh-0"}"#;
    let desk = Desk::new(&scheme, secret).await;
    desk.call(&desk.worker(), &vendor).await.unwrap();
    assert_eq!(desk.secret().await, r#"{"client_id":"c","refresh_token":"refresh-1"}"#);
    desk.call(&desk.worker(), &vendor).await.unwrap();
    assert_eq!(vendor.count("/token"), 1, "the second worker opens what the first sealed");
    desk.store.clock.advance(Duration::from_hours(1));
    desk.call(&desk.worker(), &vendor).await.unwrap();
    let used: Vec<String> =
        vendor.requests().iter().filter(|r| r.path == "/token").map(Request::text).collect();
    assert_eq!(used.len(), 2);
    assert!(used[0].contains("refresh_token=refresh-0") && used[1].contains("refresh-1"));
    assert!(desk.secret().await.contains("refresh-2"));
}

#[tokio::test]
async fn a_token_endpoint_that_says_no_with_a_200_is_heard() {
    for (body, code) in [
        (r#"{"error": "invalid_grant", "error_description": "s3cret/canary"}"#, "unauthorized"),
        (r#"{"error": "temporarily_unavailable"}"#, "unavailable"),
        (r#"{"token": "?"}"#, "unavailable"),
        ("<html>", "unavailable"),
    ] {
        let vendor = Vendor::start(move |_, _| Reply::json(body)).await;
        let desk = Desk::new(&client_credentials(&vendor), CLIENT).await;
        let failure = desk.call(&desk.worker(), &vendor).await.err().unwrap();
        assert_eq!(failure.code(), code, "{body}");
        assert!(!format!("{failure:?}").contains("canary"));
        assert_eq!(vendor.count("/page"), 0);
        // The lease is gone: the next try is not put off.
        assert_eq!(desk.call(&desk.worker(), &vendor).await.err().unwrap().code(), code);
    }
}

#[tokio::test]
async fn the_state_table_never_holds_a_token_in_clear() {
    let vendor = oauth(|_| true).await;
    let desk = Desk::new(&client_credentials(&vendor), CLIENT).await;
    desk.call(&desk.worker(), &vendor).await.unwrap();
    let query = Query { pk: "acme".into(), ..Query::default() };
    let rows = desk.store.tables.query(Table::State, query).await.unwrap().items;
    assert_eq!(rows.len(), 1);
    let text = format!("{rows:?}");
    assert!(!text.contains("token-1") && !text.contains("canary") && !text.contains("dG9rZW4"));
}
