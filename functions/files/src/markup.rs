//! Tells the pieces of an XML text apart, without reading them.

/// One piece of an XML text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Markup<'t> {
    /// Characters up to the next tag.
    Text,
    /// A comment, a processing instruction or a CDATA section.
    Aside,
    /// `<!DOCTYPE …`
    Doctype,
    /// A start tag: its name.
    Open(&'t [u8]),
    /// A tag of an empty element: its name.
    Empty(&'t [u8]),
    /// An end tag: its name.
    Close(&'t [u8]),
}

/// Pieces that a pair of marks surrounds.
const ASIDES: [(&[u8], &[u8]); 3] = [(b"<!--", b"-->"), (b"<![CDATA[", b"]]>"), (b"<?", b"?>")];

/// Returns the first piece and its length; `None` when it is not whole.
pub(crate) fn markup(text: &[u8]) -> Option<(Markup<'_>, usize)> {
    if *text.first()? != b'<' {
        let end = text.iter().position(|byte| *byte == b'<').unwrap_or(text.len());
        return Some((Markup::Text, end));
    }
    if ASIDES.iter().any(|(open, _)| text.len() < open.len() && open.starts_with(text)) {
        return None;
    }
    for (open, close) in ASIDES {
        if let Some(rest) = text.strip_prefix(open) {
            let end = rest.windows(close.len()).position(|window| window == close)?;
            return Some((Markup::Aside, open.len() + end + close.len()));
        }
    }
    if text.starts_with(b"<!") {
        return Some((Markup::Doctype, 2));
    }
    let end = end_of_tag(text)?;
    let inner = text.get(1..end)?;
    let piece = if let Some(name) = inner.strip_prefix(b"/") {
        Markup::Close(name.trim_ascii())
    } else if let Some(inner) = inner.strip_suffix(b"/") {
        Markup::Empty(name_of(inner))
    } else {
        Markup::Open(name_of(inner))
    };
    Some((piece, end + 1))
}

/// Finds the `>` that is in no attribute value.
fn end_of_tag(text: &[u8]) -> Option<usize> {
    let mut quote = None;
    text.iter().position(|byte| match (quote, byte) {
        (None, b'>') => true,
        (None, b'"' | b'\'') => {
            quote = Some(*byte);
            false
        }
        (Some(open), byte) if open == *byte => {
            quote = None;
            false
        }
        _ => false,
    })
}

fn name_of(inner: &[u8]) -> &[u8] {
    let end = inner.iter().position(u8::is_ascii_whitespace).unwrap_or(inner.len());
    &inner[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_every_piece_apart() {
        assert_eq!(markup(b"text<a>"), Some((Markup::Text, 4)));
        assert_eq!(markup(b"<a x='>'>"), Some((Markup::Open(b"a"), 9)));
        assert_eq!(markup(b"<a\tx=\"/\"/>"), Some((Markup::Empty(b"a"), 10)));
        assert_eq!(markup(b"</a >"), Some((Markup::Close(b"a"), 5)));
        assert_eq!(markup(b"<!-- <a> -->"), Some((Markup::Aside, 12)));
        assert_eq!(markup(b"<![CDATA[</a>]]>"), Some((Markup::Aside, 16)));
        assert_eq!(markup(b"<!DOCTYPE a"), Some((Markup::Doctype, 2)));
    }

    #[test]
    fn a_piece_that_is_not_whole_waits() {
        for cut in ["<", "<!", "<!-", "<![CDA", "<?xml ", "<!-- a --", "<a x='>", "</a"] {
            assert_eq!(markup(cut.as_bytes()), None, "{cut}");
        }
    }
}
