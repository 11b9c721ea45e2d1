//! Checks requests and answers against a vendor's `OpenAPI` contract, where it is at hand.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use jsonschema::Validator;
use serde_json::{Value, json};

/// A vendor's contract.
pub struct Contract {
    spec: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// One request and its answer.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// `GET`, `POST`, ...
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The query, still encoded.
    pub query: &'a str,
    /// The request's content type.
    pub content_type: Option<&'a str>,
    /// The request's body.
    pub body: &'a [u8],
    /// The answer's status.
    pub status: u16,
    /// The answer's body.
    pub answer: &'a [u8],
}

impl Contract {
    /// Reads `../shared/contracts/<vendor>.json`; `None` where these files are not at hand.
    pub fn open(vendor: &str) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts");
        let text = fs::read(folder.join(format!("{vendor}.json"))).ok()?;
        let mut spec = serde_json::from_slice(&text).unwrap();
        write_out_nullable(&mut spec);
        Some(Self { spec, validators: Mutex::default() })
    }

    /// Lists what does not fit, each as a sentence.
    pub fn check(&self, exchange: &Exchange<'_>) -> Vec<String> {
        let Exchange { method, path, .. } = exchange;
        let Some((template, operation)) = self.operation(method, path) else {
            return vec![format!("{method} {path} is not in the contract")];
        };
        let mut found = self.check_query(operation, exchange);
        let at = format!("{method} {template}");
        let request = self.body_schema(&operation["requestBody"], exchange.content_type);
        found.extend(self.check_body(&format!("{at} request"), request, exchange.body));
        let status = exchange.status.to_string();
        let answers = &operation["responses"];
        let answer = answers.get(&status).or_else(|| answers.get("default"));
        match answer {
            None => found.push(format!("{at} does not answer {status}")),
            Some(answer) => {
                let schema = self.body_schema(answer, Some("application/json"));
                found.extend(self.check_body(&format!("{at} {status}"), schema, exchange.answer));
            }
        }
        found
    }

    fn operation(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let paths = self.spec["paths"].as_object()?;
        // A literal step is a better match than a parameter.
        let mut fitting: Vec<_> =
            paths.iter().filter(|(template, _)| fits(template, path)).collect();
        fitting.sort_by_key(|(template, _)| template.matches('{').count());
        let method = method.to_ascii_lowercase();
        fitting.into_iter().find_map(|(template, item)| Some((&**template, item.get(&method)?)))
    }

    fn check_query(&self, operation: &Value, exchange: &Exchange<'_>) -> Vec<String> {
        let parameters: Vec<&Value> = operation["parameters"]
            .as_array()
            .map(|list| list.iter().map(|parameter| self.follow(parameter)).collect())
            .unwrap_or_default();
        let known =
            |name: &str| parameters.iter().find(|p| p["in"] == "query" && p["name"] == name);
        let mut found = Vec::new();
        let given: HashMap<_, _> =
            url::form_urlencoded::parse(exchange.query.as_bytes()).into_owned().collect();
        for (name, value) in &given {
            let at = format!("{} {} parameter {name}", exchange.method, exchange.path);
            match known(name) {
                None => found.push(format!("{at} is not in the contract")),
                Some(parameter) => {
                    let typed = typed(value, &parameter["schema"]);
                    let key = format!("{at} {}", parameter["schema"]);
                    found.extend(self.validate(&key, &parameter["schema"], &typed));
                }
            }
        }
        let required = parameters.iter().filter(|p| p["in"] == "query" && p["required"] == true);
        let missing =
            required.filter_map(|p| p["name"].as_str()).filter(|n| !given.contains_key(*n));
        found.extend(missing.map(|name| format!("{} lacks parameter {name}", exchange.path)));
        found
    }

    fn body_schema<'a>(
        &'a self,
        holder: &'a Value,
        content_type: Option<&str>,
    ) -> Option<&'a Value> {
        let content = self.follow(holder)["content"].as_object()?;
        let wanted = content_type.unwrap_or("application/json").split(';').next()?.trim();
        content.get(wanted).or_else(|| content.get("*/*")).map(|media| &media["schema"])
    }

    fn check_body(&self, at: &str, schema: Option<&Value>, body: &[u8]) -> Vec<String> {
        let Some(schema) = schema else { return Vec::new() };
        let value = match serde_json::from_slice(body) {
            Ok(value) => value,
            Err(_) if !body.is_empty() && !body.starts_with(b"{") => form(body),
            Err(error) => return vec![format!("{at} is not JSON: {error}")],
        };
        self.validate(at, schema, &value)
    }

    fn validate(&self, at: &str, schema: &Value, value: &Value) -> Vec<String> {
        let validator = {
            let mut known = self.validators.lock().unwrap();
            let make = || {
                let whole = json!({"allOf": [schema], "components": self.spec["components"]});
                Arc::new(jsonschema::validator_for(&whole).unwrap())
            };
            Arc::clone(known.entry(at.to_owned()).or_insert_with(make))
        };
        let errors = validator.iter_errors(value);
        errors.map(|error| format!("{at}{}: {error}", error.instance_path())).collect()
    }

    fn follow<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#'));
        target.and_then(|pointer| self.spec.pointer(pointer)).unwrap_or(value)
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(want), Some(have)) if want == have => {}
            (Some(want), Some(have)) if want.starts_with('{') && !have.is_empty() => {}
            _ => return false,
        }
    }
}

