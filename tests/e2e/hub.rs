//! A tenant of the deployed stack, used the way a customer does: over the HTTP API.

use std::time::{Duration, Instant};

use ferrule_core::{Name, Tenant, Value, json};
use ferrule_store::{
    Places, Role, Store,
    aws::{Access, Keys},
};
use reqwest::{Client, Method, StatusCode};

use crate::stack::{complaints, stack};

/// A run that takes longer than this is stuck.
const PATIENCE: Duration = Duration::from_mins(2);

/// One tenant with its admin key.
pub(crate) struct Hub {
    pub(crate) tenant: Tenant,
    pub(crate) store: Store,
    key: String,
    client: Client,
    url: String,
}

/// What the API answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Answer {
    /// The text at a key of the body.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.body.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

impl Hub {
    /// Makes a tenant on the stack and issues its key.
    pub(crate) async fn of(tenant: &str) -> Self {
        let details = stack().details();
        let store = store(&details.payloads);
        register(&store).await;
        let tenant = Tenant::new(tenant).unwrap();
        let (key, _) = store.issue_key(&tenant, Role::Admin, "tests").await.unwrap();
        let client = Client::builder().timeout(Duration::from_mins(1)).build().unwrap();
        Self { tenant, store, key, client, url: details.api_url.clone() }
    }

    /// Sends a request with this tenant's key.
    pub(crate) async fn send(&self, method: Method, path: &str, body: &str) -> Answer {
        self.send_as(&self.key, method, path, body).await
    }

    /// Sends a request with any key.
    pub(crate) async fn send_as(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: &str,
    ) -> Answer {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let request = request.header("x-customer-key", key).body(body.to_owned());
        let response = request.header("content-type", "application/yaml").send().await.unwrap();
        let status = response.status();
        let body = response.bytes().await.unwrap();
        Answer { status, body: json::parse(&body).unwrap_or_default() }
    }

    /// Delivers a webhook, as a stranger without a key does.
    pub(crate) async fn deliver(
        &self,
        integration: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let url = format!("{}/webhooks/{}/{integration}", self.url, self.tenant);
        let request = self.client.post(url).body(body.to_vec());
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.unwrap();
        let status = response.status();
        let body = response.bytes().await.unwrap();
        Answer { status, body: json::parse(&body).unwrap_or_default() }
    }

