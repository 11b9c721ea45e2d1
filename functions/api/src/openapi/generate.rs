//! The types say what bodies look like, `operations` says what there is.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::operations::{Operation, operations};
use crate::{auth::KEY_HEADER, problem::Problem};

/// Returns the document as the text of a file.
fn text() -> String {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let mut paths = Map::new();
    for operation in operations(&mut generator) {
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        item[operation.method] = describe(&operation);
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ferrule",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Moves records between systems and turns events into actions. \
                            Every answer carries X-Request-Id; errors are problem details (RFC 9457).",
            "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"},
        },
        "security": [{"customerKey": []}],
        "paths": paths,
        "components": {
            "schemas": schemas(&mut generator),
            "responses": {"Problem": {
                "description": "Not done, and why.",
                "content": {"application/problem+json": {"schema": problem}},
            }},
            "securitySchemes": {"customerKey": {
                "type": "apiKey", "in": "header", "name": KEY_HEADER,
                "description": "A customer key. A missing, an unknown and a revoked one get the same 401.",
            }},
        },
    });
    format!("{document:#}\n")
}

fn schemas(generator: &mut SchemaGenerator) -> Map<String, Value> {
    generator.take_definitions(true)
}

fn describe(operation: &Operation) -> Value {
    let mut responses = Map::new();
    for (status, what, schema) in &operation.answers {
        let mut response = json!({"description": what});
        if let Some(schema) = schema {
            response["content"] = json!({"application/json": {"schema": schema}});
        }
        responses.insert(status.to_string(), response);
    }
    let problem = json!({"$ref": "#/components/responses/Problem"});
    for status in &operation.problems {
        responses.insert(status.to_string(), problem.clone());
    }
    responses.insert("default".to_owned(), problem);
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters(operation),
        "responses": responses,
    });
    if let Some((media, schema)) = &operation.body {
        let content: Map<String, Value> =
            media.iter().map(|media| ((*media).to_owned(), json!({"schema": schema}))).collect();
        described["requestBody"] = json!({"required": true, "content": content});
    }
    match operation.role {
        Some(role) => described["x-role"] = role.into(),
        None => described["security"] = json!([]),
    }
    described
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let steps = operation.path.split('/');
    let steps = steps.filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'));
    let path = steps.map(
        |name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}),
    );
    let others = operation.parameters.iter().map(|(place, name, schema, what)| {
        json!({"name": name, "in": place, "description": what, "schema": schema})
    });
    path.chain(others).collect()
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/schema/openapi.json");

#[test]
#[expect(clippy::disallowed_methods, reason = "a developer asks this test to write")]
fn the_committed_document_is_current() {
    let current = text();
    if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
        std::fs::write(FILE, &current).unwrap();
    }
    let committed = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(committed == current, "stale: run UPDATE=1 cargo test -p api");
}

#[test]
fn every_reference_leads_somewhere() {
    let document: Value = serde_json::from_str(&text()).unwrap();
    let mut todo = vec![&document];
    let mut followed = 0;
    while let Some(value) = todo.pop() {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
            followed += 1;
        }
        match value {
            Value::Object(object) => todo.extend(object.values()),
            Value::Array(items) => todo.extend(items),
            _ => {}
        }
    }
    assert!(followed > 30, "{followed}");
}
