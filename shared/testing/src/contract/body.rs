//! Bodies of requests and answers.

use serde_json::{Value, json};

use super::{Contract, Exchange, Operation};

impl Contract {
    pub(super) fn check_request(
        &self,
        operation: &Operation<'_>,
        exchange: &Exchange<'_>,
    ) -> Vec<String> {
        let at = format!("{} {} request", exchange.method, operation.template);
        let holder = self.follow(&operation.spec["requestBody"]);
        if exchange.body.is_empty() {
            let is_wanted = holder["required"] == true;
            return is_wanted.then(|| format!("{at} lacks a body")).into_iter().collect();
        }
        if holder.is_null() {
            return vec![format!("{at} takes no body")];
        }
        let kind = exchange.header("content-type").unwrap_or("application/octet-stream");
        match schema(holder, kind) {
            None => vec![format!("{at} cannot be {kind}")],
            Some(schema) => {
                // A key that nobody knows would be ignored without a word.
                let strict = json!({"allOf": [schema], "unevaluatedProperties": false});
                self.check_body(&at, &strict, kind, exchange.body)
            }
        }
    }

    pub(super) fn check_answer(
        &self,
        operation: &Operation<'_>,
        exchange: &Exchange<'_>,
    ) -> Vec<String> {
        let at = format!("{} {}", exchange.method, operation.template);
        let answers = &operation.spec["responses"];
        let status = exchange.status.to_string();
        let Some(answer) = answers.get(&status).or_else(|| answers.get("default")) else {
            return vec![format!("{at} does not answer {status}")];
        };
        let answer = self.follow(answer);
        let kind = exchange.answer_type.unwrap_or("application/json");
        let (holds, at) = (answer["content"].is_object(), format!("{at} {status}"));
        match schema(answer, kind) {
            Some(schema) => self.check_body(&at, schema, kind, exchange.answer),
            None if holds => vec![format!("{at} does not answer {kind}")],
            None => Vec::new(),
        }
    }

    fn check_body(&self, at: &str, schema: &Value, kind: &str, body: &[u8]) -> Vec<String> {
        let value = match kind {
            kind if kind.starts_with("application/x-www-form-urlencoded") => form(body),
            kind if kind.contains("json") => match serde_json::from_slice(body) {
                Ok(value) => value,
                Err(error) => return vec![format!("{at} is not JSON: {error}")],
            },
            kind if kind.starts_with("text/") => String::from_utf8_lossy(body).into_owned().into(),
            _ => return Vec::new(),
        };
        self.validate(at, schema, &value)
    }
}

/// Finds what is said about a body of this type.
fn schema<'a>(holder: &'a Value, content_type: &str) -> Option<&'a Value> {
    let content = holder["content"].as_object()?;
    let wanted = content_type.split(';').next()?.trim();
    content.get(wanted).or_else(|| content.get("*/*")).map(|media| &media["schema"])
}

fn form(body: &[u8]) -> Value {
    let pairs = url::form_urlencoded::parse(body).into_owned();
    Value::Object(pairs.map(|(key, value)| (key, value.into())).collect())
}