/// A query parameter is text; the schema says what it stands for.
fn typed(text: &str, schema: &Value) -> Value {
    let parsed = match schema["type"].as_str() {
        Some("integer" | "number" | "boolean") => serde_json::from_str(text).ok(),
        _ => None,
    };
    parsed.unwrap_or_else(|| text.into())
}

fn form(body: &[u8]) -> Value {
    let pairs = url::form_urlencoded::parse(body).into_owned();
    Value::Object(pairs.map(|(key, value)| (key, value.into())).collect())
}

/// `OpenAPI` 3.0 says `nullable: true` where JSON Schema says `type: [.., null]`.
fn write_out_nullable(spec: &mut Value) {
    match spec {
        Value::Object(object) => {
            if object.get("nullable") == Some(&Value::Bool(true))
                && let Some(Value::String(kind)) = object.get("type").cloned()
            {
                object.insert("type".into(), json!([kind, "null"]));
            }
            object.values_mut().for_each(write_out_nullable);
        }
        Value::Array(items) => items.iter_mut().for_each(write_out_nullable),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract() -> Contract {
        let record = json!({"type": "object", "required": ["name"]});
        let operation = json!({
            "parameters": [{"in": "query", "name": "limit", "schema": {"type": "integer"}}],
            "responses": {"200": {"content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Pet"}
            }}}}
        });
        let spec = json!({
            "paths": {"/pets/{id}": {"get": operation}}, "components": {"schemas": {"Pet": record}}
        });
        Contract { spec, validators: Mutex::default() }
    }

    fn check(query: &str, status: u16, answer: &str) -> Vec<String> {
        contract().check(&Exchange {
            method: "GET",
            path: "/pets/7",
            query,
            content_type: None,
            body: b"",
            status,
            answer: answer.as_bytes(),
        })
    }

    #[test]
    fn what_fits_is_not_mentioned() {
        assert_eq!(check("limit=3", 200, r#"{"name":"rex"}"#), Vec::<String>::new());
    }

    #[test]
    fn names_what_does_not_fit() {
        assert!(check("limt=3", 200, r#"{"name":"rex"}"#)[0].contains("limt"));
        assert!(check("limit=x", 200, r#"{"name":"rex"}"#)[0].contains("limit"));
        assert!(check("", 200, "{}")[0].contains("name"));
        assert!(check("", 418, "{}")[0].contains("418"));
    }
}
