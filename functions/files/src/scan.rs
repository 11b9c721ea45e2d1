//! Finds where JSON tokens and values end, without reading them.

/// A token of a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// Blanks and line ends.
    Space,
    /// `{` or `[`.
    Open(u8),
    /// `}` or `]`.
    Close(u8),
    /// `,`
    Comma,
    /// `:`
    Colon,
    /// A string with its quotes.
    Text,
    /// A number or a word.
    Word,
}

/// Returns the first token and its length; `None` when it may be longer than the text.
pub(crate) fn token(text: &[u8], is_ended: bool) -> Option<(Token, usize)> {
    let first = *text.first()?;
    match first {
        b'{' | b'[' => Some((Token::Open(first), 1)),
        b'}' | b']' => Some((Token::Close(first), 1)),
        b',' => Some((Token::Comma, 1)),
        b':' => Some((Token::Colon, 1)),
        b'"' => string(text).map(|bytes| (Token::Text, bytes)),
        _ if is_space(first) => {
            Some((Token::Space, text.iter().take_while(|byte| is_space(**byte)).count()))
        }
        _ => word(text, is_ended).map(|bytes| (Token::Word, bytes)),
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_structure(byte: u8) -> bool {
    matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"')
}

fn string(text: &[u8]) -> Option<usize> {
    let mut scan = Scan::default();
    scan.end_of_value(text, false)
}

fn word(text: &[u8], is_ended: bool) -> Option<usize> {
    let end = text.iter().position(|byte| is_space(*byte) || is_structure(*byte));
    end.or_else(|| is_ended.then_some(text.len()))
}

/// How far a value has been looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scan {
    pos: usize,
    depth: usize,
    begun: bool,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Tells whether nothing of a value has been seen.
    pub(crate) fn is_fresh(&self) -> bool {
        !self.begun
    }

    /// The text looked at so far is gone; the value goes on.
    pub(crate) fn forget(&mut self) {
        self.pos = 0;
    }

    /// Returns the length of the value that `text` begins with; `None` when it goes on.
    ///
    /// Asked again with a longer text, it goes on where it stopped.
    pub(crate) fn end_of_value(&mut self, text: &[u8], is_ended: bool) -> Option<usize> {
        for (pos, &byte) in text.iter().enumerate().skip(self.pos) {
            let was_begun = std::mem::replace(&mut self.begun, true);
            if self.in_string {
                if self.take_in_string(byte) && self.depth == 0 {
                    return Some(pos + 1);
                }
                continue;
            }
            match byte {
                b'"' | b'{' | b'[' if was_begun && self.depth == 0 => return Some(pos),
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth == 0 => return Some(pos),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(pos + 1);
                    }
                }
                byte if self.depth == 0 && (is_space(byte) || matches!(byte, b',' | b':')) => {
                    return Some(pos);
                }
                _ => {}
            }
        }
        self.pos = text.len();
        let is_word = self.depth == 0 && !self.in_string && self.begun;
        (is_ended && is_word).then_some(text.len())
    }

    /// Takes a byte of a string; tells whether the string ends with it.
    fn take_in_string(&mut self, byte: u8) -> bool {
        if self.escaped {
            self.escaped = false;
            return false;
        }
        match byte {
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
        !self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_it_ends_and_not_within_its_strings() {
        let end = |text: &str| Scan::default().end_of_value(text.as_bytes(), false);
        assert_eq!(end(r#"{"a":"}\"]"},2"#), Some(12));
        assert_eq!(end("[1,[2]],"), Some(7));
        assert_eq!(end("12]"), Some(2));
        assert_eq!(end(r#""a,b","#), Some(5));
        assert_eq!(end(r#"{"a":1"#), None);
    }

    #[test]
    fn a_value_in_pieces_ends_at_the_same_place() {
        let text = br#"{"a":["\\\"",{}],"b":{}} , 1"#;
        let whole = Scan::default().end_of_value(text, true);
        let mut scan = Scan::default();
        let pieces = (1..=text.len()).find_map(|end| scan.end_of_value(&text[..end], false));
        assert_eq!(pieces, whole);
    }

    #[test]
    fn a_word_ends_with_the_text_only_when_nothing_follows() {
        assert_eq!(token(b"tru", false), None);
        assert_eq!(token(b"true", true), Some((Token::Word, 4)));
        assert_eq!(token(b"12,", false), Some((Token::Word, 2)));
    }
}
