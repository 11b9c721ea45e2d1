//! Reads the body of a delivery that is verified.

use ferrule_core::{Object, Value, json};

/// Most fields of a form; each name is compared with those before it.
const MAX_FIELDS: usize = 1000;

/// Why a body is no record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is neither JSON nor a form.
    MediaType,
    /// It is not what its content type says; one sentence.
    Content(String),
}

/// Reads a body by its content type. Senders are careless with it, and this one has proved who it
/// is: what is no form and reads as JSON is JSON, whatever it is called. `inner` is the field of a
/// form that holds all of it as JSON.
pub(crate) fn read(
    content_type: Option<&str>,
    body: &[u8],
    inner: Option<&str>,
) -> Result<Value, Unreadable> {
    let media = content_type.unwrap_or("application/json");
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match &*media {
        "application/x-www-form-urlencoded" => form(body, inner),
        "application/json" | "text/json" | "text/plain" => json(body),
        _ if media.ends_with("+json") => json(body),
        _ => json(body).map_err(|_| Unreadable::MediaType),
    }
}

fn json(body: &[u8]) -> Result<Value, Unreadable> {
    json::parse(body).map_err(|error| Unreadable::Content(error.to_string()))
}

/// Reads a form as an object of texts. A name that is there twice is refused: of two values, the
/// signature does not say which one is meant.
fn form(body: &[u8], inner: Option<&str>) -> Result<Value, Unreadable> {
    let mut object = Object::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        if object.len() == MAX_FIELDS {
            return Err(Unreadable::Content(format!("a form has at most {MAX_FIELDS} fields")));
        }
        if object.get(&name).is_some() {
            return Err(Unreadable::Content("a field of the form is there twice".to_owned()));
        }
        object.insert(&*name, (&*value).into());
    }
    match inner.and_then(|field| object.get(field)?.as_str()) {
        Some(text) => json(text.as_bytes()),
        None => Ok(Value::Object(object)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: Option<&str>, body: &[u8]) -> Result<Value, Unreadable> {
        super::read(content_type, body, Some("payload"))
    }

    #[test]
    fn reads_json_exactly() {
        let value = read(Some("application/json; charset=utf-8"), b"{\"n\":1.10}").unwrap();
        assert_eq!(value.to_string(), "{\"n\":1.10}");
        assert!(read(Some("application/vnd.api+json"), b"[]").is_ok());
        assert!(read(None, b"1").is_ok());
        assert!(read(Some(""), b"1").is_ok());
        assert!(read(Some("application/octet-stream"), b"{}").is_ok());
    }

    #[test]
    fn reads_a_form_as_texts() {
        let value = read(Some("application/x-www-form-urlencoded"), b"a=1+2&b=%C3%BC&c=").unwrap();
        assert_eq!(value.to_string(), r#"{"a":"1 2","b":"ü","c":""}"#);
    }

    #[test]
    fn reads_the_json_within_a_form() {
        let form = Some("application/x-www-form-urlencoded");
        let value = read(form, b"payload=%7B%22n%22%3A1.10%7D").unwrap();
        assert_eq!(value.to_string(), r#"{"n":1.10}"#);
        assert!(matches!(read(form, b"payload=%7B"), Err(Unreadable::Content(_))));
        let twice = read(form, b"payload=1&payload=2");
        assert!(matches!(twice, Err(Unreadable::Content(_))));
    }

    #[test]
    fn refuses_what_can_be_read_in_two_ways() {
        assert!(matches!(read(None, br#"{"a":1,"a":2}"#), Err(Unreadable::Content(_))));
        let form = read(Some("application/x-www-form-urlencoded"), b"a=1&a=2");
        assert!(matches!(form, Err(Unreadable::Content(_))));
        assert_eq!(read(Some("application/xml"), b"<a/>"), Err(Unreadable::MediaType));
    }
}
