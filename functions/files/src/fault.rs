//! What went wrong at a store, as a decision about what happens next.

use ferrule_connector::Failure;
use object_store::Error;

/// Longest text of a store that is repeated.
const MAX_CHARS: usize = 300;

/// The name under which stores appear in failures.
const SERVICE: &str = "the file store";

/// Reads an error of the store; `what` says what was attempted and on what.
pub(crate) fn failure(what: &str, error: &Error) -> Failure {
    let reason = format!("{what}: {}", words(error));
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            Failure::unauthorized(SERVICE, reason)
        }
        Error::NotFound { .. } => missing(what, error),
        Error::InvalidPath { .. } => Failure::coded("FILE_PATH", reason),
        Error::Generic { .. } => by_status(what, error, reason),
        Error::JoinError { .. } => Failure::unavailable(SERVICE, reason),
        _ => Failure::rejected(SERVICE, reason),
    }
}

fn missing(what: &str, error: &Error) -> Failure {
    let text = error.to_string();
    let place = [("NoSuchBucket", "the bucket"), ("ContainerNotFound", "the container")];
    let gone = place.iter().find(|(code, _)| text.contains(code)).map_or("it", |(_, name)| name);
    Failure::coded("FILE_MISSING", format!("{what}: {gone} is not there"))
}

/// Listing and a few others do not sort their errors.
fn by_status(what: &str, error: &Error, reason: String) -> Failure {
    let text = error.to_string();
    let throttled = Failure::Throttled { service: SERVICE.to_owned(), retry_after: None };
    match status(&text) {
        Some(401 | 403) => Failure::unauthorized(SERVICE, reason),
        Some(404) => missing(what, error),
        Some(429) => throttled,
        Some(400..=499) => Failure::rejected(SERVICE, reason),
        _ if text.contains("SlowDown") => throttled,
        _ => Failure::unavailable(SERVICE, reason),
    }
}

/// The store's error type hides the status; its text does not.
fn status(text: &str) -> Option<u16> {
    let (_, after) = text.split_once("status code: ")?;
    after.get(..3)?.parse().ok()
}

/// Returns the store's own words, without addresses: an address may hold a signature.
fn words(error: &Error) -> String {
    let text = error.to_string();
    let code = between(&text, "<Code>", "</Code>");
    let message = between(&text, "<Message>", "</Message>");
    let words = match (code, message) {
        (Some(code), Some(message)) => {
            format!("{code}: {}", message.lines().next().unwrap_or_default())
        }
        (Some(code), None) => code.to_owned(),
        _ => innermost(error),
    };
    let plain = words.split_whitespace().map(|word| if word.contains("://") { "…" } else { word });
    plain.collect::<Vec<_>>().join(" ").chars().take(MAX_CHARS).collect()
}

fn innermost(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> Error {
        Error::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn an_address_with_a_signature_is_not_repeated() {
        let error = generic("Error performing GET https://a.blob/x?sig=s3cret in 1s - reset");
        let shown = format!("{:?}", failure("list x", &error));
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn tells_busy_broken_and_refused_apart() {
        let of = |text| failure("read a.csv", &generic(text)).code();
        assert_eq!(of("status code: 429 Too Many Requests"), "throttled");
        assert_eq!(of("status code: 503: <Code>SlowDown</Code>"), "throttled");
        assert_eq!(of("status code: 500 Internal Server Error"), "unavailable");
        assert_eq!(of("status code: 400: <Code>InvalidToken</Code>"), "rejected");
        assert_eq!(of("status code: 403 Forbidden"), "unauthorized");
        assert_eq!(of("status code: 404: <Code>NoSuchBucket</Code>"), "FILE_MISSING");
        assert_eq!(of("connection reset"), "unavailable");
    }
}
