//! Query, headers, and what a call is signed in with.

use std::collections::HashMap;

use serde_json::Value;

use super::{Contract, Exchange, Operation};

impl Contract {
    pub(super) fn check_parameters(
        &self,
        operation: &Operation<'_>,
        exchange: &Exchange<'_>,
    ) -> Vec<String> {
        let (method, path) = (exchange.method, exchange.path);
        let parameters = self.parameters(operation);
        let given: HashMap<_, _> =
            url::form_urlencoded::parse(exchange.query.as_bytes()).into_owned().collect();
        let mut found = Vec::new();
        for (name, value) in &given {
            let at = format!("{method} {path} parameter {name}");
            let known = parameters.iter().find(|p| p["in"] == "query" && p["name"] == *name);
            match known {
                None => found.push(format!("{at} is not in the contract")),
                Some(parameter) => found.extend(self.check_value(&at, parameter, value)),
            }
        }
        for parameter in parameters.into_iter().filter(|p| p["required"] == true) {
            let name = parameter["name"].as_str().unwrap_or_default();
            let is_there = match parameter["in"].as_str() {
                Some("query") => given.contains_key(name),
                Some("header") => exchange.header(&name.to_ascii_lowercase()).is_some(),
                _ => true,
            };
            if !is_there {
                found.push(format!("{method} {path} lacks parameter {name}"));
            }
        }
        found
    }

    fn check_value(&self, at: &str, parameter: &Value, text: &str) -> Vec<String> {
        let schema = self.follow(&parameter["schema"]);
        self.validate(&format!("{at} {schema}"), schema, &typed(text, schema))
    }

    fn parameters<'a>(&'a self, operation: &Operation<'a>) -> Vec<&'a Value> {
        let lists = [&operation.spec["parameters"], &operation.item["parameters"]];
        let all = lists.into_iter().filter_map(Value::as_array).flatten();
        all.map(|parameter| self.follow(parameter)).collect()
    }

    /// A call must be signed in in one of the ways that the contract knows.
    pub(super) fn check_security(
        &self,
        operation: &Operation<'_>,
        exchange: &Exchange<'_>,
    ) -> Vec<String> {
        let named = operation.spec.get("security").unwrap_or(&self.spec["security"]);
        let Some(ways) = named.as_array().filter(|ways| !ways.is_empty()) else {
            return Vec::new();
        };
        let is_met = |way: &Value| {
            let schemes = way.as_object().into_iter().flatten();
            schemes.into_iter().all(|(scheme, _)| self.is_signed(scheme, exchange))
        };
        if ways.iter().any(is_met) {
            return Vec::new();
        }
        vec![format!("{} {} is not signed in as {named}", exchange.method, exchange.path)]
    }

    fn is_signed(&self, scheme: &str, exchange: &Exchange<'_>) -> bool {
        let scheme = self.follow(&self.spec["components"]["securitySchemes"][scheme]);
        let name = scheme["name"].as_str().unwrap_or_default();
        let starts = |with: &str| {
            let header = exchange.header("authorization").unwrap_or_default();
            header.to_ascii_lowercase().starts_with(with)
        };
        match (scheme["type"].as_str(), scheme["in"].as_str(), scheme["scheme"].as_str()) {
            (Some("http"), _, Some("basic")) => starts("basic "),
            (Some("http" | "oauth2" | "openIdConnect"), _, _) => starts("bearer "),
            (Some("apiKey"), Some("header"), _) => {
                exchange.header(&name.to_ascii_lowercase()).is_some()
            }
            (Some("apiKey"), Some("query"), _) => exchange.query.contains(&format!("{name}=")),
            _ => true,
        }
    }
}

/// A query parameter is text; the schema says what it stands for.
fn typed(text: &str, schema: &Value) -> Value {
    let parsed = match schema["type"].as_str() {
        Some("integer" | "number" | "boolean") => serde_json::from_str(text).ok(),
        Some("array") => Some(text.split(',').map(|item| typed(item, &schema["items"])).collect()),
        _ => None,
    };
    parsed.unwrap_or_else(|| text.into())
}
