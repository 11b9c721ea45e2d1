//! What is measured: a pull of records, and webhooks on their way to an endpoint.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::{Value, cost};
use ferrule_testing::vendor::{Reply, Vendor};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::task::JoinSet;

use crate::{
    hub::{Hub, pause},
    measure::{self, Measured},
};

const PAGE: usize = 1_000;

/// Deliveries on their way at the same time.
const SENDERS: usize = 16;

const PATIENCE: Duration = Duration::from_mins(20);

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

/// A shop with customers and a ledger; it counts what it is sent.
struct World {
    vendor: Vendor,
    calls: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
    rows: Arc<AtomicUsize>,
}

impl World {
    async fn new(customers: usize, wording: Wording) -> Self {
        let [calls, bytes, rows] = std::array::from_fn(|_| Arc::<AtomicUsize>::default());
        let seen = [&calls, &bytes, &rows].map(Arc::clone);
        let vendor = Vendor::start(move |request, _| {
            seen[0].fetch_add(1, Ordering::Relaxed);
            if request.method == "GET" {
                return page(request.param("page").unwrap_or("1"), customers, wording);
            }
            seen[1].fetch_add(request.body.len(), Ordering::Relaxed);
            let body = ferrule_core::json::parse(&request.body).unwrap();
            seen[2].fetch_add(body.as_array().map_or(1, <[Value]>::len), Ordering::Relaxed);
            Reply::json("{}")
        })
        .await;
        Self { vendor, calls, bytes, rows }
    }

    fn fill(&self, measured: &mut Measured, before: (usize, usize)) {
        measured.vendor_calls = self.calls.load(Ordering::Relaxed) - before.0;
        measured.vendor_bytes = self.bytes.load(Ordering::Relaxed) - before.1;
    }

