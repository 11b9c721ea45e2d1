//! Puts addresses together from what operators write and what records hold.

use ferrule_connector::{Failure, Record, Value, url_guard};
use ferrule_core::path::Path;
use url::Url;

/// What stands in braces in a path.
pub(crate) struct Blanks<'a> {
    pub(crate) record: Option<&'a Record>,
    pub(crate) value: &'a Value,
    pub(crate) id: Option<&'a str>,
}

/// Puts a path behind the base address. The base address decides about the host, whatever the path
/// says.
pub(crate) fn join(base: &str, path: &str, local: bool) -> Result<Url, Failure> {
    if path.split(['/', '?', '#']).any(|part| part == "..") {
        return Err(Failure::coded("URL_REFUSED", "a path cannot hold .."));
    }
    let base = base.trim_end_matches('/');
    let text = match path.trim_start_matches('/') {
        "" => base.to_owned(),
        query if query.starts_with('?') => format!("{base}{query}"),
        path => format!("{base}/{path}"),
    };
    url_guard::parse(&text, local)
}

/// Fills `{key}`, `{id}` and `{.field}`; what is filled in is one piece of a path or query,
/// whatever it holds.
pub(crate) fn fill(template: &str, blanks: &Blanks<'_>) -> Result<String, Failure> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or_else(|| {
            Failure::coded("SETTINGS", format!("{template:?} opens a brace and does not close it"))
        })?;
        filled.push_str(before);
        filled.push_str(&encoded(&blank(name, blanks)?)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn blank(name: &str, blanks: &Blanks<'_>) -> Result<String, Failure> {
    let missing = || Failure::coded("KEY", format!("the record has nothing for {{{name}}}"));
    let found = match name {
        "key" => blanks.record.and_then(|record| record.key.clone()),
        "id" => blanks.id.map(str::to_owned),
        path => {
            let path = Path::parse(path).map_err(|error| Failure::coded("SETTINGS", error))?;
            path.find(blanks.value).and_then(plain)
        }
    };
    found.filter(|text| !text.is_empty()).ok_or_else(missing)
}

/// Writes a value as it stands in a parameter; `None` for what has no plain form.
pub(crate) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Escapes everything but letters, digits and `-._~`. A dot alone would climb to another path.
fn encoded(text: &str) -> Result<String, Failure> {
    if matches!(text, "." | "..") {
        return Err(Failure::coded("KEY", format!("{text:?} cannot stand in a path")));
    }
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(out)
}

/// Returns the address without what may be secret or personal, for logs.
pub(crate) fn origin(url: &Url) -> String {
    url[..url::Position::AfterPath].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str) -> Record {
        let value = r#"{"a": {"b": 7}, "text": "x/y?z"}"#;
        let value = ferrule_core::json::parse(value.as_bytes()).unwrap();
        Record { key: Some(key.into()), value, ..Record::default() }
    }

    fn filled(template: &str, key: &str) -> Result<String, Failure> {
        let record = record(key);
        fill(template, &Blanks { record: Some(&record), value: &record.value, id: Some("i d") })
    }

    #[test]
    fn fills_keys_ids_and_fields_as_one_piece() {
        assert_eq!(filled("/items/{key}", "INC 1/2").unwrap(), "/items/INC%201%2F2");
        assert_eq!(filled("/a/{.a.b}/{id}?q={.text}", "k").unwrap(), "/a/7/i%20d?q=x%2Fy%3Fz");
        assert_eq!(filled("/items", "k").unwrap(), "/items");
    }

    #[test]
    fn a_key_cannot_climb_out_of_its_path() {
        for key in ["..", ".", ""] {
            assert_eq!(filled("/items/{key}", key).unwrap_err().code(), "KEY", "{key}");
        }
        let url = join("https://a.example/v1", &filled("/items/{key}", "../x").unwrap(), false);
        assert_eq!(url.unwrap().as_str(), "https://a.example/v1/items/..%2Fx");
        assert!(join("https://a.example/v1", "/../admin", false).is_err());
    }

    #[test]
    fn says_which_blank_cannot_be_filled() {
        assert_eq!(filled("/{.nope}", "k").unwrap_err().code(), "KEY");
        assert_eq!(filled("/{key", "k").unwrap_err().code(), "SETTINGS");
        assert_eq!(filled("/{nope}", "k").unwrap_err().code(), "SETTINGS");
    }

    #[test]
    fn the_base_address_decides_about_the_host() {
        let join = |path| join("https://a.example/v1/", path, false).unwrap().to_string();
        assert_eq!(join("/items?x=1"), "https://a.example/v1/items?x=1");
        assert_eq!(join(""), "https://a.example/v1");
        assert_eq!(join("?x=1"), "https://a.example/v1?x=1");
        assert_eq!(join("//evil.example/"), "https://a.example/v1/evil.example/");
        assert_eq!(join("@evil.example"), "https://a.example/v1/@evil.example");
        assert_eq!(join("https://evil.example"), "https://a.example/v1/https://evil.example");
    }
}
