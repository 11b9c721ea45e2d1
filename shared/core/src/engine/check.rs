//! The `validate` list: what a mapped record must fulfil, and what happens when it does not.

use super::{refusal::Refusal, source::noted};
use crate::{
    Value,
    definition::{Action, Check, Integration, Problem},
    expr::Expr,
};

/// The compiled list.
#[derive(Debug)]
pub(super) struct Checks(Vec<Compiled>);

#[derive(Debug)]
struct Compiled {
    required: Vec<String>,
    when: Option<Expr>,
    failure: OnFailure,
    code: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum OnFailure {
    Park,
    Ignore,
    FailRun,
}

/// What becomes of a record that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checked {
    Pass,
    Ignore,
}

impl Checks {
    pub(super) fn compile(integration: &Integration, problems: &mut Vec<Problem>) -> Self {
        let checks = integration.validate.iter().enumerate();
        Self(checks.filter_map(|(at, check)| compile(at, check, integration, problems)).collect())
    }

    /// Runs the checks in order; the first that fails decides.
    pub(super) fn check(&self, row: &Value) -> Result<Checked, Refusal> {
        for check in &self.0 {
            let Some(refusal) = check.refusal(row)? else { continue };
            match check.failure {
                OnFailure::Ignore => return Ok(Checked::Ignore),
                OnFailure::Park => return Err(refusal),
                OnFailure::FailRun => {
                    return Err(Refusal { fails_run: true, ..refusal });
                }
            }
        }
        Ok(Checked::Pass)
    }
}

fn compile(
    at: usize,
    check: &Check,
    integration: &Integration,
    problems: &mut Vec<Problem>,
) -> Option<Compiled> {
    let at = format!("validate[{at}]");
    if check.required.is_empty() && check.when.is_none() {
        problems.push(Problem::new(&at, "say what to check: required, when, or both"));
    }
    check_columns(&at, check, integration, problems);
    let failure = match check.action {
        None | Some(Action::Park) => OnFailure::Park,
        Some(Action::Ignore) => OnFailure::Ignore,
        Some(Action::Fail) => OnFailure::FailRun,
        Some(_) => {
            problems.push(Problem::new(format!("{at}.do"), "a check can park, ignore or fail"));
            return None;
        }
    };
    let when = match &check.when {
        Some(code) => Some(noted(problems, &format!("{at}.when"), Expr::compile(code))?),
        None => None,
    };
    let (code, message) = (check.code.clone(), check.message.clone());
    Some(Compiled { required: check.required.clone(), when, failure, code, message })
}

/// A required column that the mapping does not make is a slip of the pen.
fn check_columns(at: &str, check: &Check, integration: &Integration, problems: &mut Vec<Problem>) {
    let Some(mapping) = &integration.map else { return };
    for (i, column) in check.required.iter().enumerate() {
        if !mapping.contains_key(column) {
            let names = mapping.keys().map(String::as_str);
            let message = format!("the mapping makes no column {column:?}");
            let at = format!("{at}.required[{i}]");
            problems.push(Problem::new(at, message).suggest(column, names));
        }
    }
}

impl Compiled {
    fn refusal(&self, row: &Value) -> Result<Option<Refusal>, Refusal> {
        let missing = self.required.iter().find(|name| row.get(name).is_none_or(Value::is_null));
        if let Some(column) = missing {
            let code = self.code.as_deref().unwrap_or("REQUIRED");
            let message = format!("{column}: {}", self.sentence("expected a value, found nothing"));
            return Ok(Some(Refusal::new(code, message).of(column)));
        }
        let Some(when) = &self.when else { return Ok(None) };
        match when.is_true(row) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let code = self.code.as_deref().unwrap_or("CHECK");
                let message = self.sentence(&format!("the check {when} found it wrong"));
                Ok(Some(Refusal::new(code, message)))
            }
            Err(message) => {
                Err(Refusal::new("EXPR", format!("the check {when} failed: {message}")))
            }
        }
    }

    fn sentence(&self, otherwise: &str) -> String {
        self.message.as_deref().unwrap_or(otherwise).to_owned()
    }
}