    fn so_far(&self) -> (usize, usize) {
        (self.calls.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

fn page(page: &str, customers: usize, wording: Wording) -> Reply {
    let first = (page.parse::<usize>().unwrap() - 1) * PAGE;
    let rows: Vec<String> = (first..customers).take(PAGE).map(|at| customer(at, wording)).collect();
    let pages = customers.div_ceil(PAGE);
    Reply::json(format!(r#"{{"data":[{}],"pages":{pages}}}"#, rows.join(",")))
}

/// How much of a record's text is news. What lies on a queue is packed, so the price hangs on it.
#[derive(Clone, Copy)]
pub(crate) enum Wording {
    /// Every word is another one: hardly anything can be packed.
    News,
    /// As people and forms write, the same phrases again and again: LZ4 makes a fifth of it.
    Phrases,
}

const PHRASES: [&str; 6] = [
    "Customer called about the invoice and asks for a copy by mail.",
    "Contract was renewed for twelve months at the usual terms.",
    "Imported from the old system, address not verified.",
    "Asked to be called back after the holidays; prefers the morning.",
    "Two seats were added on request, billing is to follow with the next month.",
    "No answer by phone, left a message.",
];

/// The notes of a customer: some 560 bytes of text.
fn notes(at: usize, wording: Wording) -> String {
    let chance = |n: usize| (at * 31 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let news = |n: usize| format!("{:x}", chance(n));
    let phrase =
        |n: usize| format!("{} {}", chance(n) % 977, PHRASES[(chance(n) >> 32) % PHRASES.len()]);
    let words: Vec<String> = match wording {
        Wording::News => (0..34).map(news).collect(),
        Wording::Phrases => (0..8).map(phrase).chain((8..13).map(news)).collect(),
    };
    words.join(" ")
}

/// A nested customer of about 1 KB.
fn customer(at: usize, wording: Wording) -> String {
    format!(
        r#"{{"id":"c{at:07}","profile":{{"name":{{"first":"Ada","last":"Number {at}"}},"email":" Ada.{at}@Example.ORG "}},"address":{{"country":"lv","city":"Riga","street":"Brivibas {at}"}},"billing":{{"balance":"{at}.07","plan":{{"seats":"{}"}}}},"flags":{{"active":"true"}},"created_at":1700{:06},"notes":"{}"}}"#,
        at % 90 + 1,
        at % 1_000_000,
        notes(at, wording)
    )
}

/// Pulls so many records into the ledger.
pub(crate) async fn pull(records: usize, wording: Wording) -> Measured {
    let hub = Hub::of(match wording {
        Wording::News => "cost-news",
        Wording::Phrases => "cost-phrases",
    });
    let hub = hub.await;
    let world = World::new(records, wording).await;
    let url = world.vendor.url("");
    hub.define(&connections(&url)).await;
    hub.define(PULL).await;
    // A first run warms up every function.
    let warm = World::new(PAGE, wording).await;
    hub.define(&connections(&warm.vendor.url(""))).await;
    hub.sync("customers", true).await;
    hub.define(&connections(&url)).await;
    pause(Duration::from_secs(31)).await; // connections are kept for half a minute
    let (before, so_far) = (measure::begin(), world.so_far());
    let run = hub.start("customers", true).await;
    let run = hub.end_within(PATIENCE, &run).await;
    let mut measured = before.end();
    assert_eq!(world.rows.load(Ordering::Relaxed), records, "{run}");
    world.fill(&mut measured, so_far);
    measured.estimate = estimate(&hub, &[run]).await;
    measured
}

/// Delivers so many webhooks, each of which becomes a call of an endpoint.
pub(crate) async fn deliver(webhooks: usize) -> Measured {
    let hub = Arc::new(Hub::of("cost-hooks").await);
    let world = World::new(0, Wording::News).await;
    hub.define(&connections(&world.vendor.url(""))).await;
    hub.define(HOOK).await;
    let secret = format!(r#"{{"secrets":["whsec_{}"]}}"#, STANDARD.encode(KEY));
    hub.secret("ingest", "orders", &secret).await;
    send(&hub, 0, SENDERS).await;
    arrive(&world, SENDERS).await;
    let (before, so_far) = (measure::begin(), world.so_far());
    send(&hub, SENDERS, webhooks).await;
    arrive(&world, SENDERS + webhooks).await;
    // The journal has yet to hear of the last ones.
    let runs = loop {
        let runs = hub.runs().await;
        let is_over = |run: &&Value| run.get("state").and_then(Value::as_str) != Some("running");
        if runs.iter().filter(is_over).count() == SENDERS + webhooks {
            break runs;
        }
        pause(Duration::from_millis(500)).await;
    };
    let mut measured = before.end();
    world.fill(&mut measured, so_far);
    measured.api_requests = webhooks;
    measured.estimate = estimate(&hub, &runs[..webhooks]).await;
    measured
}

async fn arrive(world: &World, rows: usize) {
    for _ in 0..6_000 {
        if world.rows.load(Ordering::Relaxed) >= rows {
            return;
        }
        pause(Duration::from_millis(100)).await;
    }
    panic!("{} of {rows} arrived", world.rows.load(Ordering::Relaxed));
}

async fn send(hub: &Arc<Hub>, first: usize, count: usize) {
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let hub = Arc::clone(hub);
        senders.spawn(async move {
            for at in (first..first + count).skip(sender).step_by(SENDERS) {
                send_one(&hub, at).await;
            }
        });
    }
    senders.join_all().await;
}

async fn send_one(hub: &Hub, at: usize) {
    let (id, sent, body) =
        (format!("msg_{at}"), now_secs().to_string(), customer(at, Wording::News));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    mac.update(format!("{id}.{sent}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", id.as_str()),
        ("webhook-timestamp", &sent),
        ("webhook-signature", &signature),
    ];
    let answer = hub.deliver("orders", &headers, body.as_bytes()).await;
    assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
}

#[expect(clippy::disallowed_methods, reason = "senders of webhooks sign the real time")]
fn now_secs() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// What the hub itself makes of these runs.
async fn estimate(hub: &Hub, runs: &[Value]) -> cost::Usage {
    let mut usage = cost::Usage::default();
    for run in runs {
        let id = ferrule_core::RunId::new(run.get("run").and_then(Value::as_str).unwrap());
        let run = hub.store.run(&hub.tenant, &id).await.unwrap().unwrap();
        usage += cost::of_run(&run);
    }
    usage
}

fn connections(url: &str) -> String {
    ["shop", "crm"].map(|name| CONNECTION.replace("NAME", name).replace("URL", url)).join("\n---\n")
}

const CONNECTION: &str = r"apiVersion: ferrule/v1
kind: Connection
metadata: {name: NAME}
connector: rest
settings: {base_url: 'URL'}
limits: {calls: 60000/m}";

const PULL: &str = r"apiVersion: ferrule/v1
kind: Integration
metadata: {name: customers}
source:
  connection: shop
  path: /customers
  records: .data
  paging: {page: {param: page, pages: .pages}}
map:
  external_id: {from: .id, required: true}
  full_name: {concat: [.profile.name.first, ' ', .profile.name.last]}
  email: {from: .profile.email, trim: true, lower: true, required: true}
  country: {from: .address.country, upper: true, required: true}
  balance_cents: {from: .billing.balance, type: int, scale: 2}
  seats: {from: .billing.plan.seats, type: int}
  active: {from: .flags.active, type: bool}
  created_at: {from: .created_at, type: epoch}
output:
  connection: crm
  path: /sink
  mode: insert
  key: .external_id
  method: post
  batch: 500
  idempotency_header: Idempotency-Key
";

const HOOK: &str = r"apiVersion: ferrule/v1
kind: Integration
metadata: {name: orders}
trigger: {webhook: {recipe: standard_webhooks}}
map: {id: .id, email: .profile.email, cents: {from: .billing.balance, type: int, scale: 2}}
output:
  connection: crm
  path: /hooks
  mode: insert
  key: .id
  method: post
  idempotency_header: Idempotency-Key
";
