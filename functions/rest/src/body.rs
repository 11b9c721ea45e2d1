//! Reads bodies: text in some format, and where the records are in it.

use ferrule_connector::{Answer, Failure, Value};
use ferrule_core::{json, path::Path};

use crate::settings::Format;

impl Format {
    /// The media type that is asked for.
    pub(crate) fn accept(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsonLines => "application/x-ndjson, application/jsonl, application/json;q=0.5",
            Self::Xml => "application/xml, text/xml;q=0.9",
        }
    }

    /// Reads a body.
    pub(crate) fn read(self, answer: &Answer) -> Result<Value, Failure> {
        match self {
            Self::Json => answer.json(),
            Self::Xml => answer.xml(),
            Self::JsonLines if answer.is_html() => {
                Err(answer.unreadable("answered with HTML, not JSON"))
            }
            Self::JsonLines => lines(answer),
        }
    }
}

fn lines(answer: &Answer) -> Result<Value, Failure> {
    let lines = answer.body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
    let values = lines.filter(|(_, line)| !line.is_empty()).map(|(at, line)| {
        let unreadable = |e| answer.unreadable(&format!("line {} is not JSON: {e}", at + 1));
        json::parse(line).map_err(unreadable)
    });
    values.collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// Where in a body its records are.
pub(crate) struct Place(Path);

impl Place {
    pub(crate) fn new(at: &str) -> Result<Self, Failure> {
        Path::parse(at).map(Self).map_err(|error| Failure::coded("SETTINGS", error))
    }

    /// Finds the records of a body. Nothing where they should be is not the same as none.
    pub(crate) fn find<'b>(
        &self,
        answer: &Answer,
        body: &'b Value,
    ) -> Result<&'b [Value], Failure> {
        let at = &self.0;
        match at.find(body) {
            Some(Value::Array(items)) => Ok(items),
            Some(Value::Null) => Ok(&[]),
            Some(one @ Value::Object(_)) => Ok(std::slice::from_ref(one)),
            Some(other) => {
                let kind = other.kind();
                Err(answer.unreadable(&format!("has a {kind} at {at}, where records should be")))
            }
            None => {
                Err(answer.unreadable(&format!("has nothing at {at}, where records should be")))
            }
        }
    }

    /// Takes out of a body what [`Self::find`] finds.
    pub(crate) fn take(&self, mut body: Value) -> Vec<Value> {
        match self.0.find_mut(&mut body).map(std::mem::take) {
            Some(Value::Array(items)) => items,
            Some(one @ Value::Object(_)) => vec![one],
            _ => Vec::new(),
        }
    }
}
