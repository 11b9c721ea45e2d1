//! What dies: a connector's process is killed in the middle of its work, on the deployed template.

use std::{
    collections::BTreeSet,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use ferrule_core::Value;
use ferrule_testing::vendor::{Reply, Request, Vendor};

use crate::{
    hub::{Hub, count},
    stack::stack,
};

/// Orders in the shop, and how many a page of it has.
const ORDERS: usize = 60;
const PAGE: usize = 10;

/// A batch whose worker died is held until that worker's function would have ended: 60 s. The last
/// kill comes after two waits of the queue's 15 s.
const PATIENCE: Duration = Duration::from_mins(3);

/// A shop that hands out orders by the page, and a ledger that takes them one by one and never
/// looks whether it has one already. Some calls cost the caller's process its life.
#[derive(Default)]
struct World {
    pages: u32,
    posts: u32,
    ledger: Vec<String>,
    killed_reading: Vec<u32>,
    killed_writing: Vec<u32>,
}

impl World {
    fn answer(&mut self, request: &Request, port: u16) -> Reply {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/orders") => self.page(request, port),
            ("GET", _) => self.find(request),
            _ => self.post(request, port),
        }
    }

    /// The second and the fifth caller die before they have their page.
    fn page(&mut self, request: &Request, port: u16) -> Reply {
        self.pages += 1;
        if [2, 5].contains(&self.pages) {
            self.killed_reading.extend(kill(request, port));
        }
        let page: usize = request.param("page").unwrap().parse().unwrap();
        let orders = (page * PAGE..ORDERS).take(PAGE).map(|n| format!(r#"{{"id":"A{n:03}"}}"#));
        let orders: Vec<String> = orders.collect();
        let pages = ORDERS / PAGE;
        Reply::json(format!(r#"{{"orders":[{}],"pages":{pages}}}"#, orders.join(",")))
    }

    fn find(&self, request: &Request) -> Reply {
        // A check of the connection asks for nobody.
        let id = request.param("id").unwrap_or_default();
        if self.ledger.iter().any(|there| there == id) {
            return Reply::json(format!(r#"{{"items":[{{"id":"{id}"}}]}}"#));
        }
        Reply::json(r#"{"items":[]}"#)
    }

    /// Three callers die: the first before its order is written, the others before they know it is.
    fn post(&mut self, request: &Request, port: u16) -> Reply {
        self.posts += 1;
        let dies = [4, 9, 14].contains(&self.posts);
        if self.posts != 4 {
            let body = ferrule_core::json::parse(&request.body).unwrap();
            self.ledger.push(body.get("id").and_then(Value::as_str).unwrap().to_owned());
        }
        if dies {
            self.killed_writing.extend(kill(request, port));
        }
        Reply::json("{}").with_status(201)
    }
}

fn definitions(url: &str) -> String {
    let connection = |name| {
        format!(
            "apiVersion: ferrule/v1\nkind: Connection\nmetadata: {{name: {name}}}\n\
             connector: rest\nsettings: {{base_url: '{url}'}}\nlimits: {{calls: 6000/m}}"
        )
    };
    let integration = r"apiVersion: ferrule/v1
kind: Integration
metadata: {name: orders}
source:
  connection: shop
  path: /orders
  records: .orders
  paging: {page: {param: page, first: 0, pages: .pages}}
map: {id: .id}
output:
  connection: ledger
  mode: insert
  key: .id
  path: /items
  lookup: {path: '/items?id={key}', id: '.items[0].id', update: '/items/{id}'}
limits: {batch: 5}";
    [connection("shop"), connection("ledger"), integration.to_owned()].join("\n---\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_a_connector_five_times_in_one_run_loses_and_doubles_nothing() {
    if !cfg!(target_os = "linux") {
        println!("skipped: processes are found in /proc");
        return;
    }
    let hub = Hub::of("killed").await;
    let world = Arc::new(Mutex::new(World::default()));
    let (seen, address) = (Arc::clone(&world), Arc::new(Mutex::new(0)));
    let own_port = Arc::clone(&address);
    let vendor = Vendor::start(move |request, _| {
        let port = *own_port.lock().unwrap();
        seen.lock().unwrap().answer(request, port)
    })
    .await;
    *address.lock().unwrap() = vendor.url("").rsplit(':').next().unwrap().parse().unwrap();
    hub.define(&definitions(&vendor.url(""))).await;
    let run = hub.start("orders", false).await;
    let run = hub.end_within(PATIENCE, &run).await;
    assert!(hub.errors("orders").await.is_empty(), "{run}");
    judge(&world.lock().unwrap(), &run);
}

/// Five died, every order is in the ledger once, and the run knows it.
fn judge(world: &World, run: &Value) {
    let killed: BTreeSet<u32> =
        world.killed_reading.iter().chain(&world.killed_writing).copied().collect();
    assert_eq!((world.killed_reading.len(), world.killed_writing.len()), (2, 3), "{run}");
    assert_eq!(killed.len(), 5, "five processes: {killed:?}");
    let mut ledger = world.ledger.clone();
    ledger.sort_unstable();
    let orders: Vec<String> = (0..ORDERS).map(|n| format!("A{n:03}")).collect();
    assert_eq!(ledger, orders, "{run}");
    assert_eq!(run.get("state").and_then(Value::as_str), Some("succeeded"), "{run}");
    assert_eq!(count(run, "read"), 60, "{run}");
    // What a dead worker wrote is found there by the next one.
    assert_eq!(count(run, "created") + count(run, "unchanged"), 60, "{run}");
    assert!(count(run, "unchanged") >= 1, "{run}");
}

/// Kills the process that waits for the answer to `request`, and returns its id.
fn kill(request: &Request, port: u16) -> Option<u32> {
    let pid = caller(request.port, port)?;
    let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let function = format!("AWS_LAMBDA_FUNCTION_NAME={}-rest", stack().details().stack);
    assert!(environ.split(|byte| *byte == 0).any(|one| one == function.as_bytes()));
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    status.success().then_some(pid)
}

/// Finds who holds the connection from the port `from` to the port `to`.
pub(crate) fn caller(from: u16, to: u16) -> Option<u32> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let is_it = |fields: &Vec<&str>| {
        fields[1].ends_with(&format!(":{from:04X}")) && fields[2].ends_with(&format!(":{to:04X}"))
    };
    let line = table.lines().map(|line| line.split_whitespace().collect()).find(is_it)?;
    let socket = format!("socket:[{}]", line[9]);
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(|pid: &u32| {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        files
            .filter_map(|file| std::fs::read_link(file.path()).ok())
            .any(|link| link.as_os_str() == socket.as_str())
    })
}
