use ferrule_core::{Message, Task, Value, definition::Urgency};
use http::StatusCode;

use crate::hub::{Answer, Hub, NOW_MS, tenant};

mod batch;
mod secrets;

const HOST: &str = "/v1/config/app.database.host";

impl Hub {
    /// Sets a value.
    async fn set(&self, path: &str, body: &str) -> Answer {
        self.ask(&self.writer, "PUT", path, &[], body).await
    }

    async fn back(&self, path: &str, body: &str) -> Answer {
        self.ask(&self.writer, "POST", &format!("{path}/rollback"), &[], body).await
    }

    async fn forget(&self, path: &str) -> StatusCode {
        self.ask(&self.writer, "DELETE", path, &[], "").await.status
    }

    /// Takes the events that wait for dispatch, each with the urgency of its message.
    async fn told(&self) -> Vec<(Value, Urgency)> {
        let mut told = Vec::new();
        for queue in ["dispatch", "dispatch-urgent"] {
            for Message { envelope, task } in self.sent(queue).await {
                assert_eq!(envelope.tenant, tenant("acme"));
                let Task::Events(batch) = task else { panic!("{task:?}") };
                let events = batch.records.into_iter().map(|record| record.value);
                told.extend(events.map(|event| (event, envelope.urgency)));
            }
        }
        told
    }
}

fn at<'v>(event: &'v Value, key: &str) -> &'v str {
    event.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[tokio::test]
