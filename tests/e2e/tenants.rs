//! Two tenants with the same names: each sees, starts and breaks only its own.

use ferrule_core::Value;
use reqwest::{Method, StatusCode};

use crate::{
    hub::{Hub, count},
    incidents::definitions,
    sample::{csv, row},
};

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_with_the_same_names_see_only_their_own() {
    let (ours, theirs) = (Hub::of("ours").await, Hub::of("theirs").await);
    for (hub, rows) in [(&ours, 3), (&theirs, 5)] {
        hub.define(&definitions()).await;
        let mut lines: Vec<String> = (0..rows).map(|n| row(n + rows * 100, 0)).collect();
        lines.push("INC0000001,too,short".into());
        hub.upload("incidents/a.csv", csv(lines.into_iter()).as_bytes()).await;
    }
    let (mine, other) =
        (ours.sync("incidents-in", false).await, theirs.sync("incidents-in", false).await);
    assert_eq!((count(&mine, "created"), count(&other, "created")), (3, 5));
    assert_eq!((ours.table("tickets").await.len(), theirs.table("tickets").await.len()), (3, 5));
    let key = "INC0000500";
    let run = other.get("run").and_then(Value::as_str).unwrap();
    let error = theirs.errors("incidents-in").await;
    let error = error[0].get("id").and_then(Value::as_str).unwrap();
    for path in [
        format!("/v1/runs/{run}"),
        format!("/v1/records/tickets/{key}"),
        format!("/v1/errors/{error}"),
    ] {
        assert_eq!(theirs.send(Method::GET, &path, "").await.status, StatusCode::OK, "{path}");
        let answer = ours.send(Method::GET, &path, "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.body);
    }
    let gone = ours.send(Method::DELETE, "/v1/integrations/incidents-in", "").await;
    assert!(gone.status.is_success(), "{}", gone.body);
    assert_eq!(
        theirs.sync("incidents-in", false).await.get("state").and_then(Value::as_str),
        Some("partial")
    );
}
