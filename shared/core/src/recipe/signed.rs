//! The text that is signed.

/// A piece of the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The body, byte by byte as it was sent.
    Body,
    /// The timestamp as it is written in its header.
    Timestamp,
    /// The delivery id as it is written in its header.
    Id,
    /// Text as it stands.
    Text(String),
}

/// Reads `v0:{timestamp}:{body}`.
pub(super) fn parts(signed: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = signed;
    while let Some((text, after)) = rest.split_once('{') {
        if !text.is_empty() {
            parts.push(Part::Text(text.to_owned()));
        }
        let (name, after) = after.split_once('}').ok_or("a { is not closed")?;
        parts.push(match name {
            "body" => Part::Body,
            "timestamp" => Part::Timestamp,
            "id" => Part::Id,
            _ => return Err(format!("{{{name}}} is not one of {{body}}, {{timestamp}}, {{id}}")),
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}
