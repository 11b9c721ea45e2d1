//! An answer that the contract gives itself: its example, or the smallest that fits its schema.

use serde_json::{Map, Value, json};

use super::{Contract, Operation};
use crate::vendor::Reply;

/// Deepest nesting that is made up.
const MAX_DEPTH: usize = 12;

impl Contract {
    /// Returns the operation's answer when all is well: the contract's example where it has one.
    pub(crate) fn example(&self, operation: &Operation<'_>) -> Result<Reply, String> {
        let answers = operation.spec["responses"].as_object().ok_or("it has no answers")?;
        let good = answers.iter().find(|(status, _)| status.starts_with('2'));
        let (status, answer) = good.ok_or("it has no answer that is a success")?;
        let reply = Reply::status(status.parse().unwrap_or(200));
        let Some(content) = self.follow(answer)["content"].as_object() else { return Ok(reply) };
        let json = content.iter().find(|(kind, _)| kind.contains("json"));
        let Some((kind, media)) = json.or_else(|| content.iter().next()) else { return Ok(reply) };
        let value = self.example_of(media);
        let at = format!("{} {status} example", operation.template);
        if let Some(problem) = self.validate(&at, &media["schema"], &value).into_iter().next() {
            return Err(format!("no example can be made up ({problem}): give an answer"));
        }
        let text = match (&value, kind.contains("json")) {
            (Value::String(text), false) => text.clone(),
            _ => value.to_string(),
        };
        Ok(Reply::ok(kind, text).with_status(reply.code()))
    }

    fn example_of(&self, media: &Value) -> Value {
        let listed = media["examples"].as_object().and_then(|examples| examples.values().next());
        let listed = listed.map(|example| self.follow(example)).and_then(|one| one.get("value"));
        match media.get("example").or(listed) {
            Some(example) => example.clone(),
            None => self.least(&media["schema"], 0),
        }
    }

    /// Makes up the smallest value that fits the schema, as far as that can be told.
    fn least(&self, schema: &Value, depth: usize) -> Value {
        let schema = self.follow(schema);
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        for key in ["example", "const", "default"] {
            if let Some(value) = schema.get(key) {
                return value.clone();
            }
        }
        for key in ["examples", "enum"] {
            if let Some(first) = schema[key].as_array().and_then(|values| values.first()) {
                return first.clone();
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            return self.merged(schema, parts, depth);
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(first) = schema[key].as_array().and_then(|choices| choices.first()) {
                return self.merged(schema, std::slice::from_ref(first), depth);
            }
        }
        self.plain(schema, depth)
    }

    fn merged(&self, schema: &Value, parts: &[Value], depth: usize) -> Value {
        let mut whole = Map::new();
        for part in parts {
            match self.least(part, depth + 1) {
                Value::Object(object) => whole.extend(object),
                other => return other,
            }
        }
        if let Value::Object(own) = self.plain(schema, depth) {
            for (key, value) in own {
                whole.entry(key).or_insert(value);
            }
        }
        whole.into()
    }

    fn plain(&self, schema: &Value, depth: usize) -> Value {
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().find_map(Value::as_str),
            kind => kind.as_str(),
        };
        match kind {
            Some("string") => text(schema).into(),
            Some("integer") => {
                schema["minimum"].as_i64().map_or(json!(1), |least| json!(least.max(1)))
            }
            Some("number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("boolean") => true.into(),
            Some("null") => Value::Null,
            Some("array") => {
                let count = schema["minItems"].as_u64().unwrap_or(0);
                (0..count).map(|_| self.least(&schema["items"], depth + 1)).collect()
            }
            _ => self.object(schema, depth),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let required = schema["required"].as_array().into_iter().flatten();
        let keys = required.filter_map(Value::as_str);
        let pairs = keys
            .map(|key| (key.to_owned(), self.least(&schema["properties"][key], depth + 1)))
            .collect();
        Value::Object(pairs)
    }
}

fn text(schema: &Value) -> String {
    let known = match schema["format"].as_str() {
        Some("date-time") => "2025-11-24T16:00:00Z",
        Some("date") => "2025-11-24",
        Some("uri" | "url" | "uri-reference") => "https://vendor.example/7",
        Some("uuid") => "0198c0de-0000-7000-8000-00000000000a",
        Some("email") => "someone@vendor.example",
        Some("hostname") => "vendor.example",
        Some("ipv4") => "192.0.2.7",
        _ => "text",
    };
    let least = schema["minLength"].as_u64().unwrap_or(0);
    let most = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
    let missing = least.saturating_sub(known.len() as u64);
    let padded = known.chars().chain((0..missing).map(|_| 'x'));
    padded.take(usize::try_from(most).unwrap_or(usize::MAX)).collect()
}
