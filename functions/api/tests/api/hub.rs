//! A hub with two tenants, and a way to ask it.

use axum::{Router, body::Body};
use ferrule_core::{Hops, Message, Name, Tenant, Value, definition::Mode, json};
use ferrule_store::{Change, Clock, Queues, Role, Store, memory::Fuse};
use http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt as _;

/// 2023-11-14T22:13:20Z
pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

/// The functions behind the HTTP API, each with its own keys in memory.
#[derive(Clone)]
pub(crate) struct Door {
    api: Router,
    definitions: Router,
    config: Router,
}

impl Door {
    pub(crate) fn over(store: &Store) -> Self {
        Self {
            api: api::app(store.clone()),
            definitions: definitions::app(store.clone()),
            config: config::app(store.clone()),
        }
    }

    /// Finds who answers, as the routes of the template do.
    fn behind(&self, path: &str) -> Router {
        match path.split('/').nth(2) {
            Some("integrations" | "connections") => self.definitions.clone(),
            Some("config") => self.config.clone(),
            _ => self.api.clone(),
        }
    }
}

pub(crate) struct Hub {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) fuse: Fuse,
    /// Blows for queues alone.
    pub(crate) queue_fuse: Fuse,
    pub(crate) app: Door,
    pub(crate) admin: String,
    pub(crate) writer: String,
    pub(crate) reader: String,
    /// An admin of another tenant.
    pub(crate) stranger: String,
}

/// What came back.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        json::parse(self.text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Returns the text at a pointer such as `/items/0/key`.
    pub(crate) fn at(&self, pointer: &str) -> String {
        let value: serde_json::Value = serde_json::from_str(&self.text).unwrap();
        match value.pointer(pointer) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => panic!("nothing at {pointer}: {}", self.text),
        }
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        let items = self.json().get("items").and_then(Value::as_array).unwrap().to_vec();
        items.iter().map(|item| item.get("key").and_then(Value::as_str).unwrap().into()).collect()
    }

    pub(crate) fn etag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

pub(crate) fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

pub(crate) const CONNECTIONS: &[(&str, &str)] = &[
    (
        "export",
        "apiVersion: ferrule/v1\nkind: Connection\nmetadata: {name: export}\nconnector: files\n",
    ),
    (
        "hub",
        "apiVersion: ferrule/v1\nkind: Connection\nmetadata: {name: hub}\nconnector: records\n",
    ),
];

pub(crate) const INTEGRATION: &str = "\
apiVersion: ferrule/v1
kind: Integration
metadata: {name: tickets-in, owner: it-ops}
source: {connection: export, path: '*.csv'}
map:
  number: .number
  state: {from: .state, lower: true}
output: {connection: hub, table: tickets, key: .number}
";

pub(crate) const WEBHOOK: &str = "\
apiVersion: ferrule/v1
kind: Integration
metadata: {name: orders-in}
trigger: {webhook: {recipe: github}}
output: {connection: hub, table: orders}
";

impl Hub {
    /// Makes a hub with keys and nothing else.
    pub(crate) async fn bare() -> Self {
        let (clock, fuse, queue_fuse) = (Clock::manual(NOW_MS), Fuse::default(), Fuse::default());
        let mut store = Store::memory_with(clock.clone(), &fuse);
        let Queues::Memory(queues, _) = store.queues else { unreachable!() };
        store.queues = Queues::Memory(queues, queue_fuse.clone());
        let issue = async |of: &str, role| store.issue_key(&tenant(of), role, "").await.unwrap().0;
        let admin = issue("acme", Role::Admin).await;
        let writer = issue("acme", Role::Write).await;
        let reader = issue("acme", Role::Read).await;
        let stranger = issue("globex", Role::Admin).await;
        let app = Door::over(&store);
        Self { store, clock, fuse, queue_fuse, app, admin, writer, reader, stranger }
    }

    /// Makes a hub in which acme has two connections and two integrations.
    pub(crate) async fn new() -> Self {
        let hub = Self::bare().await;
        for (name, text) in CONNECTIONS {
            let path = format!("/v1/connections/{name}");
            assert_eq!(hub.put(&path, text).await.status, StatusCode::CREATED);
        }
        for (name, text) in [("tickets-in", INTEGRATION), ("orders-in", WEBHOOK)] {
            let answer = hub.put(&format!("/v1/integrations/{name}"), text).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        }
        hub
    }

    pub(crate) async fn ask(
        &self,
        key: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !key.is_empty() {
            request = request.header("X-Customer-Key", key);
        }
        for (header, value) in headers {
            request = request.header(*header, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn send<B>(&self, request: Request<B>) -> Answer
    where
        Body: From<B>,
    {
        let function = self.app.behind(request.uri().path());
        let response = function.oneshot(request.map(Body::from)).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
        Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(&self.reader, "GET", path, &[], "").await
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> Answer {
        self.ask(&self.admin, "PUT", path, &[], body).await
    }

    pub(crate) async fn sync(&self, body: &str) -> Answer {
        self.ask(&self.writer, "POST", "/v1/sync", &[], body).await
    }

    /// Takes what is waiting for a function.
    pub(crate) async fn sent(&self, function: &str) -> Vec<Message> {
        let Queues::Memory(queues, ..) = &self.store.queues else { unreachable!() };
        let mut messages = Vec::new();
        while let Some(received) = queues.receive(function) {
            messages.push(self.store.read_message(&received.body).await.unwrap());
            queues.delete(function, received.id);
        }
        messages
    }

    /// Writes rows of a table, as the connector `records` does.
    pub(crate) async fn keep(&self, table: &str, rows: &[(&str, &str, bool)]) {
        let change = |(key, value, deleted): &(&str, &str, bool)| Change {
            key: (*key).into(),
            version: None,
            deleted: *deleted,
            hops: Hops::default(),
            value: json::parse(value.as_bytes()).unwrap(),
        };
        let changes: Vec<Change> = rows.iter().map(change).collect();
        let (tenant, table) = (tenant("acme"), name(table));
        self.store.apply(&tenant, &table, Mode::Upsert, "test", &changes).await.unwrap();
    }
}
