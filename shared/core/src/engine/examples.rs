//! Runs the examples inside a definition.

use super::{Engine, Verdict, refusal};
use crate::{
    Value,
    definition::{Example, Integration, Problem},
    expr::same,
};

/// An example that came out differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Path of the example, such as `tests[0]`.
    pub path: String,
    /// The example's name.
    pub name: String,
    /// One line for each difference: what was expected, and what came out.
    pub differences: Vec<String>,
}

impl Integration {
    /// Runs the examples of the definition; an empty list means that all of them hold.
    pub fn run_examples(&self) -> Result<Vec<Mismatch>, Vec<Problem>> {
        let engine = Engine::compile(self)?;
        let examples = self.tests.iter().enumerate();
        Ok(examples
            .filter_map(|(at, example)| {
                let differences = differences(&engine, example);
                let (path, name) = (format!("tests[{at}]"), example.name.clone());
                (!differences.is_empty()).then_some(Mismatch { path, name, differences })
            })
            .collect())
    }
}

fn differences(engine: &Engine, example: &Example) -> Vec<String> {
    let verdict = engine.apply(&example.given);
    match (&example.expect, &example.refused, verdict) {
        (Some(_), Some(_), _) => vec!["an example says either expect or refused".to_owned()],
        (None, None, _) => vec!["an example needs expect, or refused with a code".to_owned()],
        (None, Some(code), Verdict::Refused(refusal)) if *code == refusal.code => Vec::new(),
        (None, Some(code), outcome) => {
            vec![format!("expected it refused as {code}, but it was {}", said(&outcome))]
        }
        (Some(expected), None, Verdict::Mapped(row)) => {
            let mut lines = Vec::new();
            compare("", expected, Some(&row.value), &mut lines);
            lines
        }
        (Some(_), None, outcome) => {
            vec![format!("expected a record, but it was {}", said(&outcome))]
        }
    }
}

fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Mapped(_) => "mapped".to_owned(),
        Verdict::Ignored => "ignored".to_owned(),
        Verdict::Refused(refusal) => format!("refused as {}: {}", refusal.code, refusal.message),
    }
}

/// Keys that are not expected are not compared; everything else is.
fn compare(at: &str, expected: &Value, actual: Option<&Value>, lines: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Some(Value::Object(actual))) => {
            for (key, value) in expected.iter() {
                compare(&format!("{at}.{key}"), value, actual.get(key), lines);
            }
        }
        (expected, Some(actual)) if expected.kind() == actual.kind() && same(expected, actual) => {}
        (expected, actual) => {
            let at = if at.is_empty() { "the record" } else { at };
            let actual = actual.map_or("nothing there".to_owned(), refusal::found);
            lines.push(format!("{at}: expected {}, got {actual}", refusal::found(expected)));
        }
    }
}
