//! Looks for secrets where none may be.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use serde_json::Value;

use super::{Setup, stage::placed};

/// Shorter values are found everywhere by chance.
const SHORTEST: usize = 6;

/// One secret value: the name of its key, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Secret {
    pub(super) key: String,
    pub(super) value: String,
}

/// Lists what must not be shown: every text of the secret that is not public; of an address, the
/// parts that are long enough to be a key.
pub(super) fn of(setup: &Setup, vendor: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    if let Some(text) = &setup.secret {
        let value: Value = serde_json::from_str(&placed(text, vendor)).unwrap();
        collect(&value, "", setup, vendor, &mut found);
    }
    found.retain(|secret| secret.value.len() >= SHORTEST);
    // The longest first: a part of another must not hide the rest of it.
    found.sort_by_key(|secret| std::cmp::Reverse(secret.value.len()));
    found
}

fn collect(value: &Value, key: &str, setup: &Setup, vendor: &str, found: &mut Vec<Secret>) {
    if setup.public.iter().any(|public| public == key) {
        return;
    }
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                collect(value, key, setup, vendor, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, key, setup, vendor, found);
            }
        }
        Value::String(text) => {
            let parts = match text.strip_prefix(vendor) {
                Some(path) => parts(path),
                None => vec![text.clone()],
            };
            found.extend(parts.into_iter().map(|value| Secret { key: key.to_owned(), value }));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What in an address can be a key: long steps of the path, values of the query.
fn parts(path: &str) -> Vec<String> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let steps = path.split('/').filter(|step| step.len() > 8).map(str::to_owned);
    let values = url::form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value.into_owned());
    steps.chain(values).collect()
}

/// Names the first secret that stands in the text, and the shape it has there.
pub(super) fn found_in(secrets: &[Secret], text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    secrets.iter().find_map(|Secret { key, value }| {
        let hex = value.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let shape = if text.contains(value.as_str()) || text.contains(&escaped(value)) {
            "as it is"
        } else if text.contains(&encoded(value)) {
            "URL-encoded"
        } else if lower.contains(&hex) {
            "in hex"
        } else if packed(value).iter().any(|packed| text.contains(packed.as_str())) {
            "in base64"
        } else {
            return None;
        };
        Some(format!("the secret's `{key}` {shape}"))
    })
}

fn escaped(value: &str) -> String {
    let quoted = Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn encoded(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

/// The value in base64 behind nothing, one byte and two: what comes before shifts every character.
/// What depends on the neighbours is left out.
fn packed(value: &str) -> Vec<String> {
    let mut shapes = Vec::new();
    for shift in 0..3 {
        let bytes = [&vec![0; shift], value.as_bytes()].concat();
        for engine in [&STANDARD, &URL_SAFE] {
            let text = engine.encode(&bytes);
            let end = bytes.len() / 3 * 4;
            let start = if shift == 0 { 0 } else { 4 };
            if end > start + SHORTEST {
                shapes.push(text[start..end].to_owned());
            }
        }
    }
    shapes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secrets() -> Vec<Secret> {
        let secret = json!({
            "username": "hubert", "token": "t0ken/of the suite",
            "webhook_url": "{{vendor}}/services/T1/s3cr3t-step?sig=q-value"
        });
        of(&Setup::default().secret(secret).public(&["username"]), "http://127.0.0.1:1")
    }

    #[test]
    fn finds_a_secret_in_every_shape() {
        for text in [
            "got t0ken/of the suite",
            "?t=t0ken%2Fof+the+suite",
            "74306b656e2f6f6620746865207375697465",
            "Basic aHViZXJ0OnQwa2VuL29mIHRoZSBzdWl0ZQ==",
            "POST /services/T1/s3cr3t-step",
            "q-value",
        ] {
            assert!(found_in(&secrets(), text).is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_public_may_be_shown() {
        assert_eq!(found_in(&secrets(), "hubert at http://127.0.0.1:1/services/T1"), None);
    }
}
