//! Brings documents of older versions up to date, before they are read.

use super::{place::Places, tree::Tree};
use crate::{
    Value,
    definition::{API_VERSION, Problem},
};

/// Turns a document of one version into the next.
type Migration = fn(&mut Value);

/// Version by version, what changes. A document goes through all that come after its own.
const MIGRATIONS: &[(&str, Migration)] = &[];

/// Checks `apiVersion` and migrates.
pub(super) fn migrate(tree: &mut Tree) -> Result<(), Problem> {
    migrate_by(MIGRATIONS, &mut tree.value, &tree.places)
}

fn migrate_by(
    migrations: &[(&str, Migration)],
    document: &mut Value,
    places: &Places,
) -> Result<(), Problem> {
    let version = match document.get("apiVersion") {
        Some(Value::String(version)) => version.to_string(),
        Some(other) => {
            let message = format!("expected {API_VERSION}, found {}", other.kind());
            return Err(places.locate(Problem::new("apiVersion", message)));
        }
        None if document.as_object().is_none() => {
            let message = format!("a definition is an object, not {}", document.kind());
            return Err(places.locate(Problem::new("", message)));
        }
        None => {
            let message = format!("the key apiVersion is missing; write apiVersion: {API_VERSION}");
            return Err(places.locate(Problem::new("", message)));
        }
    };
    if version == API_VERSION {
        return Ok(());
    }
    let Some(from) = migrations.iter().position(|(known, _)| *known == version) else {
        let message = format!("there is no version {version:?}; this program knows {API_VERSION}");
        let problem = Problem::new("apiVersion", message).suggest(&version, [API_VERSION]);
        return Err(places.locate(problem));
    };
    for (_, migration) in &migrations[from..] {
        migration(document);
    }
    if let Value::Object(object) = document {
        object.insert("apiVersion", API_VERSION.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_document_goes_through_every_later_version() {
        const FIRST: Migration = |document| rename_key(document, "sink", "target");
        const SECOND: Migration = |document| rename_key(document, "target", "output");
        let mut document = json(r#"{"apiVersion": "ferrule/v1alpha1", "sink": 1}"#);
        let migrations = [("ferrule/v1alpha1", FIRST), ("ferrule/v1beta1", SECOND)];
        migrate_by(&migrations, &mut document, &Places::default()).unwrap();
        assert_eq!(document, json(r#"{"apiVersion": "ferrule/v1", "output": 1}"#));
    }

    fn json(text: &str) -> Value {
        crate::json::parse(text.as_bytes()).unwrap()
    }

    fn rename_key(document: &mut Value, from: &str, to: &str) {
        if let Value::Object(object) = document
            && let Some(value) = object.remove(from)
        {
            object.insert(to, value);
        }
    }
}
