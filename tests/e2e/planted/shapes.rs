//! Secrets that can be told from anything else, and the shapes in which they can be shown.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Begins every planted secret. What is URL-encoded in it changes; the letters before do not.
const BEGIN: &str = "c4nary/+";

/// A secret for this purpose.
pub(super) fn canary(purpose: &str) -> String {
    format!("{BEGIN}c4nary-{purpose}")
}

/// What a secret looks like: as it is or URL-encoded, in hex, in base64 behind nothing, one byte or two.
fn shapes() -> Vec<String> {
    let mut shapes = vec!["c4nary".to_owned(), hex(BEGIN)];
    for shift in 0..3 {
        let bytes = [&vec![b'x'; shift], BEGIN.as_bytes()].concat();
        let text = STANDARD.encode(&bytes);
        // What depends on the neighbours is left out; and of what is left, what any alphabet writes.
        let whole = &text[if shift == 0 { 0 } else { 4 }..bytes.len() / 3 * 4];
        let plain = whole.split(['+', '/', '=']).max_by_key(|part| part.len());
        shapes.push(plain.unwrap_or_default().to_owned());
    }
    shapes
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Shows the place around the first secret that stands in the text.
pub(super) fn found_in(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    shapes().into_iter().enumerate().find_map(|(number, shape)| {
        let folded = number < 2;
        let at = if folded { lower.find(&shape) } else { text.find(&shape) }?;
        let line = text[..at].rfind('\n').map_or(0, |start| start + 1);
        let head: String = text[line..at].chars().take(160).collect();
        let tail: String = text[at..].chars().take(120).collect();
        let before: String = text[line..at].chars().rev().take(160).collect();
        let before: String = before.chars().rev().collect();
        Some(format!("{shape}: {head} ... {before}{tail}"))
    })
}

#[test]
fn finds_a_secret_in_every_shape() {
    let secret = canary("x");
    assert!(shapes().iter().all(|shape| shape.len() >= 5), "{:?}", shapes());
    let url = secret.replace('/', "%2F").replace('+', "%2B");
    for text in [secret.clone(), hex(&secret).to_uppercase(), url] {
        assert!(found_in(&format!("a line\nbefore {text} after")).is_some(), "{text}");
    }
    for before in ["", "u", "us", "user:", "{\"to"] {
        let packed = STANDARD.encode(format!("{before}{secret}"));
        assert!(found_in(&packed).is_some(), "{before}");
    }
    assert_eq!(found_in("nothing of that kind: canary, Y2FuYXJ5"), None);
}
