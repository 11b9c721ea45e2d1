//! The promises of every connector.

use std::time::Duration;

use ferrule_testing::{
    suite::{Promise, Setup, Suite},
    vendor::Reply,
};
use github::GitHub;
use serde_json::{Value, json};

const REPOSITORY: &str = "https://api.github.com/repos/acme/platform";

fn one_at_a_time(setup: Setup) -> Setup {
    setup
        .without(Promise::Together, "one issue is made by one worker; the others are told to wait")
        .without(Promise::Golden, "the marker in the body is of the tenant and the connection")
}

fn issue() -> Value {
    let url = format!("{REPOSITORY}/issues/7");
    json!({
        "id": 7001, "node_id": "I_7001", "number": 7, "title": "app.database.host changed",
        "state": "open", "locked": false, "user": null, "assignee": null, "milestone": {},
        "labels": [], "comments": 0, "closed_at": null, "url": url, "repository_url": REPOSITORY,
        "comments_url": format!("{url}/comments"), "events_url": format!("{url}/events"),
        "labels_url": format!("{url}/labels{{/name}}"),
        "html_url": "https://github.com/acme/platform/issues/7",
        "created_at": "2025-11-24T16:00:00Z", "updated_at": "2025-11-24T16:00:00Z",
    })
}

fn limits() -> Value {
    let rate = json!({"limit": 5000, "remaining": 4999, "reset": 1_764_003_600, "used": 1});
    json!({"rate": rate, "resources": {"core": rate, "search": rate}})
}

fn run() -> Value {
    json!({
        "workflow_run_id": 22934, "run_url": format!("{REPOSITORY}/actions/runs/22934"),
        "html_url": "https://github.com/acme/platform/actions/runs/22934",
    })
}

fn words(status: u16, text: &str) -> Reply {
    Reply::json(json!({"message": text}).to_string()).with_status(status)
}

#[tokio::test]
async fn keeps_its_promises() {
    Suite::new(GitHub::default())
        .settings(json!({"api_url": "{{vendor}}"}))
        .secret(json!({"token": "ghp_t0kenOfTheSuite"}))
        .notify(json!({"repository": "acme/platform", "labels": ["configuration"]}))
        .target(json!({"repository": "acme/platform"}))
        .case("dispatch", |setup| {
            setup.notify(json!({"repository": "acme/platform", "through": "repository_dispatch"}))
        })
        .case("workflow", |setup| {
            setup.notify(json!({"repository": "acme/platform", "through": "workflow",
                "workflow": "restart.yml", "inputs": {"key": "${.key}"}}))
        })
        .case("issue", one_at_a_time)
        .case("load", one_at_a_time)
        .contract("github")
        .answer("POST /repos/*/issues", Reply::json(issue().to_string()).with_status(201))
        .answer("POST /repos/*/workflows/*/dispatches", Reply::json(run().to_string()))
        .answer("POST /repos/acme/platform/dispatches", Reply::status(204))
        .answer("GET /repos/*/issues", Reply::json("[]"))
        .answer("GET /rate_limit", Reply::json(limits().to_string()))
        .throttled(words(429, "slow down").header("retry-after", "7"), Duration::from_secs(7))
        .throttled(
            words(403, "API rate limit exceeded")
                .header("x-ratelimit-remaining", "0")
                .header("x-ratelimit-reset", "1764000030"),
            Duration::from_secs(30),
        )
        .without(Promise::FalseSuccess, "GitHub decides by status")
        .run()
        .await;
}
