//! What may be shown of a value in a message or a log: a short excerpt without secrets and without
//! what identifies a person.

use std::{borrow::Cow, sync::LazyLock};

use aho_corasick::AhoCorasick;
use regex_lite::{Captures, Regex};

/// Longest excerpt, in characters.
const MAX_CHARS: usize = 60;

/// Texts that are credentials, whoever wrote them: vendor prefixes, JSON Web Tokens, keys.
static SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[\w-]{16,}",
        r"|xox[abeoprs]-[A-Za-z0-9-]{8,}|xapp-[\w-]{10,}",
        r"|(?:AKIA|ASIA)[A-Z0-9]{16}\b|whsec_[A-Za-z0-9+/=]{8,}|SG\.[\w-]{16,}\.[\w-]{16,}",
        r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|sk-[A-Za-z0-9_-]{20,}",
        r"|AIza[\w-]{30,}|NRAK-[A-Z0-9]{20,}|npm_[A-Za-z0-9]{30,}",
        r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*)",
        r"|(?i:\b(?:Bearer|Basic)\s+[A-Za-z0-9+/._~=-]{12,})",
        r"|-----BEGIN [A-Z ]*PRIVATE KEY-----",
        r"|hooks\.slack\.com/services/T\w+/\w+/\w+",
        r"|discord(?:app)?\.com/api/webhooks/\d+/[\w-]+)",
    ))
    .ok()
});

/// Of these, every text has one that has a credential in it: looked for first, since the expression
/// takes its time, and nearly no text has one.
static MARKS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let marks = [
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "xox",
        "xapp-",
        "akia",
        "asia",
        "whsec_",
        "sg.",
        "_live_",
        "_test_",
        "sk-",
        "aiza",
        "nrak-",
        "npm_",
        "eyj",
        "bearer",
        "basic",
        "-----begin ",
        "hooks.slack.com",
        "discord",
        "://",
    ];
    AhoCorasick::builder().ascii_case_insensitive(true).build(marks).ok()
});

/// A user and a password in front of a host.
static USER_INFO: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b[a-z][a-z0-9+.-]*://[^\s/@:]*:[^\s/@]+@").ok());

/// Local part and domain of an e-mail address. `\w` is ASCII here; other letters are ranges.
static EMAIL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"([\w.+%\x{80}-\x{10FFFF}-])[\w.+%\x{80}-\x{10FFFF}-]*",
        r"@([\w\x{80}-\x{10FFFF}-]+\.[\w.\x{80}-\x{10FFFF}-]+)",
    ))
    .ok()
});

/// Names of settings that hold a secret.
static SECRET_NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)(?:^|[_\-.])(?:password|passwd|passphrase|secret|client_?secret|api[_-]?key|access[_-]?key",
        r"|private[_-]?key|auth_?token|access_?token|refresh_?token|token|credentials?)$",
    ))
    .ok()
});

/// How names of settings end that hold a secret.
const ENDS: [&str; 8] =
    ["password", "passwd", "passphrase", "secret", "key", "token", "credential", "credentials"];

fn found(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

fn is_marked(text: &str) -> bool {
    MARKS.as_ref().is_none_or(|marks| marks.is_match(text))
}

fn ends_so(name: &str) -> bool {
    let tail = |end: &str| name.len().checked_sub(end.len()).map(|at| &name.as_bytes()[at..]);
    ENDS.iter().any(|end| tail(end).is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes())))
}

/// Tells whether `text` holds something that looks like a credential.
pub fn looks_secret(text: &str) -> bool {
    is_marked(text) && (found(&SECRET, text) || found(&USER_INFO, text))
}

/// Tells whether a setting called `name` holds a secret.
pub fn names_secret(name: &str) -> bool {
    ends_so(name) && found(&SECRET_NAME, name)
}

/// Returns `text` in quotes, in at most 60 characters, with secrets and the names in e-mail
/// addresses taken out.
pub fn excerpt(text: &str) -> String {
    let near: String = text.chars().take(8 * MAX_CHARS).collect();
    let safe = replaced(&EMAIL, &near, |c| format!("{}***@{}", &c[1], &c[2]));
    let safe = if is_marked(&safe) {
        Cow::Owned(replaced(&SECRET, &safe, |_| "[secret]".to_owned()).into_owned())
    } else {
        safe
    };
    let safe = replaced(&USER_INFO, &safe, |_| "[secret]@".to_owned());
    let mut short: String = safe.chars().take(MAX_CHARS - 2).collect();
    if short.len() < safe.len() || near.len() < text.len() {
        short = safe.chars().take(MAX_CHARS - 5).collect::<String>() + "...";
    }
    format!("\"{}\"", short.replace(char::is_control, " "))
}

fn replaced<'t>(
    pattern: &LazyLock<Option<Regex>>,
    text: &'t str,
    with: impl Fn(&Captures<'_>) -> String,
) -> Cow<'t, str> {
    match pattern.as_ref() {
        Some(pattern) => pattern.replace_all(text, |captures: &Captures<'_>| with(captures)),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_a_regular_expression() {
        assert!(SECRET.is_some() && USER_INFO.is_some() && EMAIL.is_some());
        assert!(SECRET_NAME.is_some() && MARKS.is_some());
    }

    #[test]
    fn knows_credentials_by_their_looks() {
        let made = |start: &str, rest: &str| format!("{start}{rest}");
        for secret in [
            made("ghp_", "0123456789abcdefghijABCDEFGHIJ012345"),
            made("xoxb-", "1234567890-abcdefghij"),
            made("AKIA", "IOSFODNN7EXAMPLE"),
            made("whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            made("eyJhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc"),
            made("Bearer ", "abcdefghijklmnop"),
            made("-----BEGIN RSA PRIVATE", " KEY-----"),
            made("https://user:", "hunter2@example.com/x"),
        ] {
            assert!(looks_secret(&secret), "{secret}");
        }
        for plain in ["bearer of bad news", "https://example.com/a@b", "token", "INC0000045"] {
            assert!(!looks_secret(plain), "{plain}");
        }
    }

    #[test]
    fn knows_settings_that_hold_a_secret() {
        for name in ["password", "client_secret", "apiKey", "api_key", "db.password", "token"] {
            assert!(names_secret(name), "{name}");
        }
        for name in ["token_url", "secret_name", "keys", "tokens", "tie_break", "monkey"] {
            assert!(!names_secret(name), "{name}");
        }
    }

    #[test]
    fn shows_little_and_nothing_private() {
        assert_eq!(excerpt("ann.smith@example.com"), "\"a***@example.com\"");
        assert_eq!(excerpt("jörg.müller@exämple.com"), "\"j***@exämple.com\"");
        assert_eq!(excerpt("a\nb"), "\"a b\"");
        let long = excerpt(&"ü".repeat(500));
        assert_eq!((long.chars().count(), long.ends_with("...\"")), (60, true));
    }
}
