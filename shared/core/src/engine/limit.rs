//! What a finished value must fulfil: `min`, `max`, `one_of`, `pattern`.

use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};

use super::{refusal::Refusal, source::noted};
use crate::{
    Number, Value, decimal,
    definition::{Problem, Rule},
    expr::same,
};

/// What a finished value must fulfil.
#[derive(Debug)]
pub(super) struct Limits {
    min: Option<Number>,
    max: Option<Number>,
    one_of: Option<Vec<Value>>,
    pattern: Option<Regex>,
}

impl Limits {
    /// Compiles the limits of a rule; `None` when there are none.
    pub(super) fn compile(at: &str, rule: &Rule, problems: &mut Vec<Problem>) -> Option<Self> {
        let mut number = |key: &str, value: &Option<Value>| match value {
            None => None,
            Some(Value::Number(number)) => Some(number.clone()),
            Some(other) => {
                let message = format!("expected a number, found {}", other.kind());
                problems.push(Problem::new(format!("{at}.{key}"), message));
                None
            }
        };
        let (min, max) = (number("min", &rule.min), number("max", &rule.max));
        if let (Some(min), Some(max)) = (&min, &max)
            && decimal::compare(min, max) == Ordering::Greater
        {
            problems.push(Problem::new(format!("{at}.min"), format!("{min} is above max, {max}")));
        }
        let pattern = rule
            .pattern
            .as_ref()
            .and_then(|text| noted(problems, &format!("{at}.pattern"), regex(text)));
        let one_of = rule.one_of.clone();
        let any = min.is_some() || max.is_some() || one_of.is_some() || pattern.is_some();
        any.then_some(Self { min, max, one_of, pattern })
    }

    /// Checks a value that is not null.
    pub(super) fn check(&self, value: &Value) -> Result<(), Refusal> {
        if self.min.is_some() || self.max.is_some() {
            self.check_range(value)?;
        }
        if let Some(allowed) = &self.one_of
            && !allowed.iter().any(|allowed| same(allowed, value))
        {
            let list = Value::from(allowed.clone()).to_string();
            let list: String = list.chars().take(100).collect();
            return Err(Refusal::unlike("ONE_OF", &format!("one of {list}"), value));
        }
        match (&self.pattern, value) {
            (None, _) => Ok(()),
            (Some(pattern), Value::String(text)) if pattern.is_match(text) => Ok(()),
            (Some(pattern), value) => {
                Err(Refusal::unlike("PATTERN", &format!("text like {}", pattern.as_str()), value))
            }
        }
    }

    fn check_range(&self, value: &Value) -> Result<(), Refusal> {
        match value {
            Value::Number(number) => {
                let below = |min: &Number| decimal::compare(number, min) == Ordering::Less;
                let above = |max: &Number| decimal::compare(number, max) == Ordering::Greater;
                if let Some(min) = self.min.as_ref().filter(|min| below(min)) {
                    return Err(Refusal::unlike("RANGE", &format!("at least {min}"), value));
                }
                match self.max.as_ref().filter(|max| above(max)) {
                    Some(max) => Err(Refusal::unlike("RANGE", &format!("at most {max}"), value)),
                    None => Ok(()),
                }
            }
            Value::String(text) if self.min.is_none() => {
                let max = self.max.as_ref().map_or(f64::INFINITY, Number::as_f64);
                // Bytes first: no text has more characters.
                #[expect(clippy::cast_precision_loss, reason = "no text is that long")]
                let fits = text.len() as f64 <= max || text.chars().count() as f64 <= max;
                if fits {
                    return Ok(());
                }
                let expected = format!("at most {max} characters");
                Err(Refusal::unlike("RANGE", &expected, value))
            }
            other => Err(Refusal::unlike("TYPE", "a number", other)),
        }
    }
}

/// Compiles a regular expression of bounded size; matching takes linear time.
fn regex(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).size_limit(256 * 1024).dfa_size_limit(256 * 1024).build();
    built.map_err(|error| {
        let error = error.to_string();
        let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("{text:?} is not a regular expression: {last}")
    })
}
