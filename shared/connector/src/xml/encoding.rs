//! Finds out in which characters a document is written.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use ferrule_core::Failure;

/// Turns a document into UTF-8: by its byte order mark, else by its declaration, else as it is.
///
/// Bytes that the encoding does not know are an error, not a replacement character.
pub fn to_utf8(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Failure> {
    let (encoding, bom) = match Encoding::for_bom(bytes) {
        Some(found) => found,
        None => (declared(bytes)?.unwrap_or(UTF_8), 0),
    };
    let body = &bytes[bom..];
    if encoding == UTF_8 {
        return match std::str::from_utf8(body) {
            Ok(_) => Ok(Cow::Borrowed(body)),
            Err(error) => {
                let at = bom + error.valid_up_to();
                Err(Failure::coded("ENCODING", format!("invalid UTF-8 at byte {at}")))
            }
        };
    }
    let text = encoding.decode_without_bom_handling_and_without_replacement(body);
    let name = encoding.name();
    let text = text.ok_or_else(|| Failure::coded("ENCODING", format!("the text is not {name}")))?;
    Ok(Cow::Owned(text.into_owned().into_bytes()))
}

/// Reads `encoding="…"` of an XML declaration, which is ASCII in all encodings that need one.
fn declared(bytes: &[u8]) -> Result<Option<&'static Encoding>, Failure> {
    let head = &bytes[..bytes.len().min(200)];
    let Some(head) = head.strip_prefix(b"<?xml") else { return Ok(None) };
    let end = head.windows(2).position(|pair| pair == b"?>").unwrap_or(0);
    let declaration = String::from_utf8_lossy(&head[..end]);
    let Some((_, rest)) = declaration.split_once("encoding") else { return Ok(None) };
    let rest = rest.trim_start().trim_start_matches('=').trim_start();
    let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return Ok(None);
    };
    let label = rest[1..].split(quote).next().unwrap_or("");
    match Encoding::for_label(label.as_bytes()) {
        Some(encoding) => Ok(Some(encoding)),
        None => Err(Failure::coded("ENCODING", format!("unknown encoding {label:?}"))),
    }
}
