//! The JSON Schema of what a user writes, for editors: the types say it all.

use schemars::{JsonSchema, generate::SchemaSettings};

use crate::definition::{API_VERSION, Connection, Integration};

/// One document: an integration or a connection.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Definition {
    Integration(Box<Integration>),
    Connection(Box<Connection>),
}

/// Returns the JSON Schema (draft 2020-12) of both kinds, as the text of a file.
pub fn definitions() -> Result<String, serde_json::Error> {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Definition>();
    schema.insert("title".to_owned(), "Ferrule definition".into());
    let mut schema = schema.to_value();
    for kind in ["Integration", "Connection"] {
        let properties = format!("/$defs/{kind}/properties");
        let Some(properties) = schema.pointer_mut(&properties) else { continue };
        properties["apiVersion"]["const"] = API_VERSION.into();
        properties["kind"]["const"] = kind.into();
    }
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Catalog, load};

    const FILE: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/schema/ferrule.schema.json");

    /// `UPDATE=1 cargo test -p ferrule-core schema` writes the file.
    #[test]
    fn the_committed_schema_is_current() {
        let current = definitions().unwrap();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(FILE, &current).unwrap();
        }
        let committed = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(
            committed == current,
            "stale: run `cargo run -- schema > infra/schema/ferrule.schema.json`"
        );
    }

    fn validator() -> jsonschema::Validator {
        let schema = serde_json::from_str(&definitions().unwrap()).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    }

    #[test]
    fn it_accepts_what_we_accept() {
        let text = include_str!("../../../infra/examples/incidents.yaml");
        for document in load(text, &Catalog::new()).unwrap() {
            let document = document.to_value().unwrap().to().unwrap();
            let errors: Vec<_> =
                validator().iter_errors(&document).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{errors:#?}");
        }
    }

    #[test]
    fn it_refuses_a_misspelt_key_and_a_wrong_kind() {
        let text = include_str!("../../../infra/examples/incidents.yaml");
        let document = load(text, &Catalog::new()).unwrap().pop().unwrap();
        let right: serde_json::Value = document.to_value().unwrap().to().unwrap();
        for (pointer, wrong) in [("", "triger"), ("/map/state", "lowr"), ("/limits", "bach")] {
            let mut document = right.clone();
            document.pointer_mut(pointer).unwrap()[wrong] = 1.into();
            assert!(!validator().is_valid(&document), "{pointer} {wrong}");
        }
        let mut document = right;
        document["kind"] = "Connection".into();
        assert!(!validator().is_valid(&document));
    }
}
