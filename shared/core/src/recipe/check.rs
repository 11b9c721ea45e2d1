//! What makes a recipe unsafe or senseless.

use super::{Algorithm, MAX_WEBHOOK_BYTES, Part, Recipe};
use crate::{
    definition::{Problem, WebhookTrigger},
    path::Path,
};

const AT: &str = "trigger.webhook.signature";

/// Longest time that a timestamp may be off: longer, and a captured delivery stays good for long.
const MAX_TOLERANCE_SECS: u64 = 3600;

/// Finds all problems of a recipe.
pub(super) fn problems(recipe: &Recipe, trigger: &WebhookTrigger) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |key: &str, message: String| {
        problems.push(Problem::new(format!("{AT}.{key}"), message));
    };
    let timestamp_header = recipe.timestamp.as_ref().map(|at| &at.header);
    let headers = [
        ("header", Some(&recipe.header)),
        ("timestamp.header", timestamp_header),
        ("id", recipe.id.as_ref()),
    ];
    for (key, header) in headers {
        if let Some(header) = header.filter(|header| !is_header_name(header)) {
            say(key, format!("{header:?} is not the name of a header"));
        }
    }
    if let Some(Err(error)) = recipe.id_field.as_deref().map(Path::parse) {
        say("id_field", error);
    }
    let tolerance_secs = recipe.timestamp.as_ref().map(|at| at.tolerance().as_secs());
    if tolerance_secs.is_some_and(|secs| !(1..=MAX_TOLERANCE_SECS).contains(&secs)) {
        say("timestamp.tolerance", "the tolerance is between 1s and 1h".to_owned());
    }
    match recipe.parts() {
        Ok(parts) => check_signed(recipe, &parts, &mut say),
        Err(error) => say("signed", error),
    }
    if trigger.max_bytes.is_some_and(|bytes| bytes == 0 || bytes as usize > MAX_WEBHOOK_BYTES) {
        let message = format!("a webhook has between 1 and {MAX_WEBHOOK_BYTES} bytes");
        problems.push(Problem::new("trigger.webhook.max_bytes", message));
    }
    problems
}

fn check_signed(recipe: &Recipe, parts: &[Part], say: &mut impl FnMut(&str, String)) {
    if recipe.algorithm == Algorithm::Static {
        if recipe.timestamp.is_some() {
            let message = "a token signs nothing, so that a timestamp proves nothing";
            say("timestamp", message.to_owned());
        }
        return;
    }
    let signs = |part| parts.contains(&part);
    if !signs(Part::Body) {
        say("signed", "{body} must be signed".to_owned());
    }
    if signs(Part::Timestamp) != recipe.timestamp.is_some() {
        let message = "{timestamp} is signed when, and only when, `timestamp` says where it is";
        say("signed", message.to_owned());
    }
    if signs(Part::Id) && recipe.id.is_none() {
        say("signed", "{id} is signed, but `id` names no header".to_owned());
    }
}

/// Tells whether the text is a token of HTTP (RFC 9110, 5.6.2).
fn is_header_name(text: &str) -> bool {
    let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    !text.is_empty() && text.bytes().all(token)
}
