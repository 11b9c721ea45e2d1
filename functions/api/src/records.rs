//! Shows the hub's own tables, and the logs and definitions as tables.

use axum::{Json, extract::State};
use ferrule_store::Store;
use serde::Deserialize;

use crate::{
    auth::Caller,
    input::{Asked, Steps, name},
    page::{Page, Wanted},
    problem::Problem,
    reserved::Reserved,
    views::RecordView,
};

/// Query of `GET /v1/records/{table}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    limit: Option<usize>,
    cursor: Option<String>,
    updated_since: Option<jiff::Timestamp>,
}

/// Answers `GET /v1/records/{table}`: by key, or what changed since a moment in that order.
pub(crate) async fn list(
    caller: Caller,
    State(store): State<Store>,
    Steps(table): Steps<String>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<RecordView>>, Problem> {
    let name = name("table", &table)?;
    let since = filter.updated_since.map(jiff::Timestamp::as_millisecond);
    let list = ["records", &table, &since.map(|since| since.to_string()).unwrap_or_default()];
    let wanted = Wanted::read(filter.limit, filter.cursor.as_deref(), &list)?;
    if let Some(reserved) = Reserved::of(&name) {
        return reserved.list(&store, &caller.tenant, &wanted, since).await.map(Json);
    }
    let (tenant, limit, start) = (&caller.tenant, wanted.limit, wanted.start.clone());
    let (records, next) = match since {
        Some(since) => store.changes(tenant, &name, Some(since), limit, start).await?,
        None => store.records(tenant, &name, limit, start).await?,
    };
    Ok(Json(wanted.page(records.into_iter().map(RecordView::from).collect(), next)))
}

/// Answers `GET /v1/records/{table}/{key}`.
pub(crate) async fn one(
    caller: Caller,
    State(store): State<Store>,
    Steps((table, key)): Steps<(String, String)>,
) -> Result<Json<RecordView>, Problem> {
    let name = name("table", &table)?;
    let found = if let Some(reserved) = Reserved::of(&name) {
        reserved.one(&store, &caller.tenant, &key).await?
    } else {
        let record = store.record(&caller.tenant, &name, &key).await?;
        record.filter(|record| !record.deleted).map(RecordView::from)
    };
    let missing = || Problem::not_found(format!("record {key:?} in table {table}"));
    found.map(Json).ok_or_else(missing)
}
