//! The promises of every connector.

use std::time::Duration;

use ferrule_testing::{
    suite::{Promise, Suite},
    vendor::{Reply, Request},
};
use servicenow::ServiceNow;

/// The instance says which fields and tables there are, and has no record yet.
fn read(request: &Request) -> Reply {
    let rows = match request.path.rsplit('/').next() {
        Some("sys_dictionary") => {
            r#"{"element": "sys_id", "internal_type": "GUID"},
               {"element": "number", "internal_type": "string"},
               {"element": "short_description", "internal_type": "string"},
               {"element": "state", "internal_type": "string"},
               {"element": "priority", "internal_type": "integer"},
               {"element": "correlation_id", "internal_type": "string"},
               {"element": "sys_updated_on", "internal_type": "glide_date_time"}"#
        }
        Some("sys_db_object") => r#"{"name": "incident", "super_class.name": ""}"#,
        _ => "",
    };
    Reply::json(format!(r#"{{"result": [{rows}]}}"#)).header("x-total-count", "0")
}

/// What is written is there.
fn write(request: &Request) -> Reply {
    let mut row: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
    row["sys_id"] = "9c573169c611228700193229fff72400".into();
    Reply::json(serde_json::json!({"result": row}).to_string()).with_status(201)
}

#[tokio::test]
async fn keeps_its_promises() {
    Suite::new(ServiceNow::default())
        .settings(r#"{"instance_url": "{{vendor}}"}"#)
        .secret(r#"{"username": "hub", "password": "pa55-of-the-suite"}"#)
        .public(&["username"])
        .source(r#"{"table": "incident", "fields": ["number", "state"]}"#)
        .target(r#"{"table": "incident", "key_field": "correlation_id"}"#)
        .contract("servicenow")
        .answer_with("GET /api/now/table/*", read)
        .answer_with("POST /api/now/table/incident", write)
        .throttled(Reply::status(429).header("retry-after", "7"), Duration::from_secs(7))
        .without(
            Promise::FalseSuccess,
            "the Table API has none; import sets are tested on their own",
        )
        .run()
        .await;
}
