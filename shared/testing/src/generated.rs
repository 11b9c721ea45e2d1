//! What is generated from a connector's types: `schema.json` and the tables in its README.

use std::{fs, path::Path};

use ferrule_connector::{Connector, Role};
use schemars::schema_for;
use serde_json::{Map, Value, json};

const OPEN: &str = "<!-- settings -->";
const CLOSE: &str = "<!-- /settings -->";

/// Deepest nesting of keys that a table shows.
const MAX_DEPTH: usize = 4;

/// Checks that `functions/<name>/schema.json` and the tables in its README say what the types say.
///
/// With `UPDATE=1` in the environment both are written instead.
pub fn generated<C: Connector>() {
    let can = |role: Role| C::ROLES.contains(&role);
    let target = || Value::from(schema_for!(C::Target));
    let mut parts = vec![("settings", "Settings", Value::from(schema_for!(C::Settings)))];
    if can(Role::Source) {
        parts.push(("source", "Source", Value::from(schema_for!(C::Source))));
    }
    if can(Role::Target) {
        parts.push(("target", "Target", target()));
    }
    if can(Role::Notify) {
        parts.push(("notify", "Notify", target()));
    }
    let mut schema = Map::new();
    let mut tables = String::new();
    for (key, title, part) in parts {
        if !(key == "notify" && can(Role::Target)) {
            tables.push_str(&format!("\n### {title}\n\n{}", table(&part)));
        }
        schema.insert(key.to_owned(), part);
    }
    let folder = crate::house().join("functions").join(C::NAME);
    let schema = serde_json::to_string_pretty(&Value::from(schema)).unwrap() + "\n";
    keep::<C>(&folder.join("schema.json"), |_| schema.clone());
    keep::<C>(&folder.join("README.md"), |readme| {
        let (before, rest) = readme.split_once(OPEN).unwrap_or_else(|| {
            panic!("functions/{}/README.md has no {OPEN} ... {CLOSE}", C::NAME);
        });
        let (_, after) = rest.split_once(CLOSE).unwrap_or_else(|| {
            panic!("functions/{}/README.md does not close {OPEN} with {CLOSE}", C::NAME);
        });
        format!("{before}{OPEN}\n{tables}\n{CLOSE}{after}")
    });
}

fn keep<C: Connector>(file: &Path, wanted: impl Fn(&str) -> String) {
    let found = fs::read_to_string(file).unwrap_or_default();
    let wanted = wanted(&found);
    if found == wanted {
        return;
    }
    let name = C::NAME;
    assert!(crate::update(), "{} is stale: run UPDATE=1 cargo test -p {name}", file.display());
    fs::write(file, wanted).unwrap();
}

/// Writes a Markdown table of the keys that a schema describes.
fn table(schema: &Value) -> String {
    let mut rows = Vec::new();
    add_rows(schema, schema, "", &mut rows);
    if rows.is_empty() {
        return "None.\n".to_owned();
    }
    let mut text = "| key | type | default | what |\n|---|---|---|---|\n".to_owned();
    for row in rows {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    text
}

fn add_rows(root: &Value, schema: &Value, prefix: &str, rows: &mut Vec<[String; 4]>) {
    if prefix.matches('.').count() >= MAX_DEPTH {
        return;
    }
    let schema = resolve(root, schema);
    for variant in variants(schema) {
        add_rows(root, variant, prefix, rows);
    }
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let Some(properties) = schema["properties"].as_object() else { return };
    for (key, property) in properties {
        let path = format!("{prefix}{key}");
        let default = match property.get("default") {
            Some(Value::Null) => String::new(),
            Some(default) => format!("`{default}`"),
            None if required.contains(&json!(key)) => "required".to_owned(),
            None => String::new(),
        };
        let name = format!("`{path}`");
        if !rows.iter().any(|row| row[0] == name) {
            rows.push([name, kind(root, property, 0), default, what(root, property)]);
        }
        add_rows(root, inner(root, property), &format!("{path}."), rows);
    }
}

/// Returns what a reference leads to, and what is there besides `null`.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let pointer = schema["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
    if let Some(target) = pointer.and_then(|pointer| root.pointer(pointer)) {
        return resolve(root, target);
    }
    let choices: Vec<&Value> =
        variants(schema).into_iter().filter(|v| v["type"] != "null").collect();
    match choices[..] {
        [only] if schema.get("anyOf").is_some() => resolve(root, only),
        _ => schema,
    }
}

/// Returns what a list holds, or the thing itself.
fn inner<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let schema = resolve(root, schema);
    match schema.get("items") {
        Some(items) => resolve(root, items),
        None => schema,
    }
}

fn variants(schema: &Value) -> Vec<&Value> {
    let lists = ["oneOf", "anyOf"].into_iter().filter_map(|key| schema[key].as_array());
    lists.flatten().collect()
}

fn what(root: &Value, schema: &Value) -> String {
    let own = schema["description"].as_str();
    let text = own.or_else(|| resolve(root, schema)["description"].as_str()).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn kind(root: &Value, schema: &Value, depth: usize) -> String {
    let schema = resolve(root, schema);
    if depth > MAX_DEPTH {
        return "any".to_owned();
    }
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    if let Some(values) = schema["enum"].as_array() {
        let known = values.iter().filter(|value| !value.is_null());
        return known.map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    }
    let choices = variants(schema);
    if !choices.is_empty() {
        let mut kinds: Vec<String> =
            choices.into_iter().map(|choice| kind(root, choice, depth + 1)).collect();
        kinds.dedup();
        return kinds.join(", ");
    }
    let name = |value: &Value| value.as_str().unwrap_or("any").to_owned();
    let one = match &schema["type"] {
        Value::Array(kinds) => {
            kinds.iter().filter(|kind| *kind != "null").map(name).collect::<Vec<_>>().join(" or ")
        }
        other => name(other),
    };
    match (one.as_str(), schema.get("items"), schema.get("additionalProperties")) {
        ("array", Some(items), _) => format!("list of {}", kind(root, items, depth + 1)),
        ("object", _, Some(values)) if values.is_object() => {
            format!("map of {}", kind(root, values, depth + 1))
        }
        _ => one,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schemars::JsonSchema;

    use super::*;

    #[expect(dead_code, reason = "only its schema is looked at")]
    #[derive(JsonSchema)]
    struct Settings {
        /// Where it
        /// is.
        url: String,
        /// How to sign in.
        auth: Auth,
        /// Retries | none.
        #[schemars(default)]
        retries: Option<u32>,
        /// By name.
        headers: BTreeMap<String, String>,
    }

    /// Ways to sign in.
    #[expect(dead_code, reason = "only its schema is looked at")]
    #[derive(JsonSchema)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Auth {
        /// Nobody.
        None,
        /// A client.
        Oauth {
            /// Its scopes.
            scopes: Vec<String>,
        },
    }

    #[test]
    fn a_table_says_what_the_types_say() {
        let text = table(&Value::from(schema_for!(Settings)));
        for line in [
            "| `url` | string | required | Where it is. |",
            "| `auth.scopes` | list of string | required | Its scopes. |",
            "| `retries` | integer |  | Retries \\| none. |",
            "| `headers` | map of string | required | By name. |",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn nothing_to_set_is_said_in_a_word() {
        assert_eq!(table(&Value::from(schema_for!(()))), "None.\n");
    }
}