async fn a_value_is_set_shown_and_told() {
    let hub = Hub::bare().await;
    let first = hub.set(HOST, r#"{"value": "a", "reason": "go live"}"#).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    assert_eq!((&*first.at("/version"), &*first.etag()), ("1", "\"1\""));
    let second = hub.set(HOST, r#"{"value": {"n": 12345678901234567890123, "d": 1.10}}"#).await;
    assert_eq!(second.status, StatusCode::OK);
    let shown = hub.get(HOST).await;
    assert!(
        shown.text.contains(r#""value":{"n":12345678901234567890123,"d":1.10}"#),
        "{}",
        shown.text
    );
    assert_eq!((&*shown.at("/key"), &*shown.at("/environment")), ("app.database.host", "default"));
    let id = hub.store.key(&hub.writer).await.unwrap().unwrap().id;
    assert_eq!(shown.at("/by"), id);
    let same = hub.ask(&hub.reader, "GET", HOST, &[("if-none-match", &second.etag())], "").await;
    assert_eq!(same.status, StatusCode::NOT_MODIFIED);
    let told = hub.told().await;
    assert_eq!(told.len(), 2);
    let first = &told[0].0;
    assert_eq!((at(first, "type"), at(first, "subject")), ("config.changed", "app.database.host"));
    assert_eq!((at(first, "new"), at(first, "reason"), at(first, "by")), ("a", "go live", &*id));
    assert_eq!(at(first, "time"), "2023-11-14T22:13:20.000Z", "{NOW_MS}");
}

#[tokio::test]
async fn the_same_value_again_is_no_change() {
    let hub = Hub::bare().await;
    hub.set(HOST, r#"{"value": "a"}"#).await;
    let again = hub.set(HOST, r#"{"value": "a", "reason": "again"}"#).await;
    assert_eq!(
        (again.status, &*again.at("/changed"), &*again.at("/version")),
        (StatusCode::OK, "false", "1")
    );
    assert_eq!(hub.told().await.len(), 1);
}

#[tokio::test]
async fn the_history_shows_who_when_why_and_can_be_gone_back_to() {
    let hub = Hub::bare().await;
    for value in ["a", "b", "c"] {
        hub.set(HOST, &format!(r#"{{"value": "{value}"}}"#)).await;
    }
    let back = hub.back(HOST, r#"{"version": 1, "reason": "c is down"}"#).await;
    assert_eq!((back.status, &*back.at("/value")), (StatusCode::OK, "a"));
    assert_eq!(hub.forget(HOST).await, StatusCode::NO_CONTENT);
    assert_eq!(hub.get(HOST).await.status, StatusCode::NOT_FOUND);
    assert_eq!(hub.forget(HOST).await, StatusCode::NOT_FOUND);
    let path = format!("{HOST}/history");
    let first = hub.get(&format!("{path}?limit=2")).await;
    assert_eq!((&*first.at("/items/0/action"), &*first.at("/items/1/of")), ("delete", "1"));
    assert_eq!(first.at("/items/1/reason"), "c is down");
    let next = first.at("/next");
    let rest = hub.get(&format!("{path}?limit=9&cursor={next}")).await;
    assert_eq!((&*rest.at("/items/0/value"), &*rest.at("/items/2/version")), ("c", "1"));
    let again = hub.back(HOST, r#"{"version": 2}"#).await;
    assert_eq!((again.status, &*again.at("/version")), (StatusCode::CREATED, "6"));
    for (body, status) in [
        (r#"{"version": 99}"#, StatusCode::NOT_FOUND),
        (r#"{"version": 5}"#, StatusCode::UNPROCESSABLE_ENTITY),
        ("{}", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(hub.back(HOST, body).await.status, status, "{body}");
    }
    assert_eq!(
        hub.back("/v1/config/nothing", r#"{"version": 1}"#).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(hub.told().await.len(), 6);
}

#[tokio::test]
async fn two_editors_do_not_overwrite_each_other() {
    let hub = Hub::bare().await;
    let tag = hub.set(HOST, r#"{"value": 0}"#).await.etag();
    hub.fuse.interleave();
    let edit = async |value: u8| {
        let body = format!(r#"{{"value": {value}}}"#);
        hub.ask(&hub.writer, "PUT", HOST, &[("if-match", &tag)], &body).await.status.as_u16()
    };
    let edits = tokio::join!(edit(1), edit(2), edit(3));
    let mut statuses = [edits.0, edits.1, edits.2];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412]);
    let only_new = [("if-none-match", "*")];
    let put = hub.ask(&hub.writer, "PUT", HOST, &only_new, r#"{"value": 9}"#).await;
    assert_eq!(put.status, StatusCode::PRECONDITION_FAILED);
    let gone = hub.ask(&hub.writer, "DELETE", HOST, &[("if-match", &tag)], "").await;
    assert_eq!(gone.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(hub.forget(HOST).await, StatusCode::NO_CONTENT);
    let put = hub.ask(&hub.writer, "PUT", HOST, &only_new, r#"{"value": 9}"#).await;
    assert_eq!(put.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_schema_keeps_wrong_values_out() {
    let hub = Hub::bare().await;
    let schema = r#"{"type": "object", "properties": {"port": {"type": "integer"}}}"#;
    let put = hub.set(HOST, &format!(r#"{{"value": {{"port": 1}}, "schema": {schema}}}"#)).await;
    assert_eq!(put.status, StatusCode::CREATED, "{}", put.text);
    let wrong = hub.set(HOST, r#"{"value": {"port": "x"}}"#).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(wrong.at("/problems/0/path"), "value.port");
    let wrong = hub.set(HOST, r#"{"schema": {"required": ["host"]}}"#).await;
    assert_eq!(
        wrong.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "the value that is there does not fit"
    );
    assert_eq!(hub.get(HOST).await.at("/version"), "1");
    assert_eq!(hub.get(HOST).await.at("/schema/type"), "object");
}

#[tokio::test]
async fn values_are_listed_by_pattern_and_environment() {
    let hub = Hub::bare().await;
    for key in ["app.database.host", "app.eu.database.port", "test.database.host", "app.name"] {
        hub.set(&format!("/v1/config/{key}"), r#"{"value": 1}"#).await;
    }
    hub.set(HOST, r#"{"value": 2, "environment": "staging"}"#).await;
    let keys = async |query: &str| hub.get(&format!("/v1/config?{query}")).await.keys();
    let all = ["app.database.host", "app.eu.database.port", "app.database.host"];
    assert_eq!(keys("match=*.database.*,!test.*").await, all);
    assert_eq!(keys("match=*.database.*&environment=staging").await, ["app.database.host"]);
    assert_eq!(keys("match=*.host&limit=2").await.len(), 2);
    assert_eq!(keys("").await.len(), 5);
    let staged = hub.get(&format!("{HOST}?environment=staging")).await;
    assert_eq!(staged.at("/value"), "2");
    assert_eq!(hub.get(HOST).await.at("/value"), "1");
    for wrong in ["match=!a", "limit=0", "pattern=a", "environment=No"] {
        let answer = hub.get(&format!("/v1/config?{wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let mut found = Vec::new();
    let mut query = "/v1/config?match=*.host&limit=1".to_owned();
    loop {
        let page = hub.get(&query).await;
        found.extend(page.keys());
        match page.at("/next").as_str() {
            "null" => break,
            next => query = format!("/v1/config?match=*.host&limit=1&cursor={next}"),
        }
    }
    assert_eq!(found.len(), 3);
}

#[tokio::test]
async fn a_key_with_slashes_is_one_key_however_it_is_written() {
    let hub = Hub::bare().await;
    assert_eq!(
        hub.set("/v1/config/app%2Feu/host", r#"{"value": 1}"#).await.status,
        StatusCode::CREATED
    );
    for path in
        ["/v1/config/app/eu/host", "/v1/config/app%2Feu%2fhost", "/v1/config/app%2Feu/host/history"]
    {
        assert_eq!(hub.get(path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(
        hub.back("/v1/config/app/eu/host", r#"{"version": 1}"#).await.at("/changed"),
        "false"
    );
    assert_eq!(hub.forget("/v1/config/app/eu/host").await, StatusCode::NO_CONTENT);
    for key in ["a..b", ".a", "a%20b", "%C3%A4", "a%23b"] {
        let put = hub.set(&format!("/v1/config/{key}"), r#"{"value": 1}"#).await;
        assert_eq!(put.status, StatusCode::BAD_REQUEST, "{key}: {}", put.text);
        assert_eq!(
            hub.get(&format!("/v1/config/{key}")).await.status,
            StatusCode::NOT_FOUND,
            "{key}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_misspelt_or_too_long_is_refused() {
    let hub = Hub::bare().await;
    let long = format!(r#"{{"value": 1, "reason": "{}"}}"#, "x".repeat(501));
    for (body, status) in [
        ("", 400),
        (r#"{"vlaue": 1}"#, 400),
        (r#"{"value": 1, "value": 2}"#, 400),
        (r#"{"value": 1, "environment": "No Such"}"#, 400),
        (&*long, 400),
        (r#"{"reason": "nothing"}"#, 422),
    ] {
        assert_eq!(hub.set(HOST, body).await.status.as_u16(), status, "{body}");
    }
    let large = format!(r#"{{"value": "{}"}}"#, "x".repeat(64 * 1024));
    assert_eq!(hub.set(HOST, &large).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(hub.set(HOST, r#"{"value": null}"#).await.at("/value"), "null");
}

#[tokio::test]
async fn readers_look_writers_change_and_every_change_is_written_down() {
    let hub = Hub::bare().await;
    let before = hub.store.audit_trail(&tenant("acme"), 1000).await.unwrap().len();
    for (method, path) in [("PUT", HOST), ("DELETE", HOST), ("POST", "/v1/config")] {
        let refused = hub.ask(&hub.reader, method, path, &[], r#"{"value": 1}"#).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    hub.set(HOST, r#"{"value": 1}"#).await;
    hub.set("/v1/config/a%2Fb", r#"{"value": 1}"#).await;
    hub.ask(&hub.stranger, "GET", HOST, &[], "").await;
    let mut rows = hub.store.audit_trail(&tenant("acme"), 1000).await.unwrap();
    rows.truncate(rows.len() - before);
    let told: Vec<_> = rows.iter().rev().map(|row| (&*row.action, &*row.outcome)).collect();
    assert_eq!(
        told,
        [
            ("PUT /v1/config/app.database.host", "403"),
            ("DELETE /v1/config/app.database.host", "403"),
            ("POST /v1/config", "403"),
            ("PUT /v1/config/app.database.host", "started"),
            ("PUT /v1/config/a/b", "started"),
        ]
    );
}

#[tokio::test]
async fn a_local_change_is_stored_and_nobody_is_told() {
    let hub = Hub::bare().await;
    let put = hub.set(&format!("{HOST}?local_only=true"), r#"{"value": 1}"#).await;
    assert_eq!(put.status, StatusCode::CREATED);
    assert_eq!(
        hub.forget(&format!("{HOST}?local_only=true&reason=x")).await,
        StatusCode::NO_CONTENT
    );
    assert!(hub.told().await.is_empty());
    assert_eq!(hub.store.drain_outbox().await.unwrap(), 0);
    assert_eq!(hub.get(&format!("{HOST}/history")).await.at("/items/0/local_only"), "true");
}

#[tokio::test]
async fn a_change_that_another_hub_makes_has_come_as_far_as_that_says() {
    let hub = Hub::bare().await;
    let headers = [("ferrule-hops", "7")];
    hub.ask(&hub.writer, "PUT", HOST, &headers, r#"{"value": 1}"#).await;
    let [Message { task: Task::Events(batch), .. }] = &hub.sent("dispatch").await[..] else {
        panic!("one message")
    };
    assert_eq!(batch.hops().number(), 7);
}

#[tokio::test]
async fn an_urgent_listener_makes_the_message_urgent() {
    let hub = Hub::new().await;
    let listener = "\
apiVersion: ferrule/v1
kind: Integration
metadata: {name: database-watch}
trigger: {config_change: {match: ['*.database.*'], urgency: high}}
output: {connection: hub, table: changes, key: .id}
";
    let put = hub.put("/v1/integrations/database-watch", listener).await;
    assert_eq!(put.status, StatusCode::CREATED, "{}", put.text);
    hub.set(HOST, r#"{"value": 1}"#).await;
    hub.set("/v1/config/app.name", r#"{"value": 1}"#).await;
    let mut told = hub.told().await;
    told.sort_by_key(|(event, _)| at(event, "subject").to_owned());
    let urgencies: Vec<Urgency> = told.iter().map(|(_, urgency)| *urgency).collect();
    assert_eq!(urgencies, [Urgency::High, Urgency::Medium]);
}

#[tokio::test]
async fn a_queue_that_is_down_delays_the_event_and_not_the_change() {
    let hub = Hub::bare().await;
    hub.queue_fuse.light(0);
    let put = hub.set(HOST, r#"{"value": 1}"#).await;
    assert_eq!(put.status, StatusCode::CREATED, "{}", put.text);
    hub.queue_fuse.mend();
    assert!(hub.told().await.is_empty());
    assert_eq!(hub.store.drain_outbox().await.unwrap(), 1, "schedule does that each minute");
    assert_eq!(hub.told().await.len(), 1);
}
