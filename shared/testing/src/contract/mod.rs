//! Checks requests and answers against a vendor's `OpenAPI` contract, where it is at hand.

mod body;
mod example;
mod parameters;
mod tests;

use std::{
    collections::HashMap,
    fmt, fs,
    sync::{Arc, Mutex},
};

use jsonschema::Validator;
use serde_json::{Value, json};

/// A vendor's contract.
pub struct Contract {
    spec: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl fmt::Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract").field("info", &self.spec["info"]).finish_non_exhaustive()
    }
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
    /// The request's headers, names in lowercase.
    pub headers: &'a [(String, String)],
    /// The request's body.
    pub body: &'a [u8],
    /// The answer's status.
    pub status: u16,
    /// The answer's content type.
    pub answer_type: Option<&'a str>,
    /// The answer's body.
    pub answer: &'a [u8],
}

impl Exchange<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// One operation of a contract.
#[derive(Clone, Copy)]
pub(crate) struct Operation<'a> {
    /// The path, with its parameters in braces.
    template: &'a str,
    /// What is said for all methods of the path.
    item: &'a Value,
    /// What is said for this one.
    spec: &'a Value,
}

impl Contract {
    /// Reads `../shared/contracts/<vendor>.json`; `None` where these files are not at hand, which
    /// is said on stderr.
    pub fn open(vendor: &str) -> Option<Self> {
        let file = crate::house().join("../shared/contracts").join(format!("{vendor}.json"));
        let Ok(text) = fs::read(&file) else {
            eprintln!(
                "the contract of {vendor} is not at hand: its requests are not checked by it"
            );
            return None;
        };
        Some(Self::new(serde_json::from_slice(&text).unwrap()))
    }

    fn new(mut spec: Value) -> Self {
        write_out_nullable(&mut spec);
        Self { spec, validators: Mutex::default() }
    }

    /// Lists what does not fit, each as a sentence.
    pub fn check(&self, exchange: &Exchange<'_>) -> Vec<String> {
        let Exchange { method, path, .. } = exchange;
        let Some(operation) = self.operation(method, path) else {
            return vec![format!("{method} {path} is not in the contract")];
        };
        let mut found = self.check_parameters(&operation, exchange);
        found.extend(self.check_security(&operation, exchange));
        found.extend(self.check_request(&operation, exchange));
        found.extend(self.check_answer(&operation, exchange));
        found
    }

    /// Finds the operation that a request is for.
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<Operation<'_>> {
        let paths = self.spec["paths"].as_object()?;
        // A literal step is a better match than a parameter.
        let is_asked = |(template, item): &(&String, &Value)| {
            let steps = path.strip_prefix(self.base(item).as_str());
            steps.is_some_and(|steps| fits(template, steps))
        };
        let mut fitting: Vec<_> = paths.iter().filter(is_asked).collect();
        fitting.sort_by_key(|(template, _)| template.matches('{').count());
        let method = method.to_ascii_lowercase();
        fitting.into_iter().find_map(|(template, item)| {
            let spec = item.get(&method)?;
            Some(Operation { template, item, spec })
        })
    }

    /// Returns the path in front of an operation's own: `/api` for `https://slack.com/api`.
    fn base(&self, item: &Value) -> String {
        let servers = item.get("servers").unwrap_or(&self.spec["servers"]);
        let address = servers[0]["url"].as_str().unwrap_or_default();
        let host = address.split_once("://").map_or("", |(_, host)| host);
        let path = host.split_once('/').map_or("", |(_, path)| path);
        if path.is_empty() { String::new() } else { format!("/{}", path.trim_end_matches('/')) }
    }

    fn validate(&self, at: &str, schema: &Value, value: &Value) -> Vec<String> {
        let validator = {
            let mut known = self.validators.lock().unwrap();
            let make = || Arc::new(jsonschema::validator_for(&self.whole(schema)).unwrap());
            Arc::clone(known.entry(at.to_owned()).or_insert_with(make))
        };
        let errors = validator.iter_errors(value);
        errors.map(|error| format!("{at}{}: {error}", error.instance_path())).collect()
    }

    /// Makes a part of the contract a schema of its own.
    fn whole(&self, schema: &Value) -> Value {
        json!({"allOf": [schema], "components": self.spec["components"]})
    }

    fn follow<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#'));
        match target.and_then(|pointer| self.spec.pointer(pointer)) {
            Some(found) => self.follow(found),
            None => value,
        }
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
