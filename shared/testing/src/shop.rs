//! A shop to read from and a ledger to write to, on one server, with one of seven faults: what every integration tool meets and few survive.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use ferrule_core::{Value, json};

use crate::vendor::{Manner, Reply, Request, Vendor};

/// Customers in the shop, and how many a page of it has.
const CUSTOMERS: usize = 2_000;
const PAGE: usize = 200;

/// One customer in so many has no country, and is refused.
const WITHOUT_COUNTRY: usize = 50;

/// The fault is met with every so manieth request: of the shop, and of the ledger.
const OF_PAGES: usize = 4;
const OF_POSTS: usize = 5;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The shop answers 429 with `Retry-After: 1`.
    ShopTooMany,
    /// The shop answers 500.
    ShopError,
    /// The shop's connection is cut in the middle of a page.
    ShopCut,
    /// The shop answers 200 with half a JSON text.
    ShopHalf,
    /// The ledger answers 500 and takes nothing.
    LedgerError,
    /// The ledger takes the records, then answers 500.
    LedgerLostAnswer,
    /// The ledger answers 429 with `Retry-After: 1`.
    LedgerTooMany,
    /// Nothing: what goes wrong is elsewhere.
    Nothing,
}

impl Fault {
    /// All seven.
    pub const ALL: [Self; 7] = [
        Self::ShopTooMany,
        Self::ShopError,
        Self::ShopCut,
        Self::ShopHalf,
        Self::LedgerError,
        Self::LedgerLostAnswer,
        Self::LedgerTooMany,
    ];
}

/// The line of the definitions that names the header with keys.
const KEYS: &str = "  idempotency_header: Idempotency-Key\n";

/// Whether the ledger heeds the header `Idempotency-Key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ledger {
    /// A key it has seen is answered 200 and writes nothing.
    Keyed,
    /// It writes whatever comes.
    Deaf,
}

/// What the ledger holds at the end, by its own count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Customers who should be in it.
    pub expected: usize,
    /// Customers who are.
    pub arrived: usize,
    /// Customers who came again.
    pub doubled: usize,
    /// Rows that are no customer as it should be.
    pub wrong: usize,
    /// How often the fault was met.
    pub faults: usize,
    /// The most rows that came in one call.
    pub largest: usize,
}

#[derive(Debug)]
struct World {
    fault: Fault,
    ledger: Ledger,
    pages: usize,
    posts: usize,
    keys: HashSet<String>,
    rows: HashMap<String, usize>,
    tally: Tally,
}

/// The server. It stops when it is dropped.
#[derive(Debug)]
pub struct Shop {
    vendor: Vendor,
    world: Arc<Mutex<World>>,
}

impl Shop {
    /// Opens on a free port.
    pub async fn open(fault: Fault, ledger: Ledger) -> Self {
        let expected = CUSTOMERS - CUSTOMERS / WITHOUT_COUNTRY;
        let world = Arc::new(Mutex::new(World {
            fault,
            ledger,
            pages: 0,
            posts: 0,
            keys: HashSet::new(),
            rows: HashMap::new(),
            tally: Tally { expected, ..Tally::default() },
        }));
        let seen = Arc::clone(&world);
        let vendor = Vendor::start(move |request, _| seen.lock().unwrap().answer(request)).await;
        Self { vendor, world }
    }

    /// Returns the definitions that copy the shop's customers into the ledger. They say so when it is
    /// deaf: no header names its keys.
    pub fn definitions(&self) -> String {
        let definitions = DEFINITIONS.replace("{{url}}", &self.vendor.url(""));
        match self.world.lock().unwrap().ledger {
            Ledger::Keyed => definitions,
            Ledger::Deaf => definitions.replace(KEYS, ""),
        }
    }

    /// Returns what the ledger holds.
    pub fn tally(&self) -> Tally {
        let world = self.world.lock().unwrap();
        let doubled = world.rows.values().map(|times| times - 1).sum();
        Tally { arrived: world.rows.len(), doubled, ..world.tally }
    }
}

impl World {
    fn answer(&mut self, request: &Request) -> Reply {
        match request.method.as_str() {
            "GET" => self.page(request),
            _ => self.post(request),
        }
    }

    fn is_met(&mut self, faults: &[Fault], request: usize, every: usize) -> bool {
        let is_met = faults.contains(&self.fault) && request.is_multiple_of(every);
        self.tally.faults += usize::from(is_met);
        is_met
    }

