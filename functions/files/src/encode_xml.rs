//! Records as XML elements: the reverse of how they are read.

use ferrule_connector::{Object, Value};

use crate::encode::Unfit;

/// Deepest nesting that is written.
const MAX_DEPTH: usize = 64;

/// Returns a record as an element: `@key` is an attribute, `#text` is text, a list repeats.
pub(crate) fn element(name: &str, record: &Object) -> Result<String, Unfit> {
    let mut out = String::new();
    write_object(name, record, 0, &mut out)?;
    Ok(out)
}

fn write_object(name: &str, object: &Object, depth: usize, out: &mut String) -> Result<(), Unfit> {
    if depth > MAX_DEPTH {
        return Err(("XML_DEPTH", format!("nested deeper than {MAX_DEPTH} levels")));
    }
    out.push('<');
    out.push_str(valid_name(name)?);
    for (key, value) in object.iter() {
        if let Some(attribute) = key.strip_prefix('@') {
            out.push_str(&format!(" {}=\"{}\"", valid_name(attribute)?, text(value)?));
        }
    }
    out.push('>');
    for (key, value) in object.iter().filter(|(key, _)| !key.starts_with('@')) {
        if key == "#text" {
            out.push_str(&text(value)?);
        } else {
            write_value(key, value, depth + 1, out)?;
        }
    }
    out.push_str(&format!("</{name}>"));
    Ok(())
}

fn write_value(name: &str, value: &Value, depth: usize, out: &mut String) -> Result<(), Unfit> {
    match value {
        Value::Object(object) => write_object(name, object, depth, out),
        Value::Array(items) => items.iter().try_for_each(|item| match item {
            Value::Array(_) => Err(("XML_SHAPE", format!("{name:?} is a list in a list"))),
            item => write_value(name, item, depth, out),
        }),
        Value::Null => {
            out.push_str(&format!("<{}/>", valid_name(name)?));
            Ok(())
        }
        plain => {
            out.push_str(&format!("<{}>{}</{name}>", valid_name(name)?, text(plain)?));
            Ok(())
        }
    }
}

fn valid_name(name: &str) -> Result<&str, Unfit> {
    let starts = |c: char| c.is_alphabetic() || c == '_';
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    if name.starts_with(starts) && name.chars().all(goes_on) {
        return Ok(name);
    }
    Err(("XML_NAME", format!("{name:?} is not a name in XML")))
}

fn text(value: &Value) -> Result<String, Unfit> {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.to_string(),
        other => other.to_string(),
    };
    let is_refused = |c: char| matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}');
    if let Some(c) = text.chars().find(|c| is_refused(*c)) {
        return Err(("XML_CHARACTER", format!("U+{:04X} cannot stand in XML", u32::from(c))));
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' | '\n' | '\t' => out.push_str(&format!("&#{};", u32::from(c))),
            c => out.push(c),
        }
    }
    Ok(out)
}
