//! Writes a [`Value`] as XML, the other way round of reading it.

use ferrule_core::{Failure, Object, Value, json::MAX_DEPTH};
use quick_xml::escape::escape;

/// Writes a document whose root element is called `root`.
pub fn write(root: &str, value: &Value) -> Result<String, Failure> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    element(root, value, 0, &mut out)?;
    Ok(out)
}

fn element(name: &str, value: &Value, depth: usize, out: &mut String) -> Result<(), Failure> {
    if !is_name(name) {
        return Err(wrong(&format!("{name:?} cannot be the name of an element")));
    }
    if depth > MAX_DEPTH {
        return Err(wrong(&format!("nested deeper than {MAX_DEPTH} levels")));
    }
    match value {
        Value::Null => out.push_str(&format!("<{name}/>")),
        Value::Array(items) => {
            for item in items {
                element(name, item, depth + 1, out)?;
            }
        }
        Value::Object(object) => {
            out.push_str(&format!("<{name}"));
            attributes(object, out)?;
            out.push('>');
            for (key, inner) in object.iter().filter(|(key, _)| !key.starts_with('@')) {
                match key {
                    "#text" => text(inner, out)?,
                    key => element(key, inner, depth + 1, out)?,
                }
            }
            out.push_str(&format!("</{name}>"));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&format!("<{name}>"));
            text(value, out)?;
            out.push_str(&format!("</{name}>"));
        }
    }
    Ok(())
}

fn attributes(object: &Object, out: &mut String) -> Result<(), Failure> {
    for (key, value) in object.iter() {
        let Some(name) = key.strip_prefix('@') else { continue };
        if !is_name(name) {
            return Err(wrong(&format!("{name:?} cannot be the name of an attribute")));
        }
        out.push_str(&format!(" {name}=\""));
        text(value, out)?;
        out.push('"');
    }
    Ok(())
}

fn text(value: &Value, out: &mut String) -> Result<(), Failure> {
    let text = match value {
        Value::Null => return Ok(()),
        Value::String(text) => text.to_string(),
        Value::Array(_) | Value::Object(_) => {
            return Err(wrong(&format!("a {} cannot be text", value.kind())));
        }
        scalar => scalar.to_string(),
    };
    // XML 1.0 has no way to say these, not even escaped.
    if let Some(c) = text.chars().find(|c| !is_allowed(*c)) {
        return Err(wrong(&format!("XML cannot hold the character {}", c.escape_unicode())));
    }
    out.push_str(&escape(text.as_str()).replace('\r', "&#13;"));
    Ok(())
}

fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
}

fn is_name(name: &str) -> bool {
    let starts = |c: char| c.is_alphabetic() || c == '_';
    let goes_on = |c: char| starts(c) || c.is_numeric() || matches!(c, '-' | '.' | ':');
    name.starts_with(starts) && name.chars().all(goes_on)
}

fn wrong(reason: &str) -> Failure {
    Failure::coded("XML", reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        ferrule_core::json::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in [
            r#"{"a":{"@x":"1 < \"2\"","b":["1",null,"2"],"c":{"d":"ä & b"},"z":null}}"#,
            r##"{"a":{"@x":"1","#text":"t]]>"}}"##,
            r#"{"a":"line\nline\rend"}"#,
        ] {
            let xml = write("a", value(text).get("a").unwrap()).unwrap();
            assert_eq!(super::super::parse(xml.as_bytes()).unwrap().to_string(), text, "{xml}");
        }
        let xml = write("n", &value(r#"{"big": 12345678901234567890123, "t": true}"#)).unwrap();
        assert!(xml.ends_with("<n><big>12345678901234567890123</big><t>true</t></n>"), "{xml}");
    }

    #[test]
    fn refuses_what_xml_cannot_say() {
        for text in [
            r#"{"a b": 1}"#,
            r#"{"": 1}"#,
            r#"{"<script>": 1}"#,
            r#"{"@a b": "1"}"#,
            r#"{"@x": [1]}"#,
            r#"{"a": "\u0000"}"#,
            r#"{"a": "\uffff"}"#,
        ] {
            assert_eq!(write("r", &value(text)).unwrap_err().code(), "XML", "{text}");
        }
        assert!(write("1r", &Value::Null).is_err());
    }
}
