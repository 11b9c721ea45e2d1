//! Texts as GitHub shows them. Values stand in code spans: they mention nobody, link nowhere and
//! format nothing.

use ferrule_core::{Notification, Value};

/// GitHub's limits, in characters.
const MAX_TITLE: usize = 256;
const MAX_BODY: usize = 60_000;

/// What is shown of one value.
const MAX_VALUE: usize = 1_000;

/// Notifications of a digest that are listed; the others are counted.
const MAX_LISTED: usize = 100;

/// Writes a title: one line.
pub(crate) fn title(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() { "Notification".to_owned() } else { cut(&line, MAX_TITLE) }
}

/// Writes the body of an issue, with invisible markers at its end.
pub(crate) fn issue_body(note: &Notification, markers: &[&str]) -> String {
    with_markers(&content(note), markers)
}

/// Writes a comment: its title is a line of the text.
pub(crate) fn comment_body(note: &Notification, marker: &str) -> String {
    with_markers(&format!("**{}**\n\n{}", plain(&title(&note.title)), content(note)), &[marker])
}

fn with_markers(text: &str, markers: &[&str]) -> String {
    format!("{}\n\n{}", cut(text.trim_end(), MAX_BODY), markers.join("\n"))
}

fn content(note: &Notification) -> String {
    let mut text = String::new();
    if !note.mentions.is_empty() {
        let who: Vec<String> = note.mentions.iter().filter_map(|who| mention(who)).collect();
        text.push_str(&format!("{}\n\n", who.join(" ")));
    }
    if let Some(words) = &note.text {
        text.push_str(&format!("{}\n\n", plain(words)));
    }
    if !note.fields.is_empty() {
        text.push_str("| | |\n|---|---|\n");
        for field in &note.fields {
            text.push_str(&format!("| {} | {} |\n", cell(&field.name), value(&field.value)));
        }
        text.push('\n');
    }
    for one in note.digest.iter().take(MAX_LISTED) {
        text.push_str(&format!("- {}\n", plain(&title(&one.title))));
    }
    if note.digest.len() > MAX_LISTED {
        text.push_str(&format!("- and {} more\n", note.digest.len() - MAX_LISTED));
    }
    text
}

/// `@name` or `@org/team`, when it is one.
fn mention(who: &str) -> Option<String> {
    let who = who.trim_start_matches('@');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    (!who.is_empty() && who.chars().all(is_plain)).then(|| format!("@{who}"))
}

/// Takes from a text what would mention, link to an issue, or be HTML or Markdown.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // A zero-width space behind it: nobody is called, nothing is linked.
            '@' | '#' => out.extend([c, '\u{200B}']),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '!' => {
                out.extend(['\\', c]);
            }
            c if c.is_control() && c != '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn cell(text: &str) -> String {
    plain(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Writes a value as code: within a fence longer than any run of backticks in it.
fn value(value: &Value) -> String {
    let text = match value {
        Value::Null => return "_none_".to_owned(),
        Value::String(text) => text.to_string(),
        other => other.to_string(),
    };
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = cut(&line, MAX_VALUE).replace('|', "\\|");
    if line.trim().is_empty() {
        return "_empty_".to_owned();
    }
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{line}{pad}{fence}")
}

/// Cuts a text to so many characters, with a mark.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use ferrule_core::Field;

    use super::*;

    #[test]
    fn values_mention_nobody_and_break_no_table() {
        let hostile = "`x` | @everyone <img src=x> \n| ``y``";
        let shown = value(&Value::from(hostile));
        assert_eq!(
            shown,
            "```` `x` \\| @everyone <img src=x>  \\| ``y`` ````".replace("````", "```")
        );
        assert_eq!(plain("@ops #1 <b>"), "@\u{200B}ops #\u{200B}1 \\<b\\>");
        assert_eq!(value(&Value::Null), "_none_");
    }

    #[test]
    fn a_body_has_its_fields_and_keeps_its_markers_however_long_it_is() {
        let field = Field { name: "New value".into(), value: Value::from("db2") };
        let note = Notification { fields: vec![field], ..Notification::default() };
        let body = issue_body(&note, &["<!-- a -->", "<!-- b -->"]);
        assert_eq!(body, "| | |\n|---|---|\n| New value | `db2` |\n\n<!-- a -->\n<!-- b -->");
        let long = Notification { text: Some("x".repeat(100_000)), ..Notification::default() };
        let body = issue_body(&long, &["<!-- a -->"]);
        assert!(body.ends_with("…\n\n<!-- a -->") && body.chars().count() < 65_536);
    }

    #[test]
    fn only_names_are_mentioned() {
        assert_eq!(mention("@acme/ops").as_deref(), Some("@acme/ops"));
        assert_eq!(mention("ops> <script"), None);
    }
}
