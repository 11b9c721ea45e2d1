//! Counts the work of an evaluation, and ends it when it is too much.

use std::borrow::Cow;

use super::lower::Node;
use crate::{Number, Value, json};

/// Steps and copied values allowed in one evaluation: a few milliseconds.
const FUEL: u32 = 200_000;
/// Most results of one evaluation.
const MAX_RESULTS: usize = 10_000;
/// Most bytes of text made in one step.
pub(super) const MAX_TEXT: usize = 256 * 1024;

/// Why evaluation ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The expression failed; `try` catches it.
    Error(String),
    /// Whoever took this number has enough results.
    Enough(u32),
    /// Too much work; nothing catches it.
    Spent,
}

pub(super) type Done = Result<(), Stop>;
pub(super) type Out<'o> = &'o mut dyn FnMut(&mut Machine, Cow<'_, Value>) -> Done;

/// Makes the error that `try` can catch.
pub(super) fn fail<T>(message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Error(message.into()))
}

/// The variables in reach, innermost first.
#[derive(Clone, Copy)]
pub(super) struct Env<'e>(Option<&'e Binding<'e>>);

/// One variable, and those around it.
pub(super) struct Binding<'e> {
    pub(super) value: &'e Value,
    pub(super) outer: Env<'e>,
}

impl<'e> Env<'e> {
    pub(super) fn with(binding: &'e Binding<'e>) -> Self {
        Self(Some(binding))
    }

    pub(super) fn get(self, at: usize) -> &'e Value {
        static NULL: Value = Value::Null;
        let mut env = self;
        for _ in 0..at {
            env = env.0.map_or(env, |binding| binding.outer);
        }
        env.0.map_or(&NULL, |binding| binding.value)
    }
}

/// Counts the work.
pub(super) struct Machine {
    fuel: u32,
    takers: u32,
}

/// Returns the first result.
pub(super) fn first(root: &Node, input: &Value) -> Result<Option<Value>, String> {
    let mut machine = Machine::new();
    let found = machine.first(root, Env(None), input, Machine::owned);
    found.and_then(|found| found.map(checked).transpose()).map_err(sentence)
}

/// Tells whether the first result is true.
pub(super) fn is_true(root: &Node, input: &Value) -> Result<bool, String> {
    let found = Machine::new().first(root, Env(None), input, |_, value| Ok(truth(&value)));
    found.map(|found| found == Some(true)).map_err(sentence)
}

/// Returns all results.
pub(super) fn all(root: &Node, input: &Value) -> Result<Vec<Value>, String> {
    let mut results = Vec::new();
    let done = Machine::new().run(root, Env(None), input, &mut |machine, value| {
        results.push(checked(machine.owned(value)?)?);
        if results.len() > MAX_RESULTS { Err(Stop::Spent) } else { Ok(()) }
    });
    done.map(|()| results).map_err(sentence)
}

fn sentence(stop: Stop) -> String {
    match stop {
        Stop::Error(message) => message,
        Stop::Enough(_) | Stop::Spent => "the expression took too many steps".to_owned(),
    }
}

/// What leaves must be readable as JSON again.
fn checked(value: Value) -> Result<Value, Stop> {
    if depth(&value) > json::MAX_DEPTH {
        return fail(format!("the result is nested deeper than {} levels", json::MAX_DEPTH));
    }
    Ok(value)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.iter().map(|(_, v)| depth(v)).max().unwrap_or(0),
        _ => 0,
    }
}

/// Everything but `null` and `false` is true.
pub(super) fn truth(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

impl Machine {
    fn new() -> Self {
        Self { fuel: FUEL, takers: 0 }
    }

    /// Pays for work.
    pub(super) fn spend(&mut self, steps: usize) -> Done {
        let steps = u32::try_from(steps).map_err(|_| Stop::Spent)?;
        self.fuel = self.fuel.checked_sub(steps).ok_or(Stop::Spent)?;
        Ok(())
    }

    /// Pays for making or reading this much text.
    pub(super) fn spend_text(&mut self, bytes: usize) -> Done {
        if bytes > MAX_TEXT {
            return fail(format!("a text has at most {MAX_TEXT} bytes"));
        }
        self.spend(1 + bytes / 32)
    }

    /// Copies a value that is only borrowed.
    pub(super) fn owned(&mut self, value: Cow<'_, Value>) -> Result<Value, Stop> {
        if let Cow::Borrowed(value) = &value {
            self.spend_value(value)?;
        }
        Ok(value.into_owned())
    }

    /// Pays for going through a whole value once.
    pub(super) fn spend_value(&mut self, value: &Value) -> Done {
        match value {
            Value::String(text) => self.spend(1 + text.len() / 32),
            Value::Array(items) => {
                self.spend(1)?;
                items.iter().try_for_each(|item| self.spend_value(item))
            }
            Value::Object(object) => {
                self.spend(1)?;
                object.iter().try_for_each(|(key, value)| {
                    self.spend(key.len() / 32)?;
                    self.spend_value(value)
                })
            }
            _ => self.spend(1),
        }
    }

    /// Gives the first result to `take`.
    pub(super) fn first<T>(
        &mut self,
        node: &Node,
        env: Env<'_>,
        input: &Value,
        mut take: impl FnMut(&mut Self, Cow<'_, Value>) -> Result<T, Stop>,
    ) -> Result<Option<T>, Stop> {
        if node.single {
            let value = self.one(node, env, input)?;
            return take(self, value).map(Some);
        }
        let mut found = None;
        self.until_enough(|machine, enough| {
            machine.run(node, env, input, &mut |machine, value| {
                found = Some(take(machine, value)?);
                Err(Stop::Enough(enough))
            })
        })?;
        Ok(found)
    }

    /// Runs `body` with a number with which its callbacks can end it.
    pub(super) fn until_enough(&mut self, body: impl FnOnce(&mut Self, u32) -> Done) -> Done {
        self.takers += 1;
        let enough = self.takers;
        match body(self, enough) {
            Err(Stop::Enough(taker)) if taker == enough => Ok(()),
            other => other,
        }
    }

    /// Comparing costs at most what the smaller side weighs.
    pub(super) fn spend_smaller(&mut self, left: &Value, right: &Value) -> Done {
        match (left, right) {
            (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => {
                self.spend_value(left)?;
                self.spend_value(right)
            }
            (Value::String(left), Value::String(right)) => {
                self.spend(1 + left.len().min(right.len()) / 64)
            }
            _ => self.spend(1),
        }
    }
}

/// Makes a number out of a count.
pub(super) fn count(len: usize) -> Value {
    Value::Number(Number::from(i64::try_from(len).unwrap_or(i64::MAX)))
}
