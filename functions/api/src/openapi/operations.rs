//! Everything that can be asked.

mod config;
mod parked;

use definitions::{CheckAsked, CheckView, HealthView, Listed, Saved};
use ferrule_core::definition::{Connection, Integration};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::{
    cost::CostView,
    keys::{Issue, Issued, KeyList},
    page::Page,
    runs::{Started, Sync},
    status::Status,
    views::{ErrorView, RecordView, RunView},
};

const JSON: &[&str] = &["application/json"];
const YAML_OR_JSON: &[&str] = &["application/yaml", "application/json"];

/// One method of one path.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// What the key must be allowed; `None` without key.
    pub(super) role: Option<&'static str>,
    /// Where, name, schema, what.
    pub(super) parameters: Vec<(&'static str, &'static str, Value, &'static str)>,
    pub(super) body: Option<(&'static [&'static str], Schema)>,
    pub(super) answers: Vec<(u16, &'static str, Option<Schema>)>,
    /// Problems worth naming.
    pub(super) problems: Vec<u16>,
}

impl Operation {
    fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        role: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            id,
            summary,
            role: Some(role),
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            problems: vec![401, 403],
        }
    }

    fn open(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self { role: None, problems: Vec::new(), ..Self::new("get", path, id, "", summary) }
    }

    fn query(mut self, name: &'static str, schema: Value, what: &'static str) -> Self {
        self.parameters.push(("query", name, schema, what));
        self
    }

    fn text(self, name: &'static str, what: &'static str) -> Self {
        self.query(name, json!({"type": "string"}), what)
    }

    fn moment(self, name: &'static str, what: &'static str) -> Self {
        self.query(name, json!({"type": "string", "format": "date-time"}), what)
    }

    fn paged(self) -> Self {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100});
        self.query("limit", limit, "Most entries of a page.")
            .text("cursor", "`next` of the page before.")
            .fails(&[400])
    }

    fn header(mut self, name: &'static str, what: &'static str) -> Self {
        self.parameters.push(("header", name, json!({"type": "string"}), what));
        self
    }

    fn guarded_by_etag(self) -> Self {
        self.header("If-Match", "Only when the definition has this ETag.").fails(&[412])
    }

    fn takes<T: JsonSchema>(
        mut self,
        generator: &mut SchemaGenerator,
        media: &'static [&'static str],
    ) -> Self {
        self.body = Some((media, generator.subschema_for::<T>()));
        self.fails(&[400, 413])
    }

    fn gives<T: JsonSchema>(
        mut self,
        generator: &mut SchemaGenerator,
        status: u16,
        what: &'static str,
    ) -> Self {
        self.answers.push((status, what, Some(generator.subschema_for::<T>())));
        self
    }

    fn gives_nothing(mut self, status: u16, what: &'static str) -> Self {
        self.answers.push((status, what, None));
        self
    }

    fn fails(mut self, statuses: &[u16]) -> Self {
        self.problems.extend(statuses);
        self
    }
}

/// Lists every operation; registers the schemas of their bodies.
pub(super) fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let mut all = runs(generator);
    all.extend(tables(generator));
    all.extend(parked::parked(generator));
    all.extend(integrations(generator));
    all.extend(connections(generator));
    all.extend(checks(generator));
    all.extend(config::config(generator));
    all.extend(keys(generator));
    all.push(
        Operation::open("/v1/health", "health", "Tells that the API answers.")
            .gives_nothing(200, "It does."),
    );
    all.push(
        Operation::open("/v1/openapi.json", "openapi", "Returns this document.")
            .gives_nothing(200, "OpenAPI 3.1."),
    );
    all
}

fn runs(g: &mut SchemaGenerator) -> Vec<Operation> {
    vec![
        Operation::new("post", "/v1/sync", "sync", "write", "Starts a run of an integration, or a plan of one.")
            .takes::<Sync>(g, JSON)
            .gives::<Started>(g, 202, "The run has started.")
            .fails(&[404, 409, 422]),
        Operation::new("get", "/v1/status", "status", "read", "Shows how integrations stand.")
            .text("integration", "Only this one.")
            .gives::<Status>(g, 200, "Each with its newest run.")
            .fails(&[404]),
        Operation::new("get", "/v1/cost", "cost", "read", "Estimates what the runs of an integration have cost.")
            .text("integration", "Of this one.")
            .text("days", "Of so many days, today included; 7 by default, 90 at most.")
            .gives::<CostView>(g, 200, "By day, and by what AWS bills.")
            .fails(&[404]),
        Operation::new("get", "/v1/runs", "listRuns", "read", "Lists runs, newest first.")
            .text("integration", "Only of this integration.")
            .paged()
            .gives::<Page<RunView>>(g, 200, "A page of runs."),
        Operation::new("get", "/v1/runs/{id}", "getRun", "read", "Shows a run.")
            .gives::<RunView>(g, 200, "The run.")
            .fails(&[404]),
        Operation::new(
            "post",
            "/v1/runs/{id}/approve",
            "approveRun",
            "admin",
            "Lets a run write that its guard has stopped. Asked twice by the same, it is done once.",
        )
        .gives::<RunView>(g, 200, "It goes on.")
        .fails(&[404, 409]),
        Operation::new(
            "post",
            "/v1/runs/{id}/reject",
            "rejectRun",
            "admin",
            "Ends a run that its guard has stopped: it writes nothing, and the cursor stays.",
        )
        .gives::<RunView>(g, 200, "It is over.")
        .fails(&[404, 409]),
    ]
}

