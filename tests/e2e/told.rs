//! Who is told, and what they got.

use std::time::{Duration, Instant};

use ferrule_core::{Value, json};
use ferrule_testing::vendor::{Request, Vendor};

use crate::hub::{Hub, pause};
use crate::stack::complaints;

/// What is waited for takes less, even on a busy machine and after three retries.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// Writes the definition of a connection. Its limit is by the hour: what a window allows for delays is
/// divided by the time scale too, and a busy machine needs more than some milliseconds.
pub(crate) fn connection(name: &str, connector: &str, settings: &str) -> String {
    format!(
        "apiVersion: ferrule/v1\nkind: Connection\nmetadata: {{name: {name}}}\n\
         connector: {connector}\nsettings: {settings}\nlimits: {{calls: 360000/h}}"
    )
}

/// Writes the definition of an integration that tells these.
pub(crate) fn integration(name: &str, trigger: &str, recipients: &str) -> String {
    format!(
        "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {{name: {name}}}\n\
         trigger: {trigger}\noutput: {{notify: {recipients}}}"
    )
}

/// Returns what was posted to a path. The hourly check of a connection only looks whether somebody is there;
/// of an incoming webhook of Slack it asks that by an empty message, which Slack posts nowhere.
pub(crate) fn posted(vendor: &Vendor, path: &str) -> Vec<Request> {
    let mut requests = vendor.requests();
    requests.retain(|request| {
        request.path == path && request.method == "POST" && request.body != b"{}"
    });
    requests
}

/// Returns the data of what a webhook receiver got.
pub(crate) fn data(request: &Request) -> Value {
    json::parse(&request.body).unwrap().get("data").cloned().unwrap()
}

/// Returns what it is about, the members of a digest one by one.
pub(crate) fn subjects(data: &Value) -> Vec<String> {
    let subject = |data: &Value| {
        let subject = data.get("subject").and_then(Value::as_str);
        subject.unwrap_or_default().to_owned()
    };
    match data.get("digest").and_then(Value::as_array) {
        Some(members) => members.iter().map(subject).collect(),
        None => vec![subject(data)],
    }
}

/// Waits until no run is going on.
pub(crate) async fn quiet(hub: &Hub) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    let is_running = |run: &Value| run.get("state").and_then(Value::as_str) == Some("running");
    loop {
        let runs = hub.runs().await;
        if !runs.iter().any(is_running) {
            return runs;
        }
        assert!(Instant::now() < deadline, "runs do not end\n{}", complaints());
        pause(Duration::from_millis(200)).await;
    }
}
