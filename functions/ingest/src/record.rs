//! What of a delivery becomes records.

use ferrule_core::{Object, Record, Value, path::Path, recipe::Recipe};
use http::HeaderMap;

/// Returns the records of a body; `None` when the list that they are in is not there.
pub(crate) fn items<'v>(recipe: &Recipe, body: &'v Value) -> Option<&'v [Value]> {
    let Some(path) = &recipe.records else { return Some(std::slice::from_ref(body)) };
    match Path::parse(path).ok()?.find(body)? {
        Value::Array(items) => Some(items),
        // A sender of lists that has one thing to say may leave out the brackets.
        one if path == "." => Some(std::slice::from_ref(one)),
        _ => None,
    }
}

/// Makes records of items: without their token, with the headers that were asked for.
pub(crate) fn records(
    recipe: &Recipe,
    items: &[Value],
    names: &[String],
    headers: &HeaderMap,
) -> Vec<Record> {
    let chosen = (!names.is_empty()).then(|| chosen(names, headers));
    let is_list = recipe.records.is_some();
    let record = |(line, item): (u64, &Value)| {
        let mut value = item.clone();
        if let Value::Object(object) = &mut value {
            if let Some(token) = &recipe.token {
                object.remove(token);
            }
            if let Some(chosen) = &chosen {
                object.insert("headers", Value::Object(chosen.clone()));
            }
        }
        Record { line: if is_list { line } else { 0 }, value, ..Record::default() }
    };
    (1..).zip(items).map(record).collect()
}

/// Returns headers under their names in lowercase; several values of one, between commas.
fn chosen(names: &[String], headers: &HeaderMap) -> Object {
    let value = |name: &String| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let values: Vec<&str> = values.collect();
        let value = if values.is_empty() { Value::Null } else { values.join(", ").into() };
        (name.to_ascii_lowercase(), value)
    };
    names.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use ferrule_core::{definition::WebhookTrigger, json};

    use super::*;

    fn recipe(name: &str) -> Recipe {
        let trigger: WebhookTrigger =
            serde_json::from_str(&format!(r#"{{"recipe": "{name}"}}"#)).unwrap();
        Recipe::of(&trigger).unwrap()
    }

    fn texts(name: &str, body: &str) -> Option<Vec<String>> {
        let (recipe, body) = (recipe(name), json::parse(body.as_bytes()).unwrap());
        let headers = [(http::header::FROM, "me".parse().unwrap())].into_iter().collect();
        let names = ["From".to_owned(), "x-not".to_owned()];
        let records = records(&recipe, items(&recipe, &body)?, &names, &headers);
        Some(records.iter().map(|record| record.value.to_string()).collect())
    }

    #[test]
    fn each_item_of_a_list_is_a_record() {
        let headers = r#""headers":{"from":"me","x-not":null}"#;
        let one = format!(r#"{{"a":1,{headers}}}"#);
        assert_eq!(texts("github", r#"{"a":1}"#).unwrap(), [&*one]);
        assert_eq!(texts("github", "[1]").unwrap(), ["[1]"], "no list is looked for");
        assert_eq!(texts("sendgrid", r#"[{"a":1},{"a":1}]"#).unwrap(), [&*one, &*one]);
        assert_eq!(texts("sendgrid", r#"{"a":1}"#).unwrap(), [&*one]);
        assert_eq!(texts("okta", r#"{"data":{"events":[{"a":1}]}}"#).unwrap(), [&*one]);
        assert_eq!(texts("okta", r#"{"data":{"events":{}}}"#), None);
        assert_eq!(texts("okta", r#"{"data":{}}"#), None);
    }

    #[test]
    fn a_token_of_the_body_is_in_no_record() {
        let body = r#"{"value":[{"clientState":"s3cret","id":1}]}"#;
        assert!(!texts("graph", body).unwrap()[0].contains("s3cret"));
    }
}
