//! From a tree to a typed definition, with the place of what does not fit.

use serde::de::DeserializeOwned;

use super::{Document, Placed, migrate, place::under, secret, tree::Tree};
use crate::definition::Problem;

const KINDS: [&str; 2] = ["Integration", "Connection"];

/// Reads one document. Secrets are looked for first: a message must never repeat one.
pub(super) fn read(mut tree: Tree) -> Result<Placed, Vec<Problem>> {
    migrate::migrate(&mut tree).map_err(|problem| vec![problem])?;
    let secrets = secret::find(&tree.value);
    if !secrets.is_empty() {
        return Err(secrets.into_iter().map(|problem| tree.places.locate(problem)).collect());
    }
    let kind = tree.value.get("kind").and_then(|kind| kind.as_str()).unwrap_or_default();
    let document = match kind {
        "Integration" => typed(&tree).map(Document::Integration),
        "Connection" => typed(&tree).map(Document::Connection),
        other => Err(tree.places.locate(wrong_kind(other))),
    };
    let document = document.map_err(|problem| vec![problem])?;
    Ok(Placed { document, places: tree.places })
}

fn wrong_kind(kind: &str) -> Problem {
    match kind {
        "" => {
            Problem::new("kind", "the key kind is missing; write kind: Integration or Connection")
        }
        other => {
            let message = format!("there is no kind {other:?}; write Integration or Connection");
            Problem::new("kind", message).suggest(other, KINDS)
        }
    }
}

fn typed<T: DeserializeOwned>(tree: &Tree) -> Result<T, Problem> {
    let text = tree.value.to_string();
    let mut reader = serde_json::Deserializer::from_str(&text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { "" } else { path.as_str() };
        let message = without_position(&error.inner().to_string());
        explain(tree, path, &message)
    })
}

/// The position that `serde_json` adds is one in our own intermediate text.
fn without_position(message: &str) -> String {
    match message.rfind(" at line ") {
        Some(at) => message[..at].to_owned(),
        None => message.to_owned(),
    }
}

fn explain(tree: &Tree, path: &str, message: &str) -> Problem {
    if let Some(rest) = message.strip_prefix("unknown field `") {
        return unknown_key(tree, path, rest);
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let (wrong, _) = rest.split_once('`').unwrap_or((rest, ""));
        let names: Vec<_> = quoted(rest).skip(1).collect();
        let message = format!("{wrong:?} is not one of {}", names.join(", "));
        return tree.places.locate(Problem::new(path, message).suggest(wrong, names));
    }
    if let Some(rest) = message.strip_prefix("missing field `") {
        let message = format!("the key {} is missing", rest.trim_end_matches('`'));
        return tree.places.locate(Problem::new(path, message));
    }
    tree.places.locate(Problem::new(path, plain(message)))
}

/// Says it in the words of someone who does not write Rust.
fn plain(message: &str) -> String {
    let message = message.replace("invalid type: ", "found ").replace("invalid value: ", "found ");
    let message = message.replace('`', "");
    match message.rsplit_once("expected ") {
        Some((found, "u8" | "u16" | "u32" | "u64" | "i32" | "i64" | "usize")) => {
            format!("{found}expected a whole number")
        }
        _ => message,
    }
}

/// `rest` is what serde says after ``unknown field ` ``.
fn unknown_key(tree: &Tree, path: &str, rest: &str) -> Problem {
    let (wrong, _) = rest.split_once('`').unwrap_or((rest, ""));
    let names: Vec<_> = quoted(rest).skip(1).collect();
    let message = format!("there is no key {wrong:?} here; there is {}", names.join(", "));
    let last = path.rsplit('.').next().unwrap_or_default();
    let path = if last == wrong { path.to_owned() } else { under(path, wrong) };
    tree.places.locate_key(Problem::new(path, message).suggest(wrong, names))
}

/// The names between backticks, given what follows the first backtick.
fn quoted(rest: &str) -> impl Iterator<Item = &str> {
    rest.split('`').step_by(2)
}
