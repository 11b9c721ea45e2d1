//! Text as Slack wants it: escaped, and no longer than it may be.

use ferrule_connector::Value;

/// Says that something was cut off.
const MARK: char = '…';

/// Writes text so that nothing in it is a command to Slack, in at most `most` characters.
///
/// `&`, `<` and `>` are all that Slack reads commands by: `<!channel>` in a value calls nobody.
/// <https://docs.slack.dev/messaging/formatting-message-text#escaping>
pub(crate) fn escape(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    let mut used = 0;
    // Where to cut should the rest not fit behind it.
    let mut fits = 0;
    for char in text.chars() {
        let mut own = [0; 4];
        let piece = match char {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            c if c.is_control() && c != '\n' && c != '\t' => " ",
            c => c.encode_utf8(&mut own),
        };
        let width = piece.encode_utf16().count();
        if used + width > most {
            out.truncate(fits);
            out.push(MARK);
            return out;
        }
        out.push_str(piece);
        used += width;
        if used < most {
            fits = out.len();
        }
    }
    out
}

/// Writes text as one line.
pub(crate) fn line(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    escape(&words.join(" "), most)
}

/// Shows a value as it is: as code where that is possible, so that `*` and `_` in it stay what they
/// are.
pub(crate) fn shown(value: &Value, most: usize) -> String {
    let text = match value {
        Value::Null => return "_none_".to_owned(),
        Value::String(text) if text.trim().is_empty() => return "_empty_".to_owned(),
        Value::String(text) => text.to_string(),
        other => other.to_string(),
    };
    if text.contains('`') {
        return escape(&text, most);
    }
    let fence = if text.contains('\n') { "```" } else { "`" };
    format!("{fence}{}{fence}", escape(text.trim(), most.saturating_sub(2 * fence.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_a_command() {
        assert_eq!(escape("<!channel> & <@U1>", 99), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
        assert_eq!(escape("a\u{0}b\nc", 99), "a b\nc");
    }

    #[test]
    fn what_is_too_long_is_cut_with_a_mark_and_never_within_an_escape() {
        assert_eq!(escape("abcdef", 6), "abcdef");
        assert_eq!(escape("abcdefg", 6), "abcde…");
        assert_eq!(escape("abc<def", 6), "abc…");
        assert_eq!(escape("<<", 8), "&lt;&lt;");
        assert_eq!(escape("<<<", 8), "&lt;…");
        assert_eq!(escape("😀😀", 3), "😀…");
    }

    #[test]
    fn a_value_is_shown_as_it_is() {
        let text = |text: &str| shown(&Value::from(text), 20);
        assert_eq!(text("*.db_*"), "`*.db_*`");
        assert_eq!(text("a`b"), "a`b");
        assert_eq!(text("a\nb"), "```a\nb```");
        assert_eq!(text(" "), "_empty_");
        assert_eq!(shown(&Value::Null, 9), "_none_");
        assert_eq!(shown(&Value::from(12), 9), "`12`");
        assert_eq!(text("0123456789012345678901234567"), "`01234567890123456…`");
    }
}
