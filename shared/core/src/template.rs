//! Text with `${...}` in it, each a jq expression over a record.

use crate::{Value, expr::Expr};

/// Longest text that is written; the rest is cut off with a mark.
const MAX_BYTES: usize = 32 * 1024;

/// A compiled text.
#[derive(Debug, Clone)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Text(Box<str>),
    Value(Expr),
}

impl Template {
    /// Reads a text; the error is one sentence for the person who wrote it.
    pub fn compile(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if at > 0 {
                parts.push(Part::Text(rest[..at].into()));
            }
            let inner = &rest[at + 2..];
            let end = end_of(inner).ok_or_else(|| format!("a ${{ in {text:?} is not closed"))?;
            parts.push(Part::Value(Expr::compile(&inner[..end])?));
            rest = &inner[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Ok(Self(parts))
    }

    /// Writes the text for a record. Texts stand as they are, nothing for `null`, all else as JSON.
    pub fn render(&self, record: &Value) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Value(expr) => match expr.first(record)? {
                    None | Some(Value::Null) => {}
                    Some(Value::String(value)) => text.push_str(&value),
                    Some(other) => text.push_str(&other.to_string()),
                },
            }
            if text.len() > MAX_BYTES {
                text.truncate(text.floor_char_boundary(MAX_BYTES));
                text.push('…');
                break;
            }
        }
        Ok(text)
    }
}

/// Returns where the expression ends: the brace that closes it, outside of texts and objects.
fn end_of(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted && depth == 0 => return Some(at),
            b'}' if !quoted => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn render(text: &str, record: &str) -> String {
        Template::compile(text).unwrap().render(&json::parse(record.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn values_stand_as_text_and_everything_else_as_json() {
        let record = r#"{"key":"a.b","n":12345678901234567890123,"o":{"x":[1]},"no":null}"#;
        assert_eq!(
            render("${.key}: ${.n}, ${.o}${.no}!", record),
            "a.b: 12345678901234567890123, {\"x\":[1]}!"
        );
    }

    #[test]
    fn braces_in_texts_and_objects_do_not_end_an_expression() {
        assert_eq!(render(r#"<${{a: "}", b: .x}.a}>"#, r#"{"x":1}"#), "<}>");
        assert_eq!(render(r#"${"\"}"}"#, "{}"), "\"}");
    }

    #[test]
    fn what_is_in_a_value_is_never_a_template() {
        assert_eq!(render("${.x}", r#"{"x":"${.secret}","secret":"s"}"#), "${.secret}");
    }

    #[test]
    fn a_mistake_is_said_in_one_sentence() {
        assert!(Template::compile("${.x").unwrap_err().contains("not closed"));
        assert!(Template::compile("${env}").is_err());
    }

    #[test]
    fn a_huge_text_is_cut_with_a_mark() {
        let record = format!("{{\"x\":\"{}\"}}", "ä".repeat(MAX_BYTES));
        let text = render("${.x}", &record);
        assert!(text.len() <= MAX_BYTES + 4 && text.ends_with('…'));
    }
}