    /// Reads something that must be there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.send(Method::GET, path, "").await;
        assert_eq!(answer.status, StatusCode::OK, "GET {path}: {}", answer.body);
        answer.body
    }

    /// Stores every document of a YAML text, connections first as they stand.
    pub(crate) async fn define(&self, text: &str) {
        for document in text.split("\n---\n") {
            let answer = self.put(document).await;
            assert!(answer.status.is_success(), "{}\n{document}", answer.body);
        }
    }

    /// Stores one document.
    pub(crate) async fn put(&self, document: &str) -> Answer {
        let kind =
            if document.contains("kind: Connection") { "connections" } else { "integrations" };
        let name = document.split("name: ").nth(1).unwrap_or_default();
        let name = name.split([',', '}', '\n']).next().unwrap_or_default().trim();
        self.send(Method::PUT, &format!("/v1/{kind}/{name}"), document).await
    }

    /// Stores a secret the way `ferrule secret set` does.
    pub(crate) async fn secret(&self, connector: &str, connection: &str, body: &str) {
        let (owner, name) = (Name::new(connector).unwrap(), Name::new(connection).unwrap());
        assert!(self.store.secrets.write(&owner, &self.tenant, &name, body, None).await.unwrap());
    }

    /// Puts a file where a `files` connection with `prefix: <tenant>` finds it.
    pub(crate) async fn upload(&self, path: &str, body: &[u8]) {
        let files = store(&stack().details().files);
        files.payloads.put(&self.tenant, path, body.to_vec()).await.unwrap();
    }

    /// Starts a run and returns its id.
    pub(crate) async fn start(&self, integration: &str, full: bool) -> String {
        let body = format!(r#"{{"integration":"{integration}","full":{full}}}"#);
        let answer = self.send(Method::POST, "/v1/sync", &body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}\n{}", answer.body, complaints());
        answer.text("run").to_owned()
    }

    /// Starts a run and waits until it is over.
    pub(crate) async fn sync(&self, integration: &str, full: bool) -> Value {
        let run = self.start(integration, full).await;
        self.end_of(&run).await
    }

    /// Makes a plan and waits for its answer; `more` are further keys of the request.
    pub(crate) async fn plan(&self, integration: &str, more: &str) -> Value {
        let body = format!(r#"{{"integration":"{integration}","plan":true{more}}}"#);
        let answer = self.send(Method::POST, "/v1/sync", &body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}\n{}", answer.body, complaints());
        self.end_of(answer.text("run")).await
    }

    /// Waits until a run is over.
    pub(crate) async fn end_of(&self, run: &str) -> Value {
        self.end_within(PATIENCE, run).await
    }

    /// Waits until a run is over, for as long as it may take.
    pub(crate) async fn end_within(&self, patience: Duration, run: &str) -> Value {
        let deadline = Instant::now() + patience;
        loop {
            let now = self.get(&format!("/v1/runs/{run}")).await;
            if now.get("state").and_then(Value::as_str) != Some("running") {
                return now;
            }
            assert!(Instant::now() < deadline, "{run} does not end: {now}\n{}", complaints());
            pause(Duration::from_millis(200)).await;
        }
    }

    /// Reads a table of the hub to its end.
    pub(crate) async fn table(&self, table: &str) -> Vec<Value> {
        self.list(&format!("/v1/records/{table}?limit=500")).await
    }

    /// Reads the error log of an integration to its end.
    pub(crate) async fn errors(&self, integration: &str) -> Vec<Value> {
        self.list(&format!("/v1/errors?integration={integration}&limit=100")).await
    }

    /// Reads the sync log to its end.
    pub(crate) async fn runs(&self) -> Vec<Value> {
        self.list("/v1/runs?limit=100").await
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut next = String::new();
        loop {
            let page = self.get(&format!("{path}{next}")).await;
            let (_, rows) = page
                .as_object()
                .and_then(|page| page.iter().find(|(_, value)| value.as_array().is_some()))
                .unwrap_or_else(|| panic!("no list in {page}"));
            items.extend(rows.as_array().unwrap().iter().cloned());
            match page.get("next").or_else(|| page.get("cursor")).and_then(Value::as_str) {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => return items,
            }
        }
    }
}

/// The count `name` of a run.
pub(crate) fn count(run: &Value, name: &str) -> i64 {
    let counts = run.get("counts").unwrap_or_else(|| panic!("no counts in {run}"));
    counts.get(name).and_then(Value::as_i64).unwrap_or(0)
}

/// Waits for something that happens elsewhere.
#[expect(clippy::disallowed_methods, reason = "a test of other processes has to wait for them")]
pub(crate) async fn pause(wait: Duration) {
    tokio::time::sleep(wait).await;
}

fn store(bucket: &str) -> Store {
    let details = stack().details();
    let places = Places {
        stack: details.stack.clone(),
        stage: details.stage.clone(),
        queue_prefix: details.queues.clone(),
        payload_bucket: bucket.to_owned(),
        endpoint: Some(details.endpoint.clone()),
    };
    let keys = Keys { id: details.access_key.clone(), secret: details.secret_key.clone() };
    let access = Access { region: details.region.clone(), keys: Some(keys) };
    Store::aws_as(&places, details.time_scale, access)
}

/// Makes the connectors known, as `ferrule up` does.
async fn register(store: &Store) {
    let root = ferrule_cli::stack::Workspace::find().unwrap().root().join("functions");
    for entry in std::fs::read_dir(root).unwrap() {
        let folder = entry.unwrap();
        let Ok(text) = std::fs::read(folder.path().join("schema.json")) else { continue };
        let name = Name::new(folder.file_name().into_string().unwrap()).unwrap();
        store.put_connector(&name, &json::parse(&text).unwrap()).await.unwrap();
    }
}
