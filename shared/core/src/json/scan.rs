//! Finds the next byte that matters in a text, eight at a time.

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// Has the high bit of each byte that is `byte`; only the first of them is certain.
fn is(word: u64, byte: u8) -> u64 {
    let zero_where_equal = word ^ (ONES * u64::from(byte));
    zero_where_equal.wrapping_sub(ONES) & !zero_where_equal & HIGHS
}

/// Has the high bit of each byte below 0x20; only the first of them is certain.
fn is_control(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word & HIGHS
}

fn find(text: &[u8], marks: impl Fn(u64) -> u64, matters: impl Fn(u8) -> bool) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return Some(at * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|byte| matters(*byte))?;
    Some(words.len() * 8 + at)
}

/// Finds the end of a JSON string's plain part: a quote, a backslash, or what may not be there.
pub(super) fn ends_plain(text: &[u8]) -> Option<usize> {
    let marks = |word| is(word, b'"') | is(word, b'\\') | is_control(word);
    find(text, marks, |byte| byte < 0x20 || matches!(byte, b'"' | b'\\'))
}

/// Finds what may have to be escaped; 0xEF begins U+FFFE and U+FFFF, and much else.
pub(super) fn needs_escape(text: &[u8]) -> Option<usize> {
    let marks = |word| is(word, b'"') | is(word, b'\\') | is(word, 0xEF) | is_control(word);
    find(text, marks, |byte| byte < 0x20 || matches!(byte, b'"' | b'\\' | 0xEF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_each_byte_at_each_position() {
        for byte in 0..=255_u8 {
            for at in 0..20 {
                let mut text = vec![b'x'; 24];
                text[at] = byte;
                let found = (byte < 0x20 || byte == b'"' || byte == b'\\').then_some(at);
                assert_eq!(ends_plain(&text), found, "{byte} at {at}");
                let found = found.or_else(|| (byte == 0xEF).then_some(at));
                assert_eq!(needs_escape(&text), found, "{byte} at {at}");
            }
        }
    }
}