fn tables(g: &mut SchemaGenerator) -> Vec<Operation> {
    let states = json!({"type": "string", "enum": ["open", "parked", "replayed", "discarded"]});
    vec![
        Operation::new(
            "get",
            "/v1/records/{table}",
            "listRecords",
            "read",
            "Lists rows of a table of the hub, or of sync_log, error_log, field_mapping, configuration.",
        )
        .moment("updated_since", "Only what changed since, in that order, deleted rows included.")
        .paged()
        .gives::<Page<RecordView>>(g, 200, "A page of rows, by key."),
        Operation::new("get", "/v1/records/{table}/{key}", "getRecord", "read", "Shows a row.")
            .gives::<RecordView>(g, 200, "The row.")
            .fails(&[404]),
        Operation::new("get", "/v1/errors", "listErrors", "read", "Lists errors, last seen first.")
            .text("integration", "Only of this integration.")
            .text("code", "Only with this code.")
            .query("state", states, "Only in this state.")
            .moment("since", "Only last seen at or after.")
            .paged()
            .gives::<Page<ErrorView>>(g, 200, "A page of errors."),
        Operation::new("get", "/v1/errors/{id}", "getError", "read", "Shows an error.")
            .gives::<ErrorView>(g, 200, "The error.")
            .fails(&[404]),
        Operation::new(
            "post",
            "/v1/errors/{id}/replay",
            "replayError",
            "write",
            "Sends parked work again, as it was. Asked twice, it is done once.",
        )
        .gives::<ErrorView>(g, 200, "It is sent; the state is `replayed`.")
        .fails(&[404, 409]),
    ]
}

fn integrations(g: &mut SchemaGenerator) -> Vec<Operation> {
    let path = "/v1/integrations/{name}";
    vec![
        Operation::new(
            "get",
            "/v1/integrations",
            "listIntegrations",
            "read",
            "Lists integrations.",
        )
        .paged()
        .gives::<Page<Listed>>(g, 200, "A page, by name."),
        Operation::new("get", path, "getIntegration", "read", "Shows an integration.")
            .header("If-None-Match", "Not when it still has this ETag.")
            .gives::<Integration>(g, 200, "The definition; its ETag is in the header.")
            .gives_nothing(304, "It still has that ETag.")
            .fails(&[404]),
        Operation::new(
            "put",
            path,
            "putIntegration",
            "admin",
            "Creates or changes an integration.",
        )
        .header("If-None-Match", "`*`: only when there is none.")
        .guarded_by_etag()
        .takes::<Integration>(g, YAML_OR_JSON)
        .gives::<Saved>(g, 200, "Changed.")
        .gives::<Saved>(g, 201, "Created.")
        .fails(&[422]),
        Operation::new("delete", path, "deleteIntegration", "admin", "Removes an integration.")
            .guarded_by_etag()
            .gives_nothing(204, "Removed; a run that is going on keeps its definition.")
            .fails(&[404]),
    ]
}

fn connections(g: &mut SchemaGenerator) -> Vec<Operation> {
    let path = "/v1/connections/{name}";
    vec![
        Operation::new("get", "/v1/connections", "listConnections", "read", "Lists connections.")
            .paged()
            .gives::<Page<Listed>>(g, 200, "A page, by name."),
        Operation::new("get", path, "getConnection", "read", "Shows a connection.")
            .header("If-None-Match", "Not when it still has this ETag.")
            .gives::<Connection>(g, 200, "The definition; its ETag is in the header.")
            .gives_nothing(304, "It still has that ETag.")
            .fails(&[404]),
        Operation::new("put", path, "putConnection", "admin", "Creates or changes a connection.")
            .header("If-None-Match", "`*`: only when there is none.")
            .guarded_by_etag()
            .takes::<Connection>(g, YAML_OR_JSON)
            .gives::<Saved>(g, 200, "Changed.")
            .gives::<Saved>(g, 201, "Created.")
            .fails(&[422]),
        Operation::new(
            "delete",
            path,
            "deleteConnection",
            "admin",
            "Removes an unused connection.",
        )
        .guarded_by_etag()
        .gives_nothing(204, "Removed.")
        .fails(&[404, 409]),
    ]
}

fn checks(g: &mut SchemaGenerator) -> Vec<Operation> {
    let path = "/v1/connections/{name}/check";
    let one = "/v1/connections/{name}/check/{id}";
    let health = "/v1/connections/{name}/health";
    vec![
        Operation::new("get", health, "connectionHealth", "read", "Shows how a connection stands.")
            .gives::<HealthView>(g, 200, "Its last check, its breaker, targets that are gone.")
            .fails(&[404]),
        Operation::new("post", path, "startCheck", "write", "Has a connection tried.")
            .gives::<CheckAsked>(g, 202, "The connector was asked.")
            .fails(&[404]),
        Operation::new("get", one, "getCheck", "read", "Shows what a check found.")
            .gives::<CheckView>(g, 200, "The answer, once `done`.")
            .fails(&[404]),
    ]
}

fn keys(g: &mut SchemaGenerator) -> Vec<Operation> {
    let after = "Only after this long, such as `24h`: until then both keys of a rotation are good.";
    vec![
        Operation::new("get", "/v1/keys", "listKeys", "admin", "Lists customer keys.")
            .gives::<KeyList>(g, 200, "All keys, revoked ones included."),
        Operation::new("post", "/v1/keys", "issueKey", "admin", "Issues a customer key.")
            .takes::<Issue>(g, JSON)
            .gives::<Issued>(g, 201, "The key, shown this once."),
        Operation::new("delete", "/v1/keys/{id}", "revokeKey", "admin", "Revokes a customer key.")
            .text("after", after)
            .gives_nothing(204, "Revoked; refused within ten seconds.")
            .fails(&[400, 404, 409]),
    ]
}
