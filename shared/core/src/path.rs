//! Paths such as `.caller.name`, `.lines[0].id` and `."odd key"`: read once, followed without jq.

use std::fmt;

use crate::Value;

/// Where something is within a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: Box<str>,
    steps: Box<[Step]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(Box<str>),
    Index(i32),
}

impl Path {
    /// Reads a path; the error says what was expected, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let steps = steps(text).map_err(|wrong| format!("{text:?} is not a path: {wrong}"))?;
        Ok(Self { text: text.into(), steps: steps.into() })
    }

    /// Returns what is there; `None` when a key, an item or a whole branch is missing.
    pub fn find<'v>(&self, record: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(record, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => {
                let items = value.as_array()?;
                let back = usize::try_from(index.unsigned_abs()).ok()?;
                items.get(if *index < 0 { items.len().checked_sub(back)? } else { back })
            }
        })
    }

    /// Returns what is there, to be changed or taken.
    pub fn find_mut<'v>(&self, record: &'v mut Value) -> Option<&'v mut Value> {
        self.steps.iter().try_fold(record, |value, step| match (step, value) {
            (Step::Key(key), Value::Object(object)) => object.get_mut(key),
            (Step::Index(index), Value::Array(items)) => {
                let back = usize::try_from(index.unsigned_abs()).ok()?;
                let at = if *index < 0 { items.len().checked_sub(back)? } else { back };
                items.get_mut(at)
            }
            _ => None,
        })
    }

    /// Returns the path as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the key when the path is just one, such as `.number`.
    pub fn only_key(&self) -> Option<&str> {
        match &*self.steps {
            [Step::Key(key)] => Some(key),
            _ => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const EXPECTED: &str = "write .key, .a.b, .list[0] or .\"odd key\"";

fn steps(text: &str) -> Result<Vec<Step>, String> {
    let mut rest = text.strip_prefix('.').ok_or("it must start with a dot")?;
    let mut steps = Vec::new();
    if rest.is_empty() {
        return Ok(steps);
    }
    loop {
        let (step, after) = if let Some(inner) = rest.strip_prefix('[') {
            bracket(inner)?
        } else if rest.starts_with('"') {
            quoted(rest)?
        } else {
            word(rest)?
        };
        steps.push(step);
        rest = match after.strip_prefix('.') {
            Some("") => return Err("a key must follow the last dot".to_owned()),
            Some(next) => next,
            None if after.is_empty() => return Ok(steps),
            None if after.starts_with('[') => after,
            None => return Err(format!("{after:?} is in the way; {EXPECTED}")),
        };
    }
}

fn word(text: &str) -> Result<(Step, &str), String> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (key, rest) = text.split_at(end);
    if key.is_empty() {
        return Err(EXPECTED.to_owned());
    }
    Ok((Step::Key(key.into()), rest))
}

/// Reads a JSON string at the start of `text`.
fn quoted(text: &str) -> Result<(Step, &str), String> {
    let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
    match strings.next() {
        Some(Ok(key)) => Ok((Step::Key(key.into()), &text[strings.byte_offset()..])),
        _ => Err("a quoted key must end with a quote".to_owned()),
    }
}

fn bracket(inner: &str) -> Result<(Step, &str), String> {
    let (step, rest) = if inner.starts_with('"') {
        quoted(inner)?
    } else {
        let (index, _) = inner.split_once(']').ok_or("a [ is not closed")?;
        let step = index.parse().map_err(|_| format!("[{index}] must hold a whole number"))?;
        (Step::Index(step), &inner[index.len()..])
    };
    let rest = rest.strip_prefix(']').ok_or("a [ is not closed")?;
    Ok((step, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str, record: &str) -> String {
        let record = crate::json::parse(record.as_bytes()).unwrap();
        let path = Path::parse(path).unwrap();
        let found = path.find(&record).cloned();
        assert_eq!(path.find_mut(&mut record.clone()).cloned(), found, "{path}");
        found.map_or("nothing".to_owned(), |value| value.to_string())
    }

    #[test]
    fn follows_keys_items_and_quoted_keys() {
        let record = r#"{"a": {"b": [1, {"c d": "x"}, 3]}, "ü.[]": 7}"#;
        assert_eq!(find(".a.b[0]", record), "1");
        assert_eq!(find(r#".a.b[1]."c d""#, record), r#""x""#);
        assert_eq!(find(".a.b[-1]", record), "3");
        assert_eq!(find(r#".["ü.[]"]"#, record), "7");
        assert_eq!(find(".", "5"), "5");
    }

    #[test]
    fn finds_nothing_where_the_shape_is_another() {
        let record = r#"{"a": "text", "n": null, "l": []}"#;
        for path in [".b", ".a.b", ".a[0]", ".n.x", ".l[0]", ".l[-1]", ".l.x"] {
            assert_eq!(find(path, record), "nothing", "{path}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_path() {
        for (path, says) in [
            ("number", "must start with a dot"),
            (".a.", "must follow the last dot"),
            (".odd-key", "is in the way"),
            (".a[x]", "must hold a whole number"),
            (".a[0", "not closed"),
            (".\"open", "must end with a quote"),
            ("..", "write .key"),
        ] {
            let error = Path::parse(path).unwrap_err();
            assert!(error.contains(says), "{path}: {error}");
        }
    }
}