    fn page(&mut self, request: &Request) -> Reply {
        self.pages += 1;
        let shop = [Fault::ShopTooMany, Fault::ShopError, Fault::ShopCut, Fault::ShopHalf];
        let is_met = self.is_met(&shop, self.pages, OF_PAGES);
        let page: usize = request.param("page").and_then(|page| page.parse().ok()).unwrap_or(1);
        let first = (page.max(1) - 1) * PAGE;
        let customers: Vec<_> = (first..CUSTOMERS).take(PAGE).map(customer).collect();
        let body = format!(r#"{{"data":[{}],"pages":{}}}"#, customers.join(","), CUSTOMERS / PAGE);
        let half = body.len() / 2;
        match self.fault {
            _ if !is_met => Reply::json(body),
            Fault::ShopCut => Reply::json(body).manner(Manner::CutAfter(half)),
            Fault::ShopHalf => Reply::json(&body[..half]),
            fault => refusal(fault),
        }
    }

    fn post(&mut self, request: &Request) -> Reply {
        self.posts += 1;
        let ledger = [Fault::LedgerError, Fault::LedgerLostAnswer, Fault::LedgerTooMany];
        let is_met = self.is_met(&ledger, self.posts, OF_POSTS);
        if is_met && self.fault != Fault::LedgerLostAnswer {
            return refusal(self.fault);
        }
        let key = request.header("idempotency-key").unwrap_or_default().to_owned();
        let is_known = self.ledger == Ledger::Keyed && !self.keys.insert(key);
        if !is_known {
            self.write(request);
        }
        if is_met { refusal(self.fault) } else { Reply::json("{}") }
    }

    fn write(&mut self, request: &Request) {
        let body = json::parse(&request.body).unwrap_or_default();
        let rows = body.as_array().unwrap_or_default();
        self.tally.largest = self.tally.largest.max(rows.len());
        self.tally.wrong += usize::from(rows.is_empty());
        for row in rows {
            match expected(row) {
                Some(id) => *self.rows.entry(id).or_default() += 1,
                None => self.tally.wrong += 1,
            }
        }
    }
}

fn refusal(fault: Fault) -> Reply {
    match fault {
        Fault::ShopTooMany | Fault::LedgerTooMany => Reply::status(429).header("retry-after", "1"),
        _ => Reply::status(500),
    }
}

fn country(at: usize) -> Option<&'static str> {
    (at % WITHOUT_COUNTRY != 7).then_some(["lv", "de", "jp"][at % 3])
}

fn customer(at: usize) -> String {
    let country = country(at).map_or("null".to_owned(), |country| format!("\"{country}\""));
    format!(
        r#"{{"id":"c{at:05}","name":{{"first":"Ada","last":"Nr {at}"}},"country":{country},"balance":"{at}.07"}}"#
    )
}

/// Returns the id of a row when it is just what the mapping makes of that customer.
fn expected(row: &Value) -> Option<String> {
    let id = row.get("id")?.as_str()?;
    let at: usize = id.strip_prefix('c')?.parse().ok()?;
    let country = country(at)?.to_uppercase();
    let right = format!(
        r#"{{"id":"c{at:05}","name":"Ada Nr {at}","country":"{country}","cents":{}}}"#,
        at * 100 + 7
    );
    (row.to_string() == right).then(|| id.to_owned())
}

const DEFINITIONS: &str = r"apiVersion: ferrule/v1
kind: Connection
metadata: {name: shop}
connector: rest
settings: {base_url: '{{url}}'}
limits: {calls: 6000/m}
---
apiVersion: ferrule/v1
kind: Connection
metadata: {name: ledger}
connector: rest
settings: {base_url: '{{url}}'}
limits: {calls: 6000/m}
---
apiVersion: ferrule/v1
kind: Integration
metadata: {name: customers}
source:
  connection: shop
  path: /customers
  records: .data
  paging: {page: {param: page, pages: .pages}}
map:
  id: .id
  name: {concat: [.name.first, ' ', .name.last]}
  country: {from: .country, upper: true, required: true}
  cents: {from: .balance, type: int, scale: 2}
output:
  connection: ledger
  path: /entries
  method: post
  mode: insert
  key: .id
  batch: 100
  idempotency_header: Idempotency-Key
retry: {schedule: [1s, 2s, 4s], then: park}
limits: {batch: 100}
";
